//! What tells the operator, for as long as the service lives: the control socket, HTTP, the text file, the look at disks.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::config::{Config, Metrics};
use crate::observe::disk;
use crate::observe::registry::Registry;
use crate::observe::serve::http::{HttpServer, ListenError};
use crate::observe::serve::{control, http, textfile};
use crate::threads::Shutdown;

/// Those that run, once the service has a chain; ended when they are taken out.
#[derive(Clone, Default)]
pub(super) struct SharedObservers(Arc<Mutex<Option<Observers>>>);

/// What must be let go in order: the socket, the port and the text file.
struct Observers {
    _control: control::Control,
    http: Option<HttpServer>,
    textfile: Option<textfile::Kept>,
}

impl SharedObservers {
    /// Begins with all of them.
    pub fn begin(
        &self,
        config: &Config,
        registry: &Arc<Registry>,
        actions: control::Actions,
        stop: &Arc<Shutdown>,
    ) -> io::Result<()> {
        let observers = Observers {
            _control: control::serve(config, registry.clone(), actions, stop)?,
            http: serve(&config.metrics, None, registry)?,
            textfile: textfile::keep(config.metrics.textfile.as_deref(), registry)?,
        };
        disk::keep(registry, stop)?;
        *self.0.lock() = Some(observers);
        Ok(())
    }

    /// Listens at another address. Where the one of `before` is in its way, as 127.0.0.1 is for 0.0.0.0 at the same port, that
    /// one is let go first, and comes back if it was in vain.
    ///
    /// # Errors
    /// The address cannot be had.
    pub fn take_address(
        &self,
        before: &Metrics,
        address: SocketAddr,
        registry: &Arc<Registry>,
    ) -> Result<TcpListener, ListenError> {
        let first = http::bind(address);
        let same_port = |before: SocketAddr| before.port() == address.port();
        let mut all = self.0.lock();
        match &mut *all {
            Some(observers) if first.is_err() && before.listen.is_some_and(same_port) => {
                drop(observers.http.take());
                http::bind(address).inspect_err(|_| {
                    // Without room for a thread nothing can be served, and the next reload tries it again.
                    observers.http = serve(before, None, registry).unwrap_or(None);
                })
            }
            Some(_) | None => first,
        }
    }

    /// Follows other settings of `[metrics]`. `first` listens at their address already.
    pub fn follow(
        &self,
        (before, now): (&Metrics, &Metrics),
        first: Option<TcpListener>,
        registry: &Arc<Registry>,
    ) -> io::Result<()> {
        let mut all = self.0.lock();
        let Some(observers) = &mut *all else {
            return Ok(());
        };
        if (before.listen, &before.hosts) != (now.listen, &now.hosts) {
            // Before the new one, which may want the same port.
            drop(observers.http.take());
            registry.listening(None);
            observers.http = serve(now, first, registry)?;
        }
        if before.textfile != now.textfile {
            drop(observers.textfile.take());
            observers.textfile = textfile::keep(now.textfile.as_deref(), registry)?;
        }
        Ok(())
    }

    /// Whether there are any.
    pub fn are_there(&self) -> bool {
        self.0.lock().is_some()
    }

    /// The end of all.
    pub fn end(&self) {
        drop(self.0.lock().take());
    }
}

fn serve(
    metrics: &Metrics,
    first: Option<TcpListener>,
    registry: &Arc<Registry>,
) -> io::Result<Option<HttpServer>> {
    let Some(address) = metrics.listen else {
        return Ok(None);
    };
    http::serve(address, &metrics.hosts, first, registry.clone()).map(Some)
}
