//! TLS on both ports of the real binary: a certificate that is replaced under load, and one that is none.

use crate::lifecycle::item;
use crate::process::{Service, failure, line_with, serve};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_rustls::TlsConnector;

const CLIENTS: usize = 4;

/// Somebody whom clients trust.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    own: CertificateDer<'static>,
}

impl Authority {
    fn new(directory: &Path) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = parameters.self_signed(&key).unwrap();
        std::fs::write(directory.join("ca.pem"), certificate.pem()).unwrap();
        let own = certificate.der().clone();
        Self { issuer: Issuer::new(parameters, key), own }
    }

    /// Writes a new certificate and its key, as the files `c.pem` and `k.pem`.
    fn write_pair(&self, directory: &Path) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let parameters = CertificateParams::new(names).unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(directory.join("c.pem"), certificate.pem()).unwrap();
        std::fs::write(directory.join("k.pem"), key.serialize_pem()).unwrap();
        certificate.der().clone()
    }

    fn connector(&self) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.own.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    }
}

/// One request on a connection of its own: who answered, and what.
async fn request(
    connector: &TlsConnector,
    url: &str,
    request: http::request::Builder,
    body: String,
) -> (CertificateDer<'static>, u16, Bytes) {
    let address = url.strip_prefix("https://").unwrap_or_else(|| panic!("{url} is not https"));
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = connector.connect(name, stream).await.unwrap();
    let certificate = stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = request.header("host", address).body(Full::new(Bytes::from(body))).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    (certificate, status, response.into_body().collect().await.unwrap().to_bytes())
}

fn dynamodb(operation: &str) -> http::request::Builder {
    http::Request::post("/")
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .header("x-amz-date", "20240101T000000Z")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=test/20240101/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=host;x-amz-date;x-amz-target, Signature=\
             0000000000000000000000000000000000000000000000000000000000000000",
        )
}

fn secure(directory: &Path) -> Command {
    let mut command = serve(&directory.join("data"));
    for port in ["SERVER", "ADMIN"] {
        for (name, file) in [("CERTIFICATE", "c.pem"), ("KEY", "k.pem")] {
            command.env(format!("FORESHARD_{port}__TLS__{name}"), directory.join(file));
        }
    }
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_replaced_under_load() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path());
    let mut last = authority.write_pair(directory.path());
    let mut command = secure(directory.path());
    // Looked at, and told: whichever comes first.
    command.env("FORESHARD_SERVER__TLS__LOOK_INTERVAL_MS", "5").stderr(Stdio::piped());
    let mut service = Service::start_with(command).await;
    let mut log = service.log();
    let connector = authority.connector();
    let api = service.http.api().to_owned();
    let table = json!({
        "TableName": "items", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]
    });
    let create = dynamodb("CreateTable");
    let (_, status, said) = request(&connector, &api, create, table.to_string()).await;
    assert_eq!(status, 200, "{said:?}");

    let (stop, stopped) = tokio::sync::watch::channel(false);
    let put_so_far = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (connector, api, stopped) = (connector.clone(), api.clone(), stopped.clone());
            let put_so_far = Arc::clone(&put_so_far);
            tokio::spawn(async move {
                let body =
                    json!({"TableName": "items", "Item": item(&client.to_string(), 1)}).to_string();
                while !*stopped.borrow() {
                    let (_, status, said) =
                        request(&connector, &api, dynamodb("PutItem"), body.clone()).await;
                    assert_eq!(status, 200, "{said:?}");
                    put_so_far.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for told in [true, false] {
        let next = authority.write_pair(directory.path());
        if told {
            service.signal("-HUP").await;
            line_with(&mut log, &["the configuration was read again"]).await;
        }
        loop {
            let health = http::Request::get("/");
            let (seen, status, _) = request(&connector, &api, health, String::new()).await;
            assert_eq!(status, 200);
            if seen == next {
                break;
            }
            assert!(seen == last, "neither the old one nor the new one");
        }
        let enough = put_so_far.load(Ordering::Relaxed) + CLIENTS;
        while put_so_far.load(Ordering::Relaxed) < enough {
            tokio::task::yield_now().await;
        }
        last = next;
    }
    stop.send_replace(true);
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_port_and_its_commands_speak_tls() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path());
    authority.write_pair(directory.path());
    let mut command = secure(directory.path());
    command.stderr(Stdio::piped());
    let mut service = Service::start_with(command).await;
    let mut log = service.log();
    let list = |authority: Option<&Path>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_foreshard"));
        command.args(["table", "list", "--json", "--admin", service.http.admin_url()]);
        if let Some(authority) = authority {
            command.arg("--ca").arg(authority);
        }
        command
    };
    let output = list(Some(&directory.path().join("ca.pem"))).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"{\"tables\":[]}\n");
    let (code, said) = failure(list(None)).await;
    assert!(code == Some(1) && said.contains("UnknownIssuer"), "{said}");
    let (code, said) = failure(list(Some(&directory.path().join("nothing.pem")))).await;
    assert!(code == Some(1) && said.contains("nothing.pem: No such file"), "{said}");

    // What is no certificate any more is not taken, and nobody notices.
    let (connector, page) = (authority.connector(), http::Request::get("/healthz"));
    std::fs::write(directory.path().join("c.pem"), "").unwrap();
    service.signal("-HUP").await;
    line_with(&mut log, &["the configuration is refused", "c.pem: there is no certificate"]).await;
    let (_, status, _) = request(&connector, service.http.admin_url(), page, String::new()).await;
    assert_eq!(status, 200);
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_the_dynamodb_api_trust_whom_they_are_told_to() {
    let directory = tempfile::tempdir().unwrap();
    Authority::new(directory.path()).write_pair(directory.path());
    let service = Service::start_with(secure(directory.path())).await;
    let (ca, nothing) = (directory.path().join("ca.pem"), directory.path().join("nothing.pem"));
    let foreshard = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_foreshard"));
        command
            .args(arguments)
            .args(["--endpoint", service.http.api()])
            .env_remove("AWS_CA_BUNDLE");
        command
    };
    let list = || foreshard(&["backup", "list"]);
    let (code, said) = failure(list()).await;
    assert!(code == Some(1) && said.contains("UnknownIssuer"), "{said}");
    for told in [list().arg("--ca").arg(&ca), list().env("AWS_CA_BUNDLE", &ca)] {
        let output = told.output().await.unwrap();
        assert_eq!(
            (output.status.code(), output.stdout.as_slice()),
            (Some(0), &b"no backups\n"[..])
        );
    }
    let commands: [&[&str]; 3] =
        [&["backup", "list"], &["import", "/nonexistent", "--table", "x"], &["bench"]];
    for arguments in commands {
        let mut command = foreshard(arguments);
        command.arg("--ca").arg(&nothing).env("AWS_CA_BUNDLE", &ca);
        let (code, said) = failure(command).await;
        assert!(code == Some(1) && said.contains("nothing.pem: No such file"), "{said}");
    }
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_none_is_refused_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    Authority::new(directory.path()).write_pair(directory.path());
    std::fs::write(directory.path().join("k.pem"), "no key").unwrap();
    let (code, said) = failure(secure(directory.path())).await;
    assert_eq!((code, said.trim().lines().count()), (Some(1), 1), "{said}");
    assert!(
        said.contains("[server.tls] ") && said.contains("k.pem: there is no private key"),
        "{said}"
    );
    assert!(!directory.path().join("data").exists(), "nothing was begun");
}
