//! What a path names: a page, a document, or a change.
//!
//! Documents are made on a thread that may block: the manager locks what its loop works on, and no
//! request for items waits behind that. Changes are written into the audit log before they are made.
//! Which calls there are is said in `table`, who may make them in `access`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use manager::{Manager, RekeyWish};
use planner::tuning::Pins;
use types::PartitionId;

use super::AdminComponents;
use super::access::{Role, Tokens, says_json};
use super::answer::{Answer, Document, Refusal, TEXT, response};
use super::audit::AuditLog;
use super::hand;
use super::table::{Call, ROUTES, Route};
use super::{openapi, overview, pages, parameters};
use crate::metrics::MetricsExport;
use crate::settings::HttpSettings;
use crate::wire::{BodyReader, Handler, RequestIds, within};

/// Under which the admin API's calls are.
const API: &str = "/api/v1/";
/// Tells an answer, and what is logged of it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// So much of a query is written into the audit log.
const QUERY_CHARS_MAX: usize = 200;
/// How much past a partition's page shows unless it is asked for more or less.
const PARTITION_PAST_MS: i64 = 24 * 3_600_000;

/// Answers the requests of the admin listener.
#[derive(Debug)]
pub(super) struct Routes {
    components: AdminComponents,
    ready: Arc<AtomicBool>,
    ids: RequestIds,
    tokens: ArcSwap<Tokens>,
    audit: AuditLog,
    bodies: BodyReader,
    request_max: Duration,
    started: Instant,
}

impl Routes {
    pub(super) fn new(
        components: AdminComponents,
        settings: &HttpSettings,
        tokens: Tokens,
        audit: AuditLog,
        ready: Arc<AtomicBool>,
    ) -> Self {
        let request_max = Duration::from_millis(settings.request_ms_max);
        let bodies = BodyReader::new(settings);
        // They differ from those of an earlier process, and nothing depends on more.
        let ids = RequestIds::new(components.manager.now_ms().cast_unsigned());
        Self {
            components,
            ready,
            ids,
            tokens: ArcSwap::from_pointee(tokens),
            audit,
            bodies,
            request_max,
            started: Instant::now(),
        }
    }

    /// From now on lets in whose tokens these are.
    pub(super) fn let_in(&self, tokens: Tokens) {
        self.tokens.store(Arc::new(tokens));
    }

    /// Answers in time, and says so in the log.
    async fn respond(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Full<Bytes>> {
        let (began, method) = (Instant::now(), request.method().clone());
        let path = request.uri().path().to_owned();
        let answer = tokio::time::timeout(self.request_max, self.answer(request, peer)).await;
        let response = response(answer.unwrap_or_else(|_| {
            Err(Refusal::internal("the request took too long; it may go on in the background"))
        }));
        let (status, us) = (response.status().as_u16(), began.elapsed().as_micros() as u64);
        tracing::debug!(%method, path, %peer, status, us, "answered");
        response
    }

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        let Some(path) = path.strip_prefix(API) else {
            return self.page(&head);
        };
        let (route, found) = route(&head.method, path)?;
        let who = self.tokens.load().admit(&head.headers, route.role())?;
        if route.method == Method::GET {
            return self.look(route.call, path, &found, head.uri.query()).await;
        }
        says_json(&head.headers)?;
        let body = self.bodies.read(body).await?;
        let now_ms = self.components.manager.now_ms();
        // A dry run is none by its path.
        let query = head.uri.query().unwrap_or_default();
        let asked = match query {
            "" => path.to_owned(),
            _ => format!("{path}?{}", query.chars().take(QUERY_CHARS_MAX).collect::<String>()),
        };
        let begun = self.audit.begin(now_ms, who, peer, &asked, &body.bytes).await;
        let entry = begun.map_err(|error| {
            tracing::error!(%error, "the audit log cannot be written");
            Refusal::internal(
                "the audit log cannot be written, so nothing was changed; see the log",
            )
        })?;
        let answer = self.change(route.call, path, &found, query, &body.bytes).await;
        let (status, why) = match &answer {
            Ok(_) => (StatusCode::OK, None),
            Err(refusal) => (refusal.status(), Some(refusal.reason.clone())),
        };
        self.audit.end(entry, status.as_u16(), why).await;
        answer
    }

    /// What is not under `/api/v1`.
    fn page(&self, head: &Parts) -> Answer {
        let path = head.uri.path();
        let known = matches!(path, "/healthz" | "/readyz" | "/metrics" | "/openapi.json");
        let file = pages::page(path);
        if head.method != Method::GET && (known || file.is_some()) {
            return Err(Refusal::not_allowed("GET"));
        }
        match path {
            "/healthz" => Ok(Document::new(TEXT, "ok\n")),
            "/readyz" => self.readiness(),
            "/openapi.json" => Document::json(&openapi::document(!self.tokens.load().is_empty())),
            "/metrics" => {
                self.tokens.load().admit(&head.headers, Role::ReadOnly)?;
                let text = self.components.metrics.render();
                let text = text.map_err(|error| Refusal::internal(error.to_string()))?;
                Ok(Document::new(MetricsExport::CONTENT_TYPE, text))
            }
            _ => file.ok_or_else(|| Refusal::not_found(path)),
        }
    }

    fn readiness(&self) -> Answer {
        match self.not_ready() {
            Some(why) => Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why)),
            None => Ok(Document::new(TEXT, "ready\n")),
        }
    }

    /// Why requests should not come here. A service whose log has failed still reads.
    fn not_ready(&self) -> Option<String> {
        if !self.ready.load(Ordering::Relaxed) {
            return Some("not ready".to_owned());
        }
        let failure = self.components.storage.log_metrics().and_then(|log| log.failure);
        failure.map(|why| format!("writes are refused until a restart: {why}"))
    }

    /// A document, made where it may take its time.
    async fn look(&self, call: Call, path: &str, found: &[&str], query: Option<&str>) -> Answer {
        if call == Call::Audit {
            return Document::json(&self.audit.document());
        }
        let components = self.components.clone();
        let (why_not, uptime_s) = (self.not_ready(), self.started.elapsed().as_secs());
        let found: Vec<String> = found.iter().map(|&text| text.to_owned()).collect();
        let (path, query) = (path.to_owned(), query.unwrap_or_default().to_owned());
        let made = tokio::task::spawn_blocking(move || match call {
            Call::Overview => overview::document(&components, why_not, uptime_s),
            _ => document(&components.manager, call, &path, &found, &query),
        });
        made.await.unwrap_or_else(|error| {
            tracing::error!(%error, "an admin document could not be made");
            Err(Refusal::internal("the document could not be made; see the log"))
        })
    }

    /// What changes something.
    async fn change(
        &self,
        call: Call,
        path: &str,
        found: &[&str],
        query: &str,
        body: &[u8],
    ) -> Answer {
        let manager = &self.components.manager;
        match (call, found) {
            (Call::ReportAnomalies, _) => Document::json(&manager.report_anomalies(body)?),
            (Call::Reslice, [table]) => self.reslice(table, query, body).await,
            (Call::Rekey, [table]) => {
                let wish: RekeyWish = serde_json::from_slice(body).map_err(|error| {
                    Refusal::new(StatusCode::BAD_REQUEST, format!("not a rekey: {error}"))
                })?;
                Document::json(&manager.rekey_by_hand(table, wish).await?)
            }
            (Call::PinThresholds, [table]) => {
                let pins: Pins = serde_json::from_slice(body).map_err(|error| {
                    Refusal::new(StatusCode::BAD_REQUEST, format!("not thresholds: {error}"))
                })?;
                Document::json(&manager.pin_thresholds(table, pins).await?)
            }
            (Call::CancelWorkflow, [id]) => {
                let id = number(id, path)?;
                match manager.rekey_document(id) {
                    Ok(_) => Document::json(&manager.cancel_rekey(id).await?),
                    Err(_) => Document::json(&manager.cancel_workflow(id)?),
                }
            }
            (Call::PauseWorkflow, [id]) => {
                Document::json(&manager.pause_workflow(number(id, path)?)?)
            }
            (Call::ResumeWorkflow, [id]) => {
                Document::json(&manager.resume_workflow(number(id, path)?)?)
            }
            (Call::PausePlanner, _) => Document::json(&manager.pause(true)),
            (Call::ResumePlanner, _) => Document::json(&manager.pause(false)),
            _ => Err(Refusal::not_found(path)),
        }
    }
}

impl Routes {
    /// An action by hand: carried out, begun, or only shown.
    async fn reslice(&self, table: &str, query: &str, body: &[u8]) -> Answer {
        let manager = &self.components.manager;
        let action = hand::action(&self.components.storage, table, body)?;
        if parameters::flag(query, "dry_run")? {
            return Document::json(&manager.preview_by_hand(table, action).await?);
        }
        match parameters::flag(query, "no_wait")? {
            true => Document::json(&manager.begin_reslice_by_hand(table, action).await?),
            false => Document::json(&manager.reslice_by_hand(table, action).await?),
        }
    }
}

/// The call that a request makes, and what stands in its path.
fn route<'a>(method: &Method, path: &'a str) -> Result<(&'static Route, Vec<&'a str>), Refusal> {
    let known = ROUTES.iter().filter_map(|route| Some((route, route.matches(path)?)));
    let known: Vec<_> = known.collect();
    let allowed: Vec<&str> = known.iter().map(|(route, _)| route.method.as_str()).collect();
    let allowed = allowed.join(", ");
    let route = known.into_iter().find(|(route, _)| route.method == *method);
    route.ok_or_else(|| match allowed.as_str() {
        "" => Refusal::not_found(path),
        allowed => Refusal::not_allowed(allowed),
    })
}

/// The document that a call asks for.
fn document(manager: &Manager, call: Call, path: &str, found: &[String], query: &str) -> Answer {
    let table = found.first().map(String::as_str).unwrap_or_default();
    let about = parameters::one(query, "table");
    match call {
        Call::Tables => Document::json(&manager.tables_document()),
        Call::Partitions => Document::json(&manager.partitions_document(table)?),
        Call::Partition => {
            let id = found.get(1).map(String::as_str).unwrap_or_default();
            let past_ms = parameters::number::<u32>(query, "past_minutes")?
                .map_or(PARTITION_PAST_MS, |minutes| i64::from(minutes) * 60_000);
            let page = manager.partition_page(table, PartitionId(number(id, path)?), past_ms)?;
            Document::json(&page)
        }
        Call::Workload => {
            let (window, cells_max) =
                (parameters::window(query)?, parameters::number(query, "cells_max")?);
            Document::json(&manager.window_document(table, window, cells_max)?)
        }
        Call::Vectors => {
            Document::json(&manager.vectors_document(table, parameters::window(query)?)?)
        }
        Call::Matrix => {
            let window = parameters::one(query, "window").map(|_| parameters::window(query));
            let from_ms = parameters::number(query, "from_ms")?.unwrap_or_default();
            Document::json(&manager.matrix_document(table, window.transpose()?, from_ms)?)
        }
        Call::Heatmap => {
            Document::json(&manager.heatmap_document(table, &parameters::heatmap(query)?)?)
        }
        Call::Forecast => Document::json(&manager.forecast_document(table)?),
        Call::Plan => Document::json(&manager.plan_document(table)?),
        Call::Tuning => Document::json(&manager.tuning_document(table)?),
        Call::Decisions => {
            Document::json(&manager.decisions_document(&parameters::decisions(query)?))
        }
        Call::Decision => Document::json(&manager.decision_document(number(table, path)?)?),
        Call::Considered => Document::json(&manager.considered_document(about)),
        Call::Anomalies => Document::json(&manager.anomalies_document(about)),
        Call::Workflows => {
            Document::json(&manager.workflows_document(parameters::flag(query, "ended")?))
        }
        Call::Workflow => {
            let id = number(table, path)?;
            match manager.rekey_document(id) {
                Ok(rekey) => Document::json(&rekey),
                Err(_) => Document::json(&manager.workflow_document(id)?),
            }
        }
        _ => Err(Refusal::not_found(path)),
    }
}

/// A number in a path.
fn number(text: &str, path: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| Refusal::not_found(path))
}

impl Handler for Routes {
    type Body = Full<Bytes>;

    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Self::Body> {
        let id = self.ids.next();
        let mut response = within(id.clone(), self.respond(request, peer)).await;
        response.headers_mut().insert(REQUEST_ID, id);
        response
    }
}
