//! Signatures verified: by the unmodified SDK, presigned, and wrong ones refused with AWS's errors.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as Signer;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use http::{Method, Request, StatusCode};
use server::{Credentials, Server, ServerError, ServerSettings};

use crate::http_client::AUTHORIZATION;
use crate::sdk_client::client;
use crate::support::{START_MS, TestServer, table};

/// The credentials of the SDK client in these tests.
fn with_credentials(settings: &mut ServerSettings) {
    settings.credentials = Credentials::new([("AKIDSDK", "secret"), ("AKIDRAW", "other")]);
}

/// Milliseconds since the epoch, as SDKs sign them.
#[allow(clippy::disallowed_methods, reason = "the SDK signs with the wall clock")]
fn wall_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

#[tokio::test]
async fn the_sdk_is_served_if_it_knows_the_secret() {
    let server = TestServer::start_with(with_credentials).await;
    server.clock.advance_ms(wall_ms() - START_MS);
    let sdk = client(server.addr(), 1);
    assert!(sdk.list_tables().send().await.unwrap().table_names().is_empty());
    server.clock.advance_ms(301_000);
    let refused = sdk.list_tables().send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidSignatureException"));
    assert!(refused.message().unwrap().starts_with("Signature expired: "), "{refused:?}");
    let directory = server.stop().await;

    let other = |settings: &mut ServerSettings| {
        settings.credentials = Credentials::new([("AKIDSDK", "another")]);
    };
    let server = TestServer::start_in(directory, other).await;
    server.clock.advance_ms(wall_ms() - START_MS);
    let refused = client(server.addr(), 1).list_tables().send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidSignatureException"));
    server.stop().await;
}

#[tokio::test]
async fn wrong_signatures_are_refused_before_anything_is_done() {
    let server = TestServer::start_with(with_credentials).await;
    let unknown = AUTHORIZATION.replace("AKIDRAW", "AKIDNONE");
    let short = AUTHORIZATION.replace("/aws4_request", "");
    let body = table("things", false).to_string();
    let target = "DynamoDB_20120810.CreateTable";
    for (authorization, more, error) in [
        (AUTHORIZATION, None, "InvalidSignatureException"),
        (&unknown, None, "UnrecognizedClientException"),
        (&short, None, "IncompleteSignatureException"),
        ("Basic x", None, "MissingAuthenticationTokenException"),
        (AUTHORIZATION, Some(("x-amz-security-token", "t")), "UnrecognizedClientException"),
    ] {
        let mut headers = vec![
            ("x-amz-target", target),
            ("authorization", authorization),
            ("x-amz-date", "20240501T000000Z"),
        ];
        headers.extend(more);
        let reply = server.raw.send(Method::POST, "/", &headers, body.clone()).await;
        assert_eq!(reply.error(), error);
    }
    assert!(server.storage().tables().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_presigned_request_is_served_while_it_is_valid() {
    let server = TestServer::start_with(with_credentials).await;
    let host = server.addr().to_string();
    let target = [("x-amz-target", "DynamoDB_20120810.ListTables")];
    let url = format!("http://{host}/");
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(60));
    let identity = Signer::new("AKIDRAW", "other", None, None, "tests").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("dynamodb")
        .time(SystemTime::UNIX_EPOCH + Duration::from_millis(START_MS as u64))
        .settings(settings)
        .build()
        .unwrap();
    let body = SignableBody::Bytes(b"{}");
    let signable = SignableRequest::new("POST", &url, target.into_iter(), body).unwrap();
    let (instructions, _) = sign(signable, &params.into()).unwrap().into_parts();
    let mut request = Request::post(&url).body(()).unwrap();
    instructions.apply_to_request_http1x(&mut request);
    let path = request.uri().path_and_query().unwrap().as_str();

    let served = server.raw.send(Method::POST, path, &target, "{}").await;
    assert_eq!(served.status, StatusCode::OK, "{:?}", served.body);
    let changed = server.raw.send(Method::POST, path, &target, r#"{"Limit":1}"#).await;
    assert_eq!(changed.error(), "InvalidSignatureException");
    server.clock.advance_ms(61_000);
    let expired = server.raw.send(Method::POST, path, &target, "{}").await;
    assert_eq!(expired.error(), "InvalidSignatureException");
    server.stop().await;
}

#[tokio::test]
async fn only_with_credentials_a_server_listens_beyond_loopback() {
    let server = TestServer::start().await;
    let components = server.components();
    let everywhere = |credentials: Credentials| ServerSettings {
        listen: ([0, 0, 0, 0], 0).into(),
        credentials,
        ..Default::default()
    };
    let open = Server::start(everywhere(Credentials::default()), components.clone()).await;
    let refused = open.unwrap_err();
    assert!(matches!(refused, ServerError::NotLoopback { .. }));
    let message = refused.to_string();
    assert!(message.contains("[server.credentials]") && !message.contains('\n'), "{message}");

    let empty = everywhere(Credentials::new([("AKID", "")]));
    let refused = Server::start(empty, components.clone()).await.unwrap_err();
    assert!(matches!(refused, ServerError::EmptyCredential { .. }));

    let known = everywhere(Credentials::new([("AKID", "secret")]));
    let handle = Server::start(known, components).await.unwrap();
    assert!(handle.addr().ip().is_unspecified());
    handle.shutdown().await;
    server.stop().await;
}
