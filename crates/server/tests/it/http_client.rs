//! A small raw HTTP client: says exactly what is sent, and shows exactly what came back.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header::HeaderMap};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// The authorization of a well-formed but unverifiable signature.
pub(crate) const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 \
    Credential=AKIDRAW/20240501/us-east-1/dynamodb/aws4_request, \
    SignedHeaders=host;x-amz-date;x-amz-target, \
    Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A client of one server; keeps its connections.
#[derive(Clone, Debug)]
pub(crate) struct RawClient {
    addr: SocketAddr,
    hyper: legacy::Client<legacy::connect::HttpConnector, Full<Bytes>>,
}

/// A reply, whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
            .to_str()
            .unwrap()
    }

    /// The error's name, without its namespace.
    pub(crate) fn error(&self) -> String {
        let json = self.json();
        let name = json["__type"].as_str().unwrap_or_else(|| panic!("no error in {json}"));
        name.rsplit('#').next().unwrap().to_owned()
    }
}

impl RawClient {
    /// A client of the server at `addr`.
    pub(crate) fn new(addr: SocketAddr) -> Self {
        Self { addr, hyper: legacy::Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Sends whatever it is told to.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let mut request =
            Request::builder().method(method).uri(format!("http://{}{path}", self.addr));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let response = self.hyper.request(request).await.expect("a reply");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Sends an operation with the headers it needs and `more`.
    pub(crate) async fn operation_with(
        &self,
        operation: &str,
        body: impl Into<Bytes>,
        more: &[(&str, &str)],
    ) -> Reply {
        let target = format!("DynamoDB_20120810.{operation}");
        let mut headers = vec![
            ("x-amz-target", target.as_str()),
            ("content-type", "application/x-amz-json-1.0"),
            ("authorization", AUTHORIZATION),
            ("x-amz-date", "20240501T000000Z"),
        ];
        headers.extend_from_slice(more);
        self.send(Method::POST, "/", &headers, body).await
    }

    /// Sends an operation.
    pub(crate) async fn operation(&self, operation: &str, body: Value) -> Reply {
        self.operation_with(operation, body.to_string(), &[]).await
    }

    /// Sends an operation that must succeed, and returns its reply's JSON.
    pub(crate) async fn must(&self, operation: &str, body: Value) -> Value {
        let reply = self.operation(operation, body).await;
        assert_eq!(reply.status, StatusCode::OK, "{operation}: {:?}", reply.body);
        reply.json()
    }

    /// A GET request.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], "").await
    }
}
