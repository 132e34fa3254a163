//! A bare HTTP client: what any DynamoDB client sends, without an SDK's retries.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Talks to one running service.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    api: String,
    admin: String,
}

impl Http {
    pub(crate) fn new(api: String, admin: String) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), api, admin }
    }

    /// Where the DynamoDB API listens.
    pub(crate) fn api(&self) -> &str {
        &self.api
    }

    /// Where the admin API listens.
    pub(crate) fn admin_url(&self) -> &str {
        &self.admin
    }

    /// One DynamoDB operation; status and body, or the reason why there is no answer.
    pub(crate) async fn dynamodb(
        &self,
        operation: &str,
        body: &Value,
    ) -> Result<(u16, Value), String> {
        let request = http::Request::post(&self.api)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("x-amz-date", "20240101T000000Z")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=test/20240101/us-east-1/dynamodb/aws4_request, \
                 SignedHeaders=host;x-amz-date;x-amz-target, Signature=\
                 0000000000000000000000000000000000000000000000000000000000000000",
            )
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        self.exchange(request).await
    }

    /// The same, which must succeed.
    pub(crate) async fn ok(&self, operation: &str, body: Value) -> Value {
        let (status, reply) = self.dynamodb(operation, &body).await.unwrap();
        assert_eq!(status, 200, "{operation} {body}: {reply}");
        reply
    }

    /// `GET /api/v1/<path>`, which must succeed.
    pub(crate) async fn admin(&self, path: &str) -> Value {
        let (status, reply) = self.try_admin(path).await.unwrap();
        assert_eq!(status, 200, "{path}: {reply}");
        reply
    }

    /// `GET /api/v1/<path>`; status and body, or the reason why there is no answer.
    pub(crate) async fn try_admin(&self, path: &str) -> Result<(u16, Value), String> {
        let uri = format!("{}/api/v1/{path}", self.admin);
        self.exchange(http::Request::get(uri).body(Full::default()).unwrap()).await
    }

    /// The same with a token.
    pub(crate) async fn admin_as(&self, path: &str, token: &str) -> (u16, Value) {
        let request = http::Request::get(format!("{}/api/v1/{path}", self.admin))
            .header("authorization", format!("Bearer {token}"));
        self.exchange(request.body(Full::default()).unwrap()).await.unwrap()
    }

    /// `POST /api/v1/tables/<table>/reslice`.
    pub(crate) async fn reslice(&self, table: &str, body: Value) -> Result<(u16, Value), String> {
        self.post(&format!("tables/{table}/reslice"), &body).await
    }

    /// `POST /api/v1/<path>`; status and body, or the reason why there is no answer.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value), String> {
        let request = http::Request::post(format!("{}/api/v1/{path}", self.admin))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        self.exchange(request).await
    }

    async fn exchange(&self, request: http::Request<Full<Bytes>>) -> Result<(u16, Value), String> {
        let response = self.client.request(request).await.map_err(|e| format!("{e:?}"))?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(|e| format!("{e:?}"))?.to_bytes();
        let value = serde_json::from_slice(&body).map_err(|e| format!("{e}: {body:?}"))?;
        Ok((status, value))
    }
}
