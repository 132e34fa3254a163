//! Clients that are slow on purpose: each is let go after its time, and others are served meanwhile
//! or after them.

use std::time::Duration;

use futures::future::join_all;
use http::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http_client::AUTHORIZATION;
use crate::support::TestServer;

/// How long the server bears with each kind of slowness.
const PATIENCE_MS: u64 = 2_000;
/// What a slow client waits between two bytes: far less than the server would bear.
const DRIBBLE: Duration = Duration::from_millis(20);
/// No test waits longer; a server that keeps slow clients fails by it.
const TEST_S_MAX: u64 = 60;

async fn impatient(connections_max: usize) -> TestServer {
    TestServer::start_with(|settings| {
        settings.http.connections_max = connections_max;
        settings.http.header_read_ms_max = PATIENCE_MS;
        settings.http.request_ms_max = PATIENCE_MS;
        settings.http.reply_stall_ms_max = PATIENCE_MS;
    })
    .await
}

fn head(operation: &str, body_bytes: usize) -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: DynamoDB_20120810.{operation}\r\n\
         authorization: {AUTHORIZATION}\r\nx-amz-date: x\r\ncontent-length: {body_bytes}\r\n\r\n"
    )
}

/// Sends `start`, then a byte now and then for ever, until the server has had enough.
async fn dribble(server: &TestServer, start: String) {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(start.as_bytes()).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let writing = tokio::spawn(async move {
        while write.write_all(b"x").await.is_ok() {
            tokio::time::sleep(DRIBBLE).await;
        }
    });
    // Also a reset is an end.
    let _ = read.read_to_end(&mut Vec::new()).await;
    writing.abort();
}

/// Asks for a large item again and again and never reads a reply, until the server has had enough.
async fn never_read(server: &TestServer) {
    let body = json!({"TableName": "things", "Key": {"pk": {"S": "large"}}}).to_string();
    let request = head("GetItem", body.len()) + &body;
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    while stream.write_all(request.as_bytes()).await.is_ok() {}
}

async fn within_bounds<T>(work: impl Future<Output = T>) -> T {
    let bound = Duration::from_secs(TEST_S_MAX);
    tokio::time::timeout(bound, work).await.expect("slow clients are let go")
}

async fn table_with_a_large_item(server: &TestServer) {
    server.table("things", false).await;
    let item = json!({"pk": {"S": "large"}, "text": {"S": "x".repeat(300_000)}});
    server.raw.must("PutItem", json!({"TableName": "things", "Item": item})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn slow_clients_do_not_hold_a_worker() {
    let server = impatient(1024).await;
    table_with_a_large_item(&server).await;
    let served = async {
        // One worker thread: if a slow client held it, none of these would be answered.
        for _ in 0..100 {
            let reply = server.raw.operation("ListTables", json!({})).await;
            assert_eq!(reply.status, StatusCode::OK);
        }
    };
    let slow = async {
        let heads = (0..20).map(|_| dribble(&server, "POST / HTTP/1.1\r\nx-slow: ".to_owned()));
        let bodies = (0..20).map(|_| dribble(&server, head("ListTables", 1_000_000)));
        let deaf = (0..5).map(|_| never_read(&server));
        tokio::join!(join_all(heads), join_all(bodies), join_all(deaf));
    };
    within_bounds(async { tokio::join!(served, slow) }).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_slow_clients_have_all_connections_others_wait_for_them_to_be_let_go() {
    let server = impatient(3).await;
    table_with_a_large_item(&server).await;
    within_bounds(async {
        let slow = async {
            tokio::join!(
                dribble(&server, "POST / HTTP/1.1\r\nx-slow: ".to_owned()),
                dribble(&server, head("ListTables", 1_000_000)),
                never_read(&server),
            )
        };
        let served = async {
            let body = head("ListTables", 2) + "{}";
            let mut stream = TcpStream::connect(server.addr()).await.unwrap();
            stream.write_all(body.as_bytes()).await.unwrap();
            let mut reply = Vec::new();
            stream.read_to_end(&mut reply).await.unwrap();
            assert!(reply.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&reply));
        };
        tokio::join!(slow, served)
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_stays_idle_is_closed() {
    let server = impatient(1024).await;
    within_bounds(async {
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        let request = head("ListTables", 2) + "{}";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut replies = Vec::new();
        stream.read_to_end(&mut replies).await.unwrap();
        assert!(replies.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&replies));
    })
    .await;
    server.stop().await;
}
