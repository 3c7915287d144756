//! What tells the operator, for as long as the service lives: the control socket, HTTP, the text file, the look at disks.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::config::{Config, Metrics};
use crate::observe::disk;
use crate::observe::registry::Registry;
use crate::observe::serve::http::HttpServer;
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
