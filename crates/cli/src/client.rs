//! A small DynamoDB client for the commands that make load, `bench` and `demo`, and for `backup` and `import`.
//!
//! It sends prepared JSON bodies and hands back status and bytes, so that what is measured is the
//! endpoint and not an SDK's object model. It signs every request (Signature Version 4, by the
//! `aws-sigv4` crate) with the usual AWS_* environment, so it works against DynamoDB itself.
//! It does not retry: who makes load decides what a retry means.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_rustls::builderstates::WantsSchemes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Longest time one request may take before it counts as failed.
const REQUEST_TIMEOUT_MS: u64 = 30_000;

/// Why a request got no reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The endpoint given on the command line cannot be used.
    #[error("endpoint {0:?} is not an http:// or https:// address: {1}")]
    Endpoint(String, String),
    /// Nobody to trust.
    #[error("--ca {0}")]
    Authority(String),
    /// The request could not be built or signed.
    #[error("could not build the request: {0}")]
    Build(String),
    /// The connection failed.
    #[error("{0}")]
    Connection(String),
    /// No reply in time.
    #[error("no reply within {REQUEST_TIMEOUT_MS} ms")]
    Timeout,
}

/// A reply as it came.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The HTTP status code.
    pub(crate) status: u16,
    /// The body, undecoded.
    pub(crate) body: Bytes,
}

impl Reply {
    /// Whether the operation succeeded.
    pub(crate) fn is_ok(&self) -> bool {
        self.status == 200
    }

    /// Whether the endpoint refused the request for want of capacity.
    pub(crate) fn is_throttled(&self) -> bool {
        self.status == 400
            && ["ProvisionedThroughputExceeded", "ThrottlingException", "RequestLimitExceeded"]
                .iter()
                .any(|name| contains(&self.body, name.as_bytes()))
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<serde_json::Value, ClientError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| ClientError::Build(format!("the reply is not JSON: {error}")))
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// One invocation as an SDK would number it: its retries share the id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invocation {
    /// Unique per call of the application.
    pub(crate) id: u128,
    /// 1 for the first try.
    pub(crate) attempt: u32,
}

/// A pool of connections, plain or over TLS.
pub(crate) type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// One that trusts the authorities that browsers know.
pub(crate) fn https() -> HttpClient {
    connecting(HttpsConnectorBuilder::new().with_webpki_roots())
}

/// One that trusts the authorities in a PEM file, and nobody else.
pub(crate) fn trusting(authorities: &Path) -> Result<HttpClient, String> {
    let failed = |why: String| format!("{}: {why}", authorities.display());
    let read = |error| match error {
        pem::Error::Io(error) => failed(error.to_string()),
        error => failed(format!("it is not PEM: {error}")),
    };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authorities).map_err(read)? {
        let added = roots.add(certificate.map_err(read)?);
        added.map_err(|error| failed(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(failed("there is no certificate in it".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(connecting(HttpsConnectorBuilder::new().with_tls_config(config)))
}

fn connecting(builder: HttpsConnectorBuilder<WantsSchemes>) -> HttpClient {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let connector = builder.https_or_http().enable_http1().wrap_connector(tcp);
    Client::builder(TokioExecutor::new()).build(connector)
}

/// Who signs the requests.
#[derive(Debug)]
enum Signer {
    /// Signature Version 4 with real or placeholder credentials.
    SigV4 { region: String, identity: Box<Identity> },
    /// A well-formed header without a valid signature, which Foreshard takes on loopback: the demo
    /// plays many customers, and spends its cores on the services and not on signing.
    Unsigned,
}

/// A connection pool to one endpoint.
#[derive(Debug)]
pub(crate) struct DynamoClient {
    http: HttpClient,
    endpoint: http::Uri,
    host: String,
    signer: Signer,
}

impl DynamoClient {
    /// A client for `endpoint` on these connections, with credentials and region from the usual AWS_*
    /// environment (placeholders where they are not set, which a local endpoint accepts).
    pub(crate) fn new(endpoint: &str, http: HttpClient) -> Result<Self, ClientError> {
        let env = |name: &str, default: &str| std::env::var(name).unwrap_or(default.to_owned());
        let credentials = Credentials::new(
            env("AWS_ACCESS_KEY_ID", "local"),
            env("AWS_SECRET_ACCESS_KEY", "local"),
            std::env::var("AWS_SESSION_TOKEN").ok(),
            None,
            "environment",
        );
        let region = std::env::var("AWS_REGION")
            .or_else(|_| std::env::var("AWS_DEFAULT_REGION"))
            .unwrap_or("us-east-1".to_owned());
        let identity = Box::new(credentials.into());
        Self::with(endpoint, http, Signer::SigV4 { region, identity })
    }

    /// A client for `endpoint` with these credentials.
    pub(crate) fn signing(endpoint: &str, id: &str, secret: &str) -> Result<Self, ClientError> {
        let identity = Credentials::new(id, secret, None, None, "given").into();
        let region = "us-east-1".to_owned();
        Self::with(endpoint, https(), Signer::SigV4 { region, identity: Box::new(identity) })
    }

    /// A client for a Foreshard on loopback that does not sign, see [`Self::call_as`].
    pub(crate) fn unsigned(endpoint: &str) -> Result<Self, ClientError> {
        Self::with(endpoint, https(), Signer::Unsigned)
    }

    fn with(endpoint: &str, http: HttpClient, signer: Signer) -> Result<Self, ClientError> {
        let refuse = |why: &str| ClientError::Endpoint(endpoint.to_owned(), why.to_owned());
        let uri: http::Uri = endpoint.parse().map_err(|_| refuse("it does not parse"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(refuse("the scheme is missing"));
        }
        let host = uri.authority().ok_or_else(|| refuse("the host is missing"))?.to_string();
        Ok(Self { http, endpoint: uri, host, signer })
    }

    /// Sends one operation, e.g. `PutItem`, and waits for its reply.
    pub(crate) async fn call(
        &self,
        operation: &str,
        body: Bytes,
        invocation: Option<Invocation>,
    ) -> Result<Reply, ClientError> {
        self.call_as("local", operation, body, invocation).await
    }

    /// The same in the name of `access_key`; a signing client has a name already and keeps it.
    pub(crate) async fn call_as(
        &self,
        access_key: &str,
        operation: &str,
        body: Bytes,
        invocation: Option<Invocation>,
    ) -> Result<Reply, ClientError> {
        let request = self.request(access_key, operation, body, invocation)?;
        let exchange = async {
            let response = self
                .http
                .request(request)
                .await
                .map_err(|error| ClientError::Connection(describe(&error)))?;
            let status = response.status().as_u16();
            let body = response
                .into_body()
                .collect()
                .await
                .map_err(|error| ClientError::Connection(describe(&error)))?
                .to_bytes();
            Ok(Reply { status, body })
        };
        tokio::time::timeout(std::time::Duration::from_millis(REQUEST_TIMEOUT_MS), exchange)
            .await
            .map_err(|_| ClientError::Timeout)?
    }

    /// Sends one operation and turns any refusal into an error with the endpoint's own words.
    pub(crate) async fn expect(
        &self,
        operation: &str,
        body: &serde_json::Value,
    ) -> Result<serde_json::Value, ClientError> {
        let reply = self.call(operation, Bytes::from(body.to_string()), None).await?;
        if reply.is_ok() {
            return reply.json();
        }
        let words = String::from_utf8_lossy(&reply.body).into_owned();
        Err(ClientError::Connection(format!("{operation} was refused ({}): {words}", reply.status)))
    }

    /// A request as it goes over the wire (HTTP/1.1), with the headers that an SDK adds.
    pub(crate) fn wire(
        &self,
        operation: &str,
        body: Bytes,
        invocation: Invocation,
    ) -> Result<Bytes, ClientError> {
        let mut request = self.request("local", operation, body.clone(), Some(invocation))?;
        let headers = request.headers_mut();
        let agent = "aws-sdk-bench/1.0 os/linux lang/rust app/foreshard-bench";
        headers.insert("user-agent", http::HeaderValue::from_static(agent));
        headers.insert("accept", http::HeaderValue::from_static("*/*"));
        headers.insert("content-length", http::HeaderValue::from(body.len()));
        let mut wire = b"POST / HTTP/1.1\r\n".to_vec();
        for (name, value) in headers.iter() {
            wire.extend_from_slice(name.as_str().as_bytes());
            wire.extend_from_slice(b": ");
            wire.extend_from_slice(value.as_bytes());
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(b"\r\n");
        wire.extend_from_slice(&body);
        Ok(Bytes::from(wire))
    }

    fn request(
        &self,
        access_key: &str,
        operation: &str,
        body: Bytes,
        invocation: Option<Invocation>,
    ) -> Result<http::Request<Full<Bytes>>, ClientError> {
        let target = format!("DynamoDB_20120810.{operation}");
        let headers = [
            ("host", self.host.as_str()),
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", target.as_str()),
        ];
        let mut request = http::Request::post(self.endpoint.clone());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(Invocation { id, attempt }) = invocation {
            request = request
                .header("amz-sdk-invocation-id", format!("{id:032x}"))
                .header("amz-sdk-request", format!("attempt={attempt}; max=10"));
        }
        let mut request = request
            .body(Full::new(body.clone()))
            .map_err(|error| ClientError::Build(error.to_string()))?;
        match &self.signer {
            Signer::SigV4 { region, identity } => {
                sign_v4(&mut request, &headers, &body, region, identity)
            }
            Signer::Unsigned => name_only(&mut request, access_key),
        }
        .map_err(|error| ClientError::Build(error.to_string()))?;
        Ok(request)
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn sign_v4(
    request: &mut http::Request<Full<Bytes>>,
    headers: &[(&str, &str)],
    body: &[u8],
    region: &str,
    identity: &Identity,
) -> Result<(), BoxError> {
    let params = v4::SigningParams::builder()
        .identity(identity)
        .region(region)
        .name("dynamodb")
        .time(now())
        .settings(SigningSettings::default())
        .build()?;
    let uri = request.uri().to_string();
    let signable =
        SignableRequest::new("POST", &uri, headers.iter().copied(), SignableBody::Bytes(body))?;
    let (instructions, _signature) = sign(signable, &params.into())?.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}

fn name_only(request: &mut http::Request<Full<Bytes>>, access_key: &str) -> Result<(), BoxError> {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={access_key}/20100101/us-east-1/dynamodb/aws4_request, \
         SignedHeaders=host;x-amz-date;x-amz-target, Signature={:064x}",
        0
    );
    let headers = request.headers_mut();
    headers.insert("authorization", authorization.parse()?);
    headers.insert("x-amz-date", http::HeaderValue::from_static("20100101T000000Z"));
    Ok(())
}

/// The wall clock: a signature carries the real time, whatever clock the load runs on.
#[allow(clippy::disallowed_methods)]
fn now() -> SystemTime {
    SystemTime::now()
}

/// An error with the causes hyper hides behind its first line.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}
