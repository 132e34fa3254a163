//! What the HTTP fuzzer keeps stays a test: requests that are nearly right, sent byte for byte.

use std::path::Path;
use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::TestServer;

/// No exchange takes longer; a server that hangs fails by it.
const EXCHANGE_S_MAX: u64 = 30;

#[tokio::test]
async fn every_input_that_the_http_fuzzer_has_kept_is_answered_or_refused() {
    let server = TestServer::start().await;
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/http");
    let inputs: Vec<_> = std::fs::read_dir(corpus).unwrap().collect();
    assert!(!inputs.is_empty());
    for input in inputs {
        let path = input.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let exchange = async {
            let mut stream = TcpStream::connect(server.addr()).await.unwrap();
            let (mut read, mut write) = stream.split();
            let sending = async {
                // A server that has seen enough may close before it has read everything.
                if write.write_all(&bytes).await.is_ok() {
                    let _ = write.shutdown().await;
                }
            };
            let mut reply = Vec::new();
            let (_, read) = tokio::join!(sending, read.read_to_end(&mut reply));
            read.map(|_| reply)
        };
        let bound = Duration::from_secs(EXCHANGE_S_MAX);
        let reply = tokio::time::timeout(bound, exchange).await;
        let reply = reply.unwrap_or_else(|_| panic!("{} hangs", path.display()));
        // A reset instead of an end is what a client gets that sends more than is read.
        if let Ok(reply) = reply.as_deref().map_err(|error| error.kind()) {
            let is_http = reply.is_empty() || reply.starts_with(b"HTTP/1.");
            assert!(is_http, "{}: {}", path.display(), String::from_utf8_lossy(reply));
        }
        let honest = server.raw.operation("ListTables", json!({})).await;
        assert_eq!(honest.status, StatusCode::OK, "after {}", path.display());
    }
    server.stop().await;
}
