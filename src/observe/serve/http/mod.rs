//! Metrics, health and the status page over HTTP.
//!
//! On a thread of its own with a runtime of its own, at a low priority. One request a connection; connections, header,
//! time and the work of answering are bounded, so a client that stalls, floods or sends garbage costs the signing
//! path nothing, and one that asks at once is answered at once.

mod answers;
mod hosts;
mod places;

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing::{error, info};

use crate::observe::registry::Registry;
use crate::os::process::priority;
use crate::threads::{STACK, Shutdown, spawn_observer};

use answers::Answers;
use hosts::Hosts;
use places::Places;

/// How many connections at once.
const CONNECTIONS: usize = 32;
/// How long to wait for a place when everybody is being answered.
const PLACE: Duration = Duration::from_millis(20);
/// How long a connection may take in all, and until its header is there.
const WHOLE: Duration = Duration::from_secs(10);
const HEADER: Duration = Duration::from_secs(3);
/// The longest header in bytes.
const HEADER_BYTES: usize = 16 * 1024;
/// The most lines of a header.
const HEADER_LINES: usize = 64;

/// How long the end waits for those who are being answered.
const LEAVE: Duration = Duration::from_secs(1);
/// Between two tries to listen: the program that has the port may end.
const AGAIN: Duration = Duration::from_secs(3);
/// How often the same trouble is told.
const REPEAT: Duration = Duration::from_secs(60);

/// The address for metrics is taken, or is not an address of this host.
#[derive(Debug, thiserror::Error)]
#[error(
    "the address {address} of [metrics] cannot be listened on: {source}; end the program that has it, or name a free port \
     of this host in `listen` and reload tmkms"
)]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

/// Takes the address. The caller may only want to know whether it can be had.
///
/// # Errors
/// What the system says.
pub fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let listen = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listen().map_err(|source| ListenError { address, source })
}

/// Begins to answer, as soon as the address can be had, or at once at `first`. No trouble with it keeps a chain from being
/// signed for.
///
/// # Errors
/// The host has no room for another thread.
pub(crate) fn serve(
    address: SocketAddr,
    names: &[String],
    first: Option<TcpListener>,
    registry: Arc<Registry>,
) -> io::Result<HttpServer> {
    let hosts = Arc::new(Hosts::new(names));
    let stop = Arc::new(Shutdown::default());
    let (ended, ending) = channel();
    let (wake, woken) = watch::channel(());
    let server = HttpServer {
        stop: stop.clone(),
        wake: Some(wake),
        ending,
    };
    let inner = stop.clone();
    let first = Mutex::new(first);
    spawn_observer("http", 4 * STACK, &stop, move || {
        let _ended: &Sender<()> = &ended;
        priority::lower_priority();
        let answering = Answering {
            address,
            hosts: hosts.clone(),
            registry: registry.clone(),
            until: woken.clone(),
        };
        let first = first.lock().take();
        answering.listen(first, &inner);
    })?;
    Ok(server)
}

/// Answers until it is dropped.
pub(crate) struct HttpServer {
    stop: Arc<Shutdown>,
    /// Wakes who listens when it is dropped.
    wake: Option<watch::Sender<()>>,
    /// Closed when nobody listens any more.
    ending: Receiver<()>,
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.stop.trigger();
        drop(self.wake.take());
        // The port may be wanted by whoever comes next.
        let _ = self.ending.recv_timeout(LEAVE);
    }
}

struct Answering {
    address: SocketAddr,
    hosts: Arc<Hosts>,
    registry: Arc<Registry>,
    until: watch::Receiver<()>,
}

impl Answering {
    fn listen(self, mut first: Option<TcpListener>, stop: &Shutdown) {
        let Self {
            address,
            hosts,
            registry,
            until,
        } = self;
        let mut told: Option<(String, Instant)> = None;
        loop {
            let why = match first.take().map_or_else(|| bind(address), Ok) {
                Err(error) => error.to_string(),
                Ok(listener) => {
                    registry.listening(None);
                    let at = listener.local_addr().unwrap_or(address);
                    info!(event = "listening", address = %at, "metrics, health and a status page at http://{at}/");
                    match run(listener, hosts.clone(), registry.clone(), until.clone()) {
                        _ if stop.is_set() => return,
                        Ok(()) => return,
                        Err(error) => format!("metrics at {address} cannot be served: {error}"),
                    }
                }
            };
            let news = told
                .as_ref()
                .is_none_or(|(last, at)| *last != why || at.elapsed() >= REPEAT);
            if news {
                error!(
                    event = "not_listening",
                    %address,
                    "{why}. Signing goes on; it is tried again every {} s",
                    AGAIN.as_secs()
                );
                told = Some((why.clone(), Instant::now()));
            }
            registry.listening(Some(why));
            if stop.wait(AGAIN) {
                return;
            }
        }
    }
}

fn run(
    listener: TcpListener,
    hosts: Arc<Hosts>,
    registry: Arc<Registry>,
    mut until: watch::Receiver<()>,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answers = Rc::new(Answers::new(hosts, registry));
    let local = tokio::task::LocalSet::new();
    let whole = async move {
        let (mut accepting, mut ending) = (pin!(accept(listener, answers)), pin!(until.changed()));
        poll_fn(|context| match ending.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(Ok(())),
            Poll::Pending => accepting.as_mut().poll(context),
        })
        .await
    };
    runtime.block_on(local.run_until(whole))
}

/// Gives a place back when it is dropped.
struct Leave(Rc<RefCell<Places<AbortHandle>>>, u64);

impl Drop for Leave {
    fn drop(&mut self) {
        // Nothing else has them between two awaits; while an answer panics, its request is counted already.
        if let Ok(mut places) = self.0.try_borrow_mut() {
            places.leave(self.1);
        }
    }
}

async fn accept(listener: TcpListener, answers: Rc<Answers>) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let places = Rc::new(RefCell::new(Places::<AbortHandle>::new(CONNECTIONS)));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files, for instance: it passes, and must not become a busy loop.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        while places.borrow().is_full() {
            let shown_out = places.borrow_mut().show_out(Instant::now());
            match shown_out {
                Some(connection) => connection.abort(),
                None => tokio::time::sleep(PLACE).await,
            }
        }
        let (answers, all) = (answers.clone(), places.clone());
        let serve = |place| async move {
            // However the task ends, by a bug in an answer, too.
            let _leave = Leave(all.clone(), place);
            let asked = all;
            let service = service_fn(move |request| {
                asked.borrow_mut().asked(place, Instant::now());
                let response = answers.answer(&request);
                async move { Ok::<_, Infallible>(response) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER)
                .max_buf_size(HEADER_BYTES)
                .max_headers(HEADER_LINES)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            // A client that goes away or asks nonsense does not matter.
            let _ = tokio::time::timeout(WHOLE, connection).await;
        };
        // The task runs when this one waits, so its place is taken by then.
        let begin = |place| tokio::task::spawn_local(serve(place)).abort_handle();
        places.borrow_mut().take(begin);
    }
}
