//! TLS in front of clients that know nothing of it: boto3 on the DynamoDB port.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use server::TlsSettings;

use crate::clients::{passes, python, skip, suite};
use crate::support::TestServer;

/// An authority, and a certificate of it for this machine, in a directory.
fn write_certificates(directory: &Path) -> TlsSettings {
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.distinguished_name.push(DnType::CommonName, "authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(directory.join("ca.pem"), authority.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut server = CertificateParams::new(names).unwrap();
    server.distinguished_name.push(DnType::CommonName, "server");
    server.use_authority_key_identifier_extension = true;
    let server = server.signed_by(&key, &issuer).unwrap();
    let (certificate, key_file) = (directory.join("server.pem"), directory.join("server.key"));
    std::fs::write(&certificate, server.pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    TlsSettings { certificate: Some(certificate), key: Some(key_file), ..TlsSettings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_trusts_the_authority_and_nobody_else() {
    let Some(python) = python() else {
        return skip("no Python: run `make test`");
    };
    let directory = tempfile::tempdir().unwrap();
    let tls = write_certificates(directory.path());
    let server = TestServer::start_with(|settings| settings.tls = tls).await;
    assert!(server.handle.is_secure());
    let (suite, authority) = (suite("python/tls_suite.py"), directory.path().join("ca.pem"));
    let endpoint = server.addr().to_string();
    let options = ["--authority".as_ref(), authority.as_os_str(), "--address".as_ref()];
    let arguments = [&[suite.as_os_str()], &options[..], &[endpoint.as_ref()]].concat();
    passes(python, &arguments, "everything as expected").await;
    server.stop().await;
}
