//! The DynamoDB API's front: from an HTTP request to an operation, and back to a reply.
//!
//! In this order, as DynamoDB does: method and path, the operation's name, the signature, the body.
//! What the operation then does is `execution`'s business.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use dynamodb::sigv4::Signature;
use dynamodb::{ApiError, ErrorKind, Operation};
use http::header::{ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::auth::Doorkeeper;
use crate::execution::{Call, Executor};
use crate::metrics::Metrics;
use crate::settings::ServerSettings;
use crate::wire::{
    BodyError, BodyReader, Caller, Cors, EncodingError, Handler, Reply, RequestIds, decoded,
    wants_gzip, within,
};

/// Answers the requests of the DynamoDB API.
#[derive(Debug)]
pub(crate) struct Service {
    executor: Executor,
    metrics: Arc<Metrics>,
    ids: RequestIds,
    bodies: BodyReader,
    entry: ArcSwap<Entry>,
    request_max: Duration,
    health: String,
}

/// Who may come in; replaced as a whole when the configuration is read again.
#[derive(Debug)]
struct Entry {
    doorkeeper: Doorkeeper,
    cors: Cors,
}

impl Entry {
    fn new(settings: &ServerSettings) -> Self {
        let (origins, credentials) = (&settings.http.cors_origins, &settings.credentials);
        Self {
            doorkeeper: Doorkeeper::new(credentials),
            cors: Cors::new(origins.as_deref(), !credentials.is_empty()),
        }
    }
}

impl Service {
    /// A service that answers through `executor`.
    pub(crate) fn new(
        settings: &ServerSettings,
        executor: Executor,
        metrics: Arc<Metrics>,
        seed: u64,
    ) -> Self {
        Self {
            executor,
            metrics,
            ids: RequestIds::new(seed),
            bodies: BodyReader::new(&settings.http),
            entry: ArcSwap::from_pointee(Entry::new(settings)),
            request_max: Duration::from_millis(settings.http.request_ms_max),
            health: format!("healthy: dynamodb.{}.amazonaws.com ", settings.region),
        }
    }

    /// From now on lets in whom `settings` let in.
    pub(crate) fn let_in(&self, settings: &ServerSettings) {
        self.entry.store(Arc::new(Entry::new(settings)));
    }

    /// The executor, for what is not a request.
    pub(crate) fn executor(&self) -> &Executor {
        &self.executor
    }

    /// What is answered to a request, of a page elsewhere if `asked` has headers.
    async fn reply(
        &self,
        request: Request<Incoming>,
        asked: &HeaderMap,
        peer: SocketAddr,
    ) -> Reply {
        let wants_gzip = wants_gzip(request.headers());
        let reply = match (request.method(), request.uri().path()) {
            (&Method::POST, "/") if !self.entry.load().cors.admits(asked) => {
                refused(&foreign_page())
            }
            (&Method::POST, "/") => self.operate(request, peer).await,
            (&Method::GET, "/") => Reply::text(StatusCode::OK, self.health.clone()),
            (&Method::OPTIONS, "/") => Reply::text(StatusCode::OK, String::new()),
            _ => Reply::text(StatusCode::NOT_FOUND, "<UnknownOperationException/>\n".to_owned()),
        };
        if wants_gzip { reply.packed().await } else { reply }
    }

    /// A request to execute an operation.
    async fn operate(&self, request: Request<Incoming>, peer: SocketAddr) -> Reply {
        let began = Instant::now();
        let operation = operation(request.headers());
        let result = match &operation {
            Ok(operation) => {
                let answer = self.answer(*operation, request, peer);
                tokio::time::timeout(self.request_max, answer).await.unwrap_or_else(|_| {
                    let seconds = self.request_max.as_secs_f64();
                    tracing::warn!(operation = operation.name(), seconds, "request timed out");
                    Err(ApiError::internal("The request took too long; it may have been executed"))
                })
            }
            Err(error) => Err(error.clone()),
        };
        let took = began.elapsed();
        tracing::debug!(
            operation = operation.as_ref().map_or("unknown", |operation| operation.name()),
            %peer,
            error = result.as_ref().err().map(|error| error.kind().type_name()),
            us = took.as_micros() as u64,
            "answered"
        );
        self.metrics.count(operation.ok(), took, result.as_ref().err());
        match result {
            Ok(body) => Reply::json(StatusCode::OK, body),
            Err(error) => refused(&error),
        }
    }

    /// Signature, body, execution.
    async fn answer(
        &self,
        operation: Operation,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Vec<u8>, ApiError> {
        let (head, body) = request.into_parts();
        let (uri, headers) = (&head.uri, &head.headers);
        let signature = Signature::read(uri, headers)?;
        let now_ms = self.executor.now_ms();
        let key = self.entry.load().doorkeeper.key(&signature, uri, headers, now_ms)?;
        let body = self.bodies.read(body).await.map_err(|error| self.unreadable(error))?;
        if let Some(key) = key {
            signature.verify(&head.method, uri, headers, &body.bytes, &key)?;
        }
        let plain =
            decoded(headers, body.bytes.clone(), self.bodies.bytes_max()).map_err(|error| {
                match error {
                    EncodingError::Body(error) => self.unreadable(error),
                    EncodingError::Unknown(encoding) => ApiError::serialization(format!(
                        "The content encoding '{encoding}' is not supported; use gzip"
                    )),
                }
            })?;
        let caller = Caller::of(&signature, headers, peer);
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let call = Call {
            client: caller.register(self.executor.clients()),
            invocation_id: header("amz-sdk-invocation-id"),
            sdk_request: header("amz-sdk-request"),
            host: header("host").unwrap_or_default(),
            now_ms: self.executor.now_ms(),
            real_ms: self.executor.real_ms(),
        };
        self.executor.execute(operation, &plain, &call).await
    }

    fn unreadable(&self, error: BodyError) -> ApiError {
        match error {
            BodyError::TooLarge => ApiError::validation(format!(
                "The request body exceeds the limit of {} bytes",
                self.bodies.bytes_max()
            )),
            BodyError::Broken => ApiError::serialization("The request body could not be read"),
        }
    }
}

impl Handler for Service {
    type Body = Full<Bytes>;

    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Self::Body> {
        let id = self.ids.next();
        let (method, asked) = (request.method().clone(), cross_origin(request.headers()));
        let reply = within(id.clone(), self.reply(request, &asked, peer)).await;
        let mut response = reply.into_response(id);
        let cors = &self.entry.load().cors;
        match method {
            Method::OPTIONS => cors.allow_beforehand(&asked, response.headers_mut()),
            _ => cors.allow(&asked, response.headers_mut()),
        }
        response
    }
}

fn refused(error: &ApiError) -> Reply {
    let status = StatusCode::from_u16(error.status());
    Reply::json(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error.to_body())
}

fn foreign_page() -> ApiError {
    let message = "Web pages of this origin may not use this service; name it in cors_origins under \
                   [server.http], or configure credentials";
    ApiError::new(ErrorKind::AccessDenied, message)
}

/// The headers that a browser adds for a page of another origin. Nearly every request has none, and
/// then nothing is copied.
fn cross_origin(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in [ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS] {
        if let Some(value) = headers.get(&name) {
            kept.insert(name, value.clone());
        }
    }
    kept
}

/// Which operation the headers ask for.
fn operation(headers: &HeaderMap) -> Result<Operation, ApiError> {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    Operation::from_target(target.unwrap_or_default())
}
