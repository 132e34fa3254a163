//! What goes over the wire: headers, checksums, errors before an operation, bounds, shutdown.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use server::{Server, ServerError, ServerSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http_client::{AUTHORIZATION, Reply};
use crate::support::TestServer;

/// What every reply must have.
fn check(reply: &Reply) {
    assert_eq!(reply.header("x-amzn-requestid").len(), 52);
    assert_eq!(reply.header("x-amz-crc32"), crc32fast::hash(&reply.body).to_string());
    assert_eq!(reply.header("content-length"), reply.body.len().to_string());
}

#[tokio::test]
async fn replies_carry_id_checksum_and_type() {
    let server = TestServer::start().await;
    let listed = server.raw.operation("ListTables", json!({})).await;
    check(&listed);
    assert_eq!(listed.status, StatusCode::OK);
    assert_eq!(listed.header("content-type"), "application/x-amz-json-1.0");
    assert_eq!(listed.json(), json!({"TableNames": []}));

    let refused = server.raw.operation("DescribeTable", json!({"TableName": "none"})).await;
    check(&refused);
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.error(), "ResourceNotFoundException");
    let ids = [listed.header("x-amzn-requestid"), refused.header("x-amzn-requestid")];
    assert_ne!(ids[0], ids[1]);
    server.stop().await;
}

#[tokio::test]
async fn health_is_told_and_other_paths_are_not_found() {
    let server = TestServer::start().await;
    let health = server.raw.get("/").await;
    check(&health);
    assert_eq!(health.status, StatusCode::OK);
    assert!(health.body.starts_with(b"healthy: dynamodb.us-east-1"), "{:?}", health.body);
    for (method, path) in [(Method::GET, "/x"), (Method::POST, "/x"), (Method::PUT, "/")] {
        let reply = server.raw.send(method, path, &[], "").await;
        check(&reply);
        assert_eq!(reply.status, StatusCode::NOT_FOUND);
    }
    server.stop().await;
}

#[tokio::test]
async fn bad_requests_are_refused_in_order() {
    let server = TestServer::start().await;
    let signed = [("authorization", AUTHORIZATION), ("x-amz-date", "20240501T000000Z")];
    let with = |target: &'static str| {
        let mut headers = signed.to_vec();
        headers.push(("x-amz-target", target));
        headers
    };
    let list = "DynamoDB_20120810.ListTables";
    for (headers, body, error) in [
        (vec![], "{}", "UnknownOperationException"),
        (with("DynamoDB_20120810.Nonsense"), "{}", "UnknownOperationException"),
        (with("DynamoDB_20120810.TransactWriteItems"), "{}", "UnknownOperationException"),
        (vec![("x-amz-target", list)], "{", "MissingAuthenticationTokenException"),
        (
            vec![("x-amz-target", list), ("authorization", "AWS4-HMAC-SHA256 Credential=a/b")],
            "{",
            "IncompleteSignatureException",
        ),
        (with(list), "{", "SerializationException"),
        (with(list), "", "SerializationException"),
        (with(list), "[]", "SerializationException"),
        (with(list), r#"{"Limit": "many"}"#, "SerializationException"),
        (with(list), r#"{"Limit": 0}"#, "ValidationException"),
    ] {
        let reply = server.raw.send(Method::POST, "/", &headers, body).await;
        check(&reply);
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{headers:?} {body}");
        assert_eq!(reply.error(), error, "{headers:?} {body}");
    }
    server.stop().await;
}

/// The head of a ListTables request, up to the headers that say how long its body is.
fn head() -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: DynamoDB_20120810.ListTables\r\n\
         authorization: {AUTHORIZATION}\r\nx-amz-date: x\r\n"
    )
}

/// Sends bytes as they are and reads what comes back until the server closes the connection.
async fn exchange(server: &TestServer, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    let (mut read, mut write) = stream.split();
    let mut reply = Vec::new();
    // A server that has seen enough may close before everything is sent.
    let (_, _) = tokio::join!(write.write_all(bytes), read.read_to_end(&mut reply));
    String::from_utf8_lossy(&reply).into_owned()
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_refused_and_one_at_the_bound_is_read() {
    let bound = 1024 * 1024;
    let server = TestServer::start_with(|settings| settings.http.body_bytes_max = bound).await;
    let body = |bytes: usize| format!("{{\"Limit\":1{}}}", " ".repeat(bytes - 11));
    let fits = server.raw.operation_with("ListTables", body(bound), &[]).await;
    assert_eq!(fits.status, StatusCode::OK, "{:?}", fits.body);
    // One that says so beforehand is not even read.
    let announced = format!("{}content-length: {}\r\n\r\n", head(), bound + 1);
    let reply = exchange(&server, announced.as_bytes()).await;
    assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
    assert!(reply.contains("exceeds the limit of 1048576 bytes"), "{reply}");
    // Without a length the server must count while it reads.
    let chunk = format!("{}transfer-encoding: chunked\r\n\r\n{:x}\r\n", head(), bound + 1);
    let chunked = [chunk.as_bytes(), &vec![b' '; bound + 1]].concat();
    let reply = exchange(&server, &chunked).await;
    assert!(reply.contains("exceeds the limit of 1048576 bytes"), "{reply}");
    server.stop().await;
}

#[tokio::test]
async fn heads_beyond_the_bounds_are_refused() {
    let (bytes_max, headers_max) = (4096, 20);
    let server = TestServer::start_with(|settings| {
        settings.http.header_bytes_max = bytes_max;
        settings.http.headers_max = headers_max;
    })
    .await;
    let long = format!("{}x-long: {}\r\n\r\n", head(), "x".repeat(bytes_max));
    let many = format!("{}{}\r\n", head(), "x-many: 1\r\n".repeat(headers_max));
    for head in [long, many] {
        let reply = exchange(&server, head.as_bytes()).await;
        assert!(reply.starts_with("HTTP/1.1 431"), "{} bytes: {reply:?}", head.len());
    }
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_never_finishes_its_request_is_let_go() {
    let server = TestServer::start_with(|settings| {
        settings.http.header_read_ms_max = 50;
        settings.http.request_ms_max = 50;
    })
    .await;
    let mut slow_head = TcpStream::connect(server.addr()).await.unwrap();
    slow_head.write_all(b"POST / HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let mut rest = Vec::new();
    slow_head.read_to_end(&mut rest).await.unwrap();

    let mut slow_body = TcpStream::connect(server.addr()).await.unwrap();
    let head = format!("{}content-length: 10\r\n\r\n{{", head());
    slow_body.write_all(head.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    slow_body.read_to_end(&mut reply).await.unwrap();
    assert!(reply.starts_with(b"HTTP/1.1 500"), "{}", String::from_utf8_lossy(&reply));
    server.stop().await;
}

#[tokio::test]
async fn a_shutdown_finishes_requests_under_way_and_takes_no_more() {
    let server = TestServer::start().await;
    let addr = server.addr();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let head = format!("{}content-length: 2\r\nexpect: 100-continue\r\n\r\n", head());
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body: now the request is under way.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert!(asked.starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&asked));
    let stopping = tokio::spawn(server.stop());
    stream.write_all(b"{}").await.unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.unwrap();
    assert!(reply.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&reply));
    stopping.await.unwrap();
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn an_address_that_is_taken_is_said_so() {
    let server = TestServer::start().await;
    let taken = ServerSettings { listen: server.addr(), ..Default::default() };
    let refused = Server::start(taken, server.components()).await.unwrap_err();
    assert!(matches!(refused, ServerError::Bind { .. }));
    server.stop().await;
}

#[tokio::test]
async fn compressed_requests_are_understood() {
    let server = TestServer::start().await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"{\"Limit\": 0}").unwrap();
    let zipped = encoder.finish().unwrap();
    let gzip = [("content-encoding", "gzip")];
    let reply = server.raw.operation_with("ListTables", zipped, &gzip).await;
    assert_eq!(reply.error(), "ValidationException", "the limit was read");
    let reply = server.raw.operation_with("ListTables", "{}", &gzip).await;
    assert_eq!(reply.error(), "SerializationException");
    let reply = server.raw.operation_with("ListTables", "{}", &[("content-encoding", "br")]).await;
    assert_eq!(reply.error(), "SerializationException");
    server.stop().await;
}

#[tokio::test]
async fn replies_are_compressed_for_who_asks() {
    let server = TestServer::start().await;
    server.table("things", false).await;
    let get = json!({"TableName": "things", "Key": {"pk": {"S": "a"}}}).to_string();
    for (text_bytes, is_packed) in [(10, false), (2_000, true), (300_000, true)] {
        let item = json!({"pk": {"S": "a"}, "text": {"S": "x".repeat(text_bytes)}});
        server.raw.must("PutItem", json!({"TableName": "things", "Item": item})).await;
        for wish in ["gzip", "deflate, gzip;q=0.9", "identity", "gzip;q=0"] {
            let headers = [("accept-encoding", wish)];
            let reply = server.raw.operation_with("GetItem", get.clone(), &headers).await;
            // The checksum is of the bytes that are sent.
            check(&reply);
            let packed = reply.headers.get("content-encoding").map(|value| value.as_bytes());
            let expected = is_packed && wish.contains("gzip") && !wish.ends_with("=0");
            assert_eq!(packed, expected.then_some(b"gzip".as_slice()), "{wish} {text_bytes}");
            let mut plain = Vec::new();
            match expected {
                true => {
                    GzDecoder::new(reply.body.as_ref()).read_to_end(&mut plain).map(drop).unwrap()
                }
                false => plain.extend_from_slice(&reply.body),
            }
            assert_eq!(serde_json::from_slice::<Value>(&plain).unwrap()["Item"], item);
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn pages_of_this_machine_may_ask_across_origins() {
    let server = TestServer::start().await;
    let ask = |origin: &'static str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "x-amz-target,authorization"),
        ];
        let raw = server.raw.clone();
        async move { raw.send(Method::OPTIONS, "/", &headers, "").await }
    };
    let reply = ask("http://localhost:3000").await;
    check(&reply);
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.header("access-control-allow-origin"), "http://localhost:3000");
    assert_eq!(reply.header("access-control-allow-headers"), "x-amz-target,authorization");
    let stranger = ask("http://example.com").await;
    assert!(!stranger.headers.contains_key("access-control-allow-origin"));
    let origin = [("origin", "http://localhost:3000")];
    let listed = server.raw.operation_with("ListTables", "{}", &origin).await;
    assert_eq!(listed.header("access-control-allow-origin"), "http://localhost:3000");
    let stranger = [("origin", "http://rebound.example.com:8000")];
    let refused = server.raw.operation_with("ListTables", "{}", &stranger).await;
    assert_eq!(refused.error(), "AccessDeniedException");
    server.stop().await;
}
