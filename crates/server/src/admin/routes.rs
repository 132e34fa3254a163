//! Which document a path names.
//!
//! Documents are made on a thread that may block: the manager locks what its loop works on, and no
//! request for items waits behind that. A request that changes something must say that it is JSON
//! and name a loopback host: a web page of another origin cannot do both without the browser asking
//! first, and that question is not answered here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use manager::Manager;
use workload::Window;

use super::AdminComponents;
use super::answer::{Answer, Document, HTML, JSON, Refusal, TEXT, response};
use super::hand;
use crate::metrics::MetricsExport;
use crate::settings::HttpSettings;
use crate::wire::{BodyReader, Handler};

/// The page at `/`.
const PAGE: &str = include_str!("../../assets/index.html");

/// How much past a heat map shows unless it is asked for more or less: the page's half day.
const HEATMAP_PAST_MINUTES: u32 = 720;

/// Answers the requests of the admin listener.
#[derive(Debug)]
pub(super) struct Routes {
    components: AdminComponents,
    ready: Arc<AtomicBool>,
    bodies: BodyReader,
    request_max: Duration,
}

impl Routes {
    pub(super) fn new(
        components: AdminComponents,
        settings: &HttpSettings,
        ready: Arc<AtomicBool>,
    ) -> Self {
        let request_max = Duration::from_millis(settings.request_ms_max);
        Self { components, ready, bodies: BodyReader::new(settings), request_max }
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let query = head.uri.query().unwrap_or_default().to_owned();
        match (head.method, path.strip_prefix("/api/v1/")) {
            (Method::GET, None) => self.page(&path),
            (Method::GET, Some(path)) => {
                let (manager, path) = (Arc::clone(&self.components.manager), path.to_owned());
                let made = tokio::task::spawn_blocking(move || document(&manager, &path, &query));
                made.await.unwrap_or_else(|error| {
                    tracing::error!(%error, "an admin document could not be made");
                    Err(Refusal::internal("the document could not be made; see the log"))
                })
            }
            (Method::POST, Some(path)) => {
                same_origin(&head.headers)?;
                let body = self.bodies.read(body).await?;
                self.change(path, &query, &body.bytes).await
            }
            _ => Err(Refusal::not_found(&path)),
        }
    }

    /// What is not under `/api/v1`.
    fn page(&self, path: &str) -> Answer {
        match path {
            "/" | "/index.html" => Ok(Document::new(HTML, PAGE)),
            "/healthz" => Ok(Document::new(TEXT, "ok\n")),
            "/readyz" => self.readiness(),
            "/metrics" => {
                let text = self.components.metrics.render();
                let text = text.map_err(|error| Refusal::internal(error.to_string()))?;
                Ok(Document::new(MetricsExport::CONTENT_TYPE, text))
            }
            _ => Err(Refusal::not_found(path)),
        }
    }

    /// Whether requests should come here. A service whose log has failed still reads.
    fn readiness(&self) -> Answer {
        let unavailable = |why| Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why));
        if !self.ready.load(Ordering::Relaxed) {
            return unavailable("not ready".to_owned());
        }
        match self.components.storage.log_metrics().and_then(|log| log.failure) {
            Some(why) => unavailable(format!("writes are refused until a restart: {why}")),
            None => Ok(Document::new(TEXT, "ready\n")),
        }
    }

    /// What changes something.
    async fn change(&self, path: &str, query: &str, body: &[u8]) -> Answer {
        let manager = &self.components.manager;
        let segments: Vec<&str> = path.split('/').collect();
        match segments[..] {
            ["anomalies"] => Document::json(&manager.report_anomalies(body)?),
            ["tables", table, "reslice"] => self.reslice(table, query, body).await,
            ["workflows", id, "cancel"] => Document::json(&manager.cancel_workflow(number(id)?)?),
            ["workflows", id, "pause"] => Document::json(&manager.pause_workflow(number(id)?)?),
            ["workflows", id, "resume"] => Document::json(&manager.resume_workflow(number(id)?)?),
            _ => Err(Refusal::not_found(path)),
        }
    }

    /// An action by hand: carried out, begun, or only shown.
    async fn reslice(&self, table: &str, query: &str, body: &[u8]) -> Answer {
        let manager = &self.components.manager;
        let action = hand::action(&self.components.storage, table, body)?;
        if flag(query, "dry_run")? {
            return Document::json(&manager.preview_by_hand(table, action).await?);
        }
        match flag(query, "no_wait")? {
            true => Document::json(&manager.begin_reslice_by_hand(table, action).await?),
            false => Document::json(&manager.reslice_by_hand(table, action).await?),
        }
    }
}

/// The document at `path` under `/api/v1`.
fn document(manager: &Manager, path: &str, query: &str) -> Answer {
    let segments: Vec<&str> = path.split('/').collect();
    match segments[..] {
        ["tables"] => Document::json(&manager.tables_document()),
        ["decisions"] => Document::json(&manager.decisions_document(parameter(query, "table"))),
        ["anomalies"] => Document::json(&manager.anomalies_document(parameter(query, "table"))),
        ["workflows"] => Document::json(&manager.workflows_document(flag(query, "ended")?)),
        ["workflows", id] => Document::json(&manager.workflow_document(number(id)?)?),
        ["tables", table, "partitions"] => Document::json(&manager.partitions_document(table)?),
        ["tables", table, "vectors"] => Document::json(&manager.vectors_document(table)?),
        ["tables", table, "forecast"] => Document::json(&manager.forecast_document(table)?),
        ["tables", table, "plan"] => Document::json(&manager.plan_document(table)?),
        ["tables", table, "workload"] => {
            Document::json(&manager.window_document(table, window(query)?)?)
        }
        ["tables", table, "heatmap"] => {
            Document::json(&manager.heatmap_document(table, past_minutes(query)?)?)
        }
        _ => Err(Refusal::not_found(path)),
    }
}

/// A parameter of the query, as it stands there: names of tables need no escapes.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(n, _)| *n == name).map(|p| p.1)
}

/// A parameter that says yes or no; no if it is missing.
fn flag(query: &str, name: &str) -> Result<bool, Refusal> {
    match parameter(query, name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => {
            let reason = format!("{name}={other:?} is neither true nor false");
            Err(Refusal::new(StatusCode::BAD_REQUEST, reason))
        }
    }
}

/// The number of a workflow.
fn number(text: &str) -> Result<u64, Refusal> {
    let reason = || format!("{text:?} is not the number of a workflow");
    text.parse().map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, reason()))
}

fn window(query: &str) -> Result<Window, Refusal> {
    match parameter(query, "window").unwrap_or("5m") {
        "5m" => Ok(Window::FiveMinutes),
        "1h" => Ok(Window::Hour),
        "1d" => Ok(Window::Day),
        other => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            format!("there is no window {other:?}; choose 5m, 1h or 1d"),
        )),
    }
}

fn past_minutes(query: &str) -> Result<u32, Refusal> {
    let Some(text) = parameter(query, "past_minutes") else {
        return Ok(HEATMAP_PAST_MINUTES);
    };
    text.parse().map_err(|_| {
        let reason = format!("past_minutes={text:?} is not a whole number of minutes");
        Refusal::new(StatusCode::BAD_REQUEST, reason)
    })
}

/// Refuses what a web page of another origin could send.
fn same_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !text(CONTENT_TYPE).starts_with(JSON) {
        let reason = format!("send the request with content-type: {JSON}");
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
    }
    let host = text(HOST);
    if !is_loopback(host) {
        let reason = format!("this service is on a loopback address, not on {host:?}");
        return Err(Refusal::new(StatusCode::FORBIDDEN, reason));
    }
    Ok(())
}

/// Whether a `Host` header names this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

impl Handler for Routes {
    type Body = Full<Bytes>;

    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        _peer: SocketAddr,
    ) -> Response<Self::Body> {
        let answer = tokio::time::timeout(self.request_max, self.answer(request)).await;
        response(answer.unwrap_or_else(|_| {
            Err(Refusal::internal("the request took too long; it may go on in the background"))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_hosts_may_change_something() {
        for host in ["localhost", "localhost:8001", "127.0.0.1:8001", "[::1]:8001", "127.9.9.9"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["", "example.com", "example.com:8001", "localhost.example.com", "10.0.0.1:1"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn parameters_are_checked() {
        assert!(matches!(window("window=1h&x=2"), Ok(Window::Hour)));
        assert!(matches!(window(""), Ok(Window::FiveMinutes)));
        assert!(window("window=2h").is_err_and(|r| r.reason.contains("5m, 1h or 1d")));
        assert!(past_minutes("").is_ok_and(|minutes| minutes == HEATMAP_PAST_MINUTES));
        assert!(past_minutes("past_minutes=-1").is_err());
    }
}
