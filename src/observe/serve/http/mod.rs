//! Metrics, health and the status page over HTTP.
//!
//! On a thread of its own with a runtime of its own, at a low priority. One request a connection; connections, header,
//! time and the work of answering are bounded, so a client that stalls, floods or sends garbage costs the signing
//! path nothing, and one that asks at once is answered at once.

mod hosts;
mod places;

use std::cell::{OnceCell, RefCell};
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

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing::{error, info, warn};

use crate::observe::health::{self, Unhealthy, live};
use crate::observe::metrics::{self, Audience, text};
use crate::observe::registry::Registry;
use crate::observe::serve::page;
use crate::observe::serve::runbook;
use crate::observe::status::HealthQuestion;
use crate::os::process::priority;
use crate::text::excerpt::Excerpt;
use crate::threads::{STACK, Shutdown, spawn_observer};

use hosts::Hosts;
use places::Places;

/// How many connections at once.
const CONNECTIONS: usize = 32;
/// How long to wait for a place when everybody is being answered.
const PLACE: Duration = Duration::from_millis(20);
/// How often the log says that a client asks for another host.
const TOLD: Duration = Duration::from_secs(600);
/// How long a connection may take in all, and until its header is there.
const WHOLE: Duration = Duration::from_secs(10);
const HEADER: Duration = Duration::from_secs(3);
/// The longest header in bytes.
const HEADER_BYTES: usize = 16 * 1024;
/// The most lines of a header.
const HEADER_LINES: usize = 64;
/// An answer is given again for so long, so that a flood of questions is little work.
const FRESH: Duration = Duration::from_millis(200);

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
     of this host in `listen` and restart tmkms"
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
    let answers = Rc::new(Answers {
        hosts,
        registry,
        metrics: RefCell::new(None),
        older: RefCell::new(None),
        page: RefCell::new(None),
        page_unfolded: RefCell::new(None),
        runbook: OnceCell::new(),
        told: RefCell::new(None),
    });
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

struct Answers {
    /// Under which names the host may be asked.
    hosts: Arc<Hosts>,
    registry: Arc<Registry>,
    metrics: RefCell<Option<(Instant, Bytes)>>,
    older: RefCell<Option<(Instant, Bytes)>>,
    page: RefCell<Option<(Instant, Bytes)>>,
    page_unfolded: RefCell<Option<(Instant, Bytes)>>,
    /// Made when somebody asks for it first.
    runbook: OnceCell<Bytes>,
    /// When the log last said that a client asked for another host.
    told: RefCell<Option<Instant>>,
}

impl Answers {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if let Err(name) = self.hosts.admit(request) {
            return self.misdirected(&name);
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/metrics" => self.metrics(request),
            "/" => {
                let view = page::PageView::of_query(request.uri().query());
                let kept = if view.latency {
                    &self.page_unfolded
                } else {
                    &self.page
                };
                let html = fresh(kept, || Some(page::render(&self.registry.status(), view)));
                web_page(html.unwrap_or_default())
            }
            "/runbook" => {
                let html = self.runbook.get_or_init(|| runbook::render().into());
                web_page(html.clone())
            }
            "/live" => match live(&self.registry) {
                Ok(text) => plain(StatusCode::OK, text),
                Err(text) => plain(StatusCode::SERVICE_UNAVAILABLE, text),
            },
            "/armed" => self.probe(HealthQuestion::Armed, request),
            "/ready" => self.probe(HealthQuestion::Ready, request),
            _ => plain(
                StatusCode::NOT_FOUND,
                "here are /, /metrics, /live, /armed, /ready and /runbook\n",
            ),
        }
    }

    fn probe(
        &self,
        question: HealthQuestion,
        request: &Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        match health::chains(&self.registry, question, request.uri().query()) {
            Ok(text) => plain(StatusCode::OK, text),
            Err(Unhealthy::No(text)) => plain(StatusCode::SERVICE_UNAVAILABLE, text),
            Err(Unhealthy::Senseless(text)) => plain(StatusCode::BAD_REQUEST, text),
        }
    }

    /// A client asked for a name that is not known to be this host's.
    fn misdirected(&self, name: &Excerpt) -> Response<Full<Bytes>> {
        let mut told = self.told.borrow_mut();
        if told.is_none_or(|at| at.elapsed() > TOLD) {
            *told = Some(Instant::now());
            warn!(
                event = "other_host",
                "metrics and health were asked for under the name {name} and not served: if that is a name of this host, \
                 add it to `hosts` of [metrics] and restart tmkms; if not, a web page may have tried to read them"
            );
        }
        let text = format!(
            "{name} is not a name of this host: ask for its IP address, or add the name to `hosts` of [metrics] in tmkms.toml and \
             restart tmkms\n"
        );
        plain(StatusCode::MISDIRECTED_REQUEST, text)
    }

    fn metrics(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let encode = || metrics::encode(self.registry.sample(), Audience::Scrape).ok();
        let (kind, text) = match reads_openmetrics(request) {
            true => (metrics::MEDIA_TYPE, fresh(&self.metrics, encode)),
            false => (
                text::MEDIA_TYPE,
                fresh(&self.older, || Some(text::from_openmetrics(&encode()?))),
            ),
        };
        match text {
            Some(text) => body(StatusCode::OK, kind, text),
            None => plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the metrics cannot be written\n",
            ),
        }
    }
}

/// Whether the asker names OpenMetrics among what it reads, as Prometheus does.
fn reads_openmetrics(request: &Request<Incoming>) -> bool {
    let accepted = request.headers().get_all(ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("application/openmetrics-text"))
}

/// What was made a moment ago, or a new one.
fn fresh(
    kept: &RefCell<Option<(Instant, Bytes)>>,
    make: impl FnOnce() -> Option<String>,
) -> Option<Bytes> {
    let mut kept = kept.borrow_mut();
    if let Some((at, bytes)) = &*kept
        && at.elapsed() < FRESH
    {
        return Some(bytes.clone());
    }
    let bytes = Bytes::from(make()?);
    *kept = Some((Instant::now(), bytes.clone()));
    Some(bytes)
}

fn web_page(html: Bytes) -> Response<Full<Bytes>> {
    let mut response = body(StatusCode::OK, "text/html; charset=utf-8", html);
    response.headers_mut().insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(page::POLICY),
    );
    response
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    body(status, "text/plain; charset=utf-8", text.into())
}

fn body(status: StatusCode, kind: &'static str, bytes: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    response
}
