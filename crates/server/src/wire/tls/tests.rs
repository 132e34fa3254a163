//! Files that cannot be used, files that are replaced, and handshakes that do not come to an end.

use super::*;
use rcgen::{CertificateParams, CertifiedKey, KeyPair, generate_simple_self_signed};
use std::path::Path;
use std::task::Poll;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

/// A certificate and its key in a directory, as `c.pem` and `k.pem`.
fn write_pair(directory: &Path) -> TlsSettings {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let settings = settings(directory);
    std::fs::write(settings.certificate.as_ref().unwrap(), cert.pem()).unwrap();
    std::fs::write(settings.key.as_ref().unwrap(), signing_key.serialize_pem()).unwrap();
    settings
}

fn settings(directory: &Path) -> TlsSettings {
    TlsSettings {
        certificate: Some(directory.join("c.pem")),
        key: Some(directory.join("k.pem")),
        ..TlsSettings::default()
    }
}

#[test]
fn what_cannot_be_used_is_refused_with_the_file_and_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let settings = write_pair(directory.path());
    let (c, k) = (directory.path().join("c.pem"), directory.path().join("k.pem"));
    let good = (std::fs::read(&c).unwrap(), std::fs::read(&k).unwrap());
    let other_key = KeyPair::generate().unwrap().serialize_pem();
    let cut = |pem: &[u8]| pem[..pem.len() / 2].to_vec();
    let garbled = b"-----BEGIN CERTIFICATE-----\n@@@@\n-----END CERTIFICATE-----\n".to_vec();
    let no_der = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec();
    let encrypted =
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (certificate, key, file, why) in [
        (Vec::new(), good.1.clone(), "c.pem", "there is no certificate in it"),
        (cut(&good.0), good.1.clone(), "c.pem", "it is not PEM: a section has no end"),
        (garbled, good.1.clone(), "c.pem", "it is not PEM: a section is not base 64"),
        (no_der, good.1.clone(), "c.pem", "invalid peer certificate"),
        (good.0.clone(), Vec::new(), "k.pem", "there is no private key in it"),
        (good.0.clone(), encrypted.to_vec(), "k.pem", "an encrypted one"),
        (good.0.clone(), other_key.into_bytes(), "k.pem", "it is not the key of "),
    ] {
        std::fs::write(&c, certificate).unwrap();
        std::fs::write(&k, key).unwrap();
        let error = check(&settings).unwrap_err().to_string();
        assert!(error.contains(file) && error.contains(why), "{error}");
        assert!(!error.contains('\n') && !error.contains("AAAA"), "{error}");
    }
    std::fs::remove_file(&c).unwrap();
    let error = check(&settings).unwrap_err().to_string();
    assert!(error.contains("c.pem: No such file"), "{error}");
    let half = TlsSettings { key: None, ..settings };
    assert!(check(&half).unwrap_err().to_string().contains("key is not"));
    assert!(check(&TlsSettings::default()).unwrap().is_none());
}

#[test]
fn a_pair_is_taken_when_both_files_are_there() {
    let directory = tempfile::tempdir().unwrap();
    let settings = write_pair(directory.path());
    let tls = Tls::new(&settings).unwrap().unwrap();
    let first = tls.config.load_full();
    assert!(!tls.follow().unwrap(), "nothing has changed");

    // The certificate comes first: alone it is of no use, and that is said once.
    let key = KeyPair::generate().unwrap();
    let new = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(settings.certificate.as_ref().unwrap(), new.pem()).unwrap();
    assert!(tls.follow().unwrap_err().to_string().contains("not the key of"));
    assert!(!tls.follow().unwrap(), "it has not changed again");
    assert!(Arc::ptr_eq(&first, &tls.config.load_full()), "the old one stays");
    std::fs::write(settings.key.as_ref().unwrap(), key.serialize_pem()).unwrap();
    assert!(tls.follow().unwrap());
    assert!(!Arc::ptr_eq(&first, &tls.config.load_full()));

    // What is asked for by hand is read whether it has changed or not.
    let second = tls.config.load_full();
    tls.reload(&settings).unwrap();
    assert!(!Arc::ptr_eq(&second, &tls.config.load_full()));
    assert!(matches!(tls.reload(&TlsSettings::default()), Err(TlsError::Switched)));
}

const PATIENCE: Duration = Duration::from_secs(60);

/// Two ends of a connection.
async fn connection(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let connecting = TcpStream::connect(listener.local_addr().unwrap());
    let (accepted, connected) = tokio::join!(listener.accept(), connecting);
    (accepted.unwrap().0, connected.unwrap())
}

#[tokio::test]
async fn handshakes_are_bounded_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let settings = TlsSettings { handshake_ms_max: 20, ..write_pair(directory.path()) };
    let tls = Tls::new(&settings).unwrap().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for first in [&b""[..], &[0x16], &[0x16, 3, 1]] {
        let (server, mut client) = connection(&listener).await;
        client.write_all(first).await.unwrap();
        let why = tls.accept(server, PATIENCE).await.unwrap_err();
        assert_eq!(why, "the handshake took too long");
    }
}

#[tokio::test]
async fn handshakes_are_bounded_in_number() {
    let directory = tempfile::tempdir().unwrap();
    let settings = TlsSettings { handshakes_max: 1, ..write_pair(directory.path()) };
    let tls = Tls::new(&settings).unwrap().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (server, mut client) = connection(&listener).await;
    client.write_all(&[0x16]).await.unwrap();
    let mut first = Box::pin(tls.accept(server, PATIENCE));
    while tls.handshakes.available_permits() > 0 {
        assert!(matches!(futures::poll!(first.as_mut()), Poll::Pending));
        tokio::task::yield_now().await;
    }
    // The second one is not a handshake at all, and is not found out before its turn.
    let (server, mut other) = connection(&listener).await;
    other.write_all(&[0x16, 0xff, 0xff, 0, 1, 0, 0, 0]).await.unwrap();
    let mut second = Box::pin(tls.accept(server, PATIENCE));
    for _ in 0..1_000 {
        assert!(matches!(futures::poll!(second.as_mut()), Poll::Pending));
        tokio::task::yield_now().await;
    }
    drop((client, other));
    assert!(first.await.is_err());
    assert!(second.await.is_err());
}

#[tokio::test]
async fn who_speaks_plain_http_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let tls = Tls::new(&write_pair(directory.path())).unwrap().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (server, mut client) = connection(&listener).await;
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(tls.accept(server, PATIENCE).await.unwrap_err(), "the client spoke plain HTTP");
    let mut reply = vec![0; plain().len()];
    client.read_exact(&mut reply).await.unwrap();
    let reply = String::from_utf8(reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 400 ") && reply.ends_with(PLAIN), "{reply}");
}
