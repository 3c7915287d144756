//! What is answered to whom: one request, one answer, made again only when the last one is older than a moment.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
};
use hyper::{Method, Request, Response, StatusCode};
use tracing::warn;

use crate::observe::health::{self, Unhealthy, live};
use crate::observe::metrics::{self, Audience, text};
use crate::observe::registry::Registry;
use crate::observe::serve::page;
use crate::observe::serve::runbook;
use crate::observe::status::HealthQuestion;
use crate::text::excerpt::Excerpt;

use super::hosts::Hosts;

/// How often the log says that a client asks for another host.
const TOLD: Duration = Duration::from_secs(600);
/// An answer is given again for so long, so that a flood of questions is little work.
const FRESH: Duration = Duration::from_millis(200);

/// What was answered a moment ago.
pub(super) struct Answers {
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
    pub fn new(hosts: Arc<Hosts>, registry: Arc<Registry>) -> Self {
        Self {
            hosts,
            registry,
            metrics: RefCell::default(),
            older: RefCell::default(),
            page: RefCell::default(),
            page_unfolded: RefCell::default(),
            runbook: OnceCell::new(),
            told: RefCell::default(),
        }
    }

    pub fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
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
                 add it to `hosts` of [metrics] and reload tmkms; if not, a web page may have tried to read them"
            );
        }
        let text = format!(
            "{name} is not a name of this host: ask for its IP address, or add the name to `hosts` of [metrics] in tmkms.toml and \
             reload tmkms\n"
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
