//! The unmodified `aws-sdk-dynamodb` over plain HTTP.
//!
//! The SDK's own connectors bring a TLS stack that these tests would only compile; its documented
//! extension point takes any connector, so it gets this one, on the hyper client that the
//! workspace has anyway.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{AppName, BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use std::net::SocketAddr;

type Hyper = legacy::Client<legacy::connect::HttpConnector, SdkBody>;

#[derive(Debug)]
struct PlainHttp(Hyper);

impl HttpConnector for PlainHttp {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request =
                request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let response =
                client.request(request).await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// A client of the server at `addr` that tries every call up to `attempts` times.
pub(crate) fn client(addr: SocketAddr, attempts: u32) -> Client {
    let hyper = legacy::Client::builder(TokioExecutor::new()).build_http();
    let connector = SharedHttpConnector::new(PlainHttp(hyper));
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .endpoint_url(format!("http://{addr}"))
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIDSDK", "secret", None, None, "tests"))
        .app_name(AppName::new("sdk-suite").unwrap())
        .retry_config(RetryConfig::standard().with_max_attempts(attempts))
        .build();
    Client::from_conf(config)
}
