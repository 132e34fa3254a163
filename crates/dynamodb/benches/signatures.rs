//! What verifying a signature costs: of a GetItem as SDKs send it, signed by AWS's own crate.
//!
//! Measured is CPU time of the thread where the system tells it (Linux), so that a busy machine
//! changes little.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot go on has failed")]

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use criterion::{Criterion, criterion_group, criterion_main};
use dynamodb::sigv4::{Signature, SigningKey};
use http::{HeaderValue, Request};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const NOW_MS: i64 = 1_714_521_600_000;
const BODY: &[u8] =
    br#"{"TableName":"things","Key":{"pk":{"S":"user-0000012345"},"sk":{"N":"12"}},"ConsistentRead":true}"#;

fn request() -> Request<()> {
    let headers = [
        ("host", "localhost:8000"),
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", "DynamoDB_20120810.GetItem"),
        ("amz-sdk-invocation-id", "7b3b1d2c-0000-4000-8000-000000000000"),
        ("amz-sdk-request", "attempt=1; max=3"),
    ];
    let identity = Credentials::new("AKIDEXAMPLE", SECRET, None, None, "bench").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("dynamodb")
        .time(SystemTime::UNIX_EPOCH + Duration::from_millis(NOW_MS as u64))
        .settings(SigningSettings::default())
        .build()
        .unwrap();
    let uri = "http://localhost:8000/";
    let signable =
        SignableRequest::new("POST", uri, headers.into_iter(), SignableBody::Bytes(BODY)).unwrap();
    let (instructions, _) = sign(signable, &params.into()).unwrap().into_parts();
    let mut request = Request::post("/").body(()).unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    instructions.apply_to_request_http1x(&mut request);
    request
}

/// How long this thread has been running on a processor.
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn signatures(criterion: &mut Criterion) {
    let request = request();
    let (uri, headers) = (request.uri(), request.headers());
    let key = SigningKey::derive(SECRET, "20240501", "us-east-1");
    criterion.bench_function("verify a signed GetItem", |bencher| {
        bencher.iter_custom(|rounds| {
            let (cpu, real) = (cpu_time(), Instant::now());
            for _ in 0..rounds {
                let signature = Signature::read(black_box(uri), headers).unwrap();
                signature.check_scope(headers, NOW_MS).unwrap();
                signature.verify(request.method(), uri, headers, black_box(BODY), &key).unwrap();
            }
            match (cpu, cpu_time()) {
                (Some(before), Some(after)) => after - before,
                _ => real.elapsed(),
            }
        });
    });
}

criterion_group!(benches, signatures);
criterion_main!(benches);
