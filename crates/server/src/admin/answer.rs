//! What the admin listener sends: a document, or one line that says why there is none.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use http_body_util::Full;
use manager::ManagerError;
use serde::Serialize;

use super::pages;
use crate::wire::BodyError;

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const JSON: &str = "application/json";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// A document, or why there is none.
pub(super) type Answer = Result<Document, Refusal>;

/// What is sent.
#[derive(Debug)]
pub(super) struct Document {
    content_type: &'static str,
    body: Bytes,
}

/// What is refused, and why.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    pub(super) reason: String,
    /// What the client should know besides.
    header: Option<(HeaderName, HeaderValue)>,
}

/// The body of every admin error.
#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
}

impl Document {
    pub(super) fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self { content_type, body }
    }

    /// `content` as JSON.
    pub(super) fn json(content: &impl Serialize) -> Answer {
        let body = serde_json::to_vec(content).map_err(|error| {
            tracing::error!(%error, "an admin document could not be encoded");
            Refusal::internal("the document could not be encoded; see the log")
        })?;
        Ok(Self::new(JSON, body))
    }
}

impl Refusal {
    pub(super) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { status, reason, header: None }
    }

    pub(super) fn not_found(path: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is nothing at {path}"))
    }

    /// The path is right, but not for this method.
    pub(super) fn not_allowed(allowed: &str) -> Self {
        let reason = format!("that can only be asked with {allowed}");
        let allow = HeaderValue::from_str(allowed).ok().map(|value| (ALLOW, value));
        Self { header: allow, ..Self::new(StatusCode::METHOD_NOT_ALLOWED, reason) }
    }

    /// Nobody is known by what the request says.
    pub(super) fn unauthorized() -> Self {
        let reason = "send a token of [admin.tokens] as Authorization: Bearer TOKEN";
        let challenge = HeaderValue::from_static("Bearer");
        let header = Some((WWW_AUTHENTICATE, challenge));
        Self { header, ..Self::new(StatusCode::UNAUTHORIZED, reason) }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn internal(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, reason)
    }

    fn body(&self) -> Bytes {
        let error = &self.reason;
        // Text in a struct always encodes; the status would still say what happened.
        serde_json::to_vec(&ErrorBody { error }).unwrap_or_default().into()
    }
}

impl From<ManagerError> for Refusal {
    fn from(error: ManagerError) -> Self {
        let status = match &error {
            ManagerError::NoSuchTable(_)
            | ManagerError::NoSuchPartition(..)
            | ManagerError::NoSuchWorkflow(_) => StatusCode::NOT_FOUND,
            ManagerError::Refused(_) => StatusCode::BAD_REQUEST,
            ManagerError::Busy(_)
            | ManagerError::Conflict(_)
            | ManagerError::Cancelled(_)
            | ManagerError::GivenUp { .. } => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        let (status, reason) = match error {
            BodyError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            BodyError::Broken => (StatusCode::BAD_REQUEST, "the body could not be read"),
        };
        Self::new(status, reason)
    }
}

/// The HTTP response; nothing of it may be kept, all of it changes by the second.
pub(super) fn response(answer: Answer) -> Response<Full<Bytes>> {
    let (status, content_type, body, header) = match answer {
        Ok(document) => (StatusCode::OK, document.content_type, document.body, None),
        Err(refusal) => (refusal.status, JSON, refusal.body(), refusal.header),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    pages::protect(headers);
    headers.extend(header);
    response
}
