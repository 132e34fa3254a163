//! Signatures made by AWS's own crate must pass, and nothing else may.

use super::*;
use crate::error::{ApiError, ErrorKind};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use proptest::prelude::*;
use std::time::{Duration, SystemTime};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const NOW_MS: i64 = 1_714_521_600_000;

/// What there is to sign.
#[derive(Clone, Debug)]
struct Plan {
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
    body: Vec<u8>,
    region: String,
    presigned: bool,
}

impl Plan {
    fn simple(presigned: bool) -> Self {
        let target = ("x-amz-target".to_owned(), "DynamoDB_20120810.ListTables".to_owned());
        let (headers, body) = (vec![target], b"{}".to_vec());
        Self { headers, query: vec![], body, region: "eu-west-1".into(), presigned }
    }

    /// The request, signed at `NOW_MS` by AWS's crate.
    fn signed(&self) -> Request<Vec<u8>> {
        let query: Vec<_> =
            self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let uri = format!("http://localhost:8000/{query}");
        let mut request = Request::post(&uri);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(self.body.clone()).unwrap();
        let mut settings = SigningSettings::default();
        if self.presigned {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(Duration::from_secs(600));
        }
        let identity = Credentials::new("AKIDEXAMPLE", SECRET, None, None, "tests").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("dynamodb")
            .time(SystemTime::UNIX_EPOCH + Duration::from_millis(NOW_MS as u64))
            .settings(settings)
            .build()
            .unwrap();
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let signable =
            SignableRequest::new("POST", uri, headers, SignableBody::Bytes(&self.body)).unwrap();
        let (instructions, _) = sign(signable, &params.into()).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        request.headers_mut().insert("host", HeaderValue::from_static("localhost:8000"));
        // What a server sees has no authority in its target.
        *request.uri_mut() = request.uri().path_and_query().unwrap().as_str().parse().unwrap();
        request
    }
}

/// Everything a server checks, with the key of `secret` at `now_ms`.
fn check(request: &Request<Vec<u8>>, secret: &str, now_ms: i64) -> Result<(), ApiError> {
    let (uri, headers) = (request.uri(), request.headers());
    let signature = Signature::read(uri, headers)?;
    assert_eq!(signature.access_key(), "AKIDEXAMPLE");
    signature.check_scope(headers, now_ms)?;
    let key = SigningKey::derive(secret, signature.date(), signature.region());
    signature.verify(request.method(), uri, headers, request.body(), &key)
}

fn refused(request: &Request<Vec<u8>>, now_ms: i64) -> (ErrorKind, String) {
    let error = check(request, SECRET, now_ms).expect_err("must be refused");
    (error.kind(), error.message().to_owned())
}

fn plans() -> impl Strategy<Value = Plan> {
    // Few enough names that some come twice.
    let name = "x-[a-z][a-z0-9-]{0,8}|x-(a|b|ab)";
    // Values as clients send them: any visible character, runs of spaces inside and around.
    let headers = prop::collection::vec((name, " {0,2}[!-~]([ -~]{0,20}[!-~])? {0,2}"), 0..6);
    // Names and values as they stand in a query, with escapes of both spellings.
    let part = "([a-zA-Z0-9_.~*+:/-]|%2[0-9A-F]|%(c[2-9a-f]|d[0-9a-f])%[8-9a-b][0-9a-f]){1,8}";
    let query = prop::collection::vec((prop_oneof![3 => part, 1 => "[ab]"], part), 0..5);
    let body = prop::collection::vec(any::<u8>(), 0..300);
    (headers, query, body, "[a-z]{2}-[a-z]{4,9}-[1-9]", any::<bool>()).prop_map(
        |(headers, query, body, region, presigned)| Plan {
            headers,
            query,
            body,
            region,
            presigned,
        },
    )
}

proptest! {
    #[test]
    fn what_aws_signs_passes(plan in plans()) {
        let request = plan.signed();
        let checked = check(&request, SECRET, NOW_MS);
        prop_assert!(checked.is_ok(), "{checked:?} {request:?}");
    }

    #[test]
    fn what_was_changed_afterwards_does_not(
        plan in plans(),
        place in any::<prop::sample::Index>(),
        bit in 0..8u32,
    ) {
        let signed = plan.signed();
        let other_secret = check(&signed, "another", NOW_MS).unwrap_err();
        prop_assert_eq!(other_secret.kind(), ErrorKind::InvalidSignature);
        if !plan.body.is_empty() {
            let mut request = signed.clone();
            let index = place.index(plan.body.len());
            request.body_mut()[index] ^= 1 << bit;
            prop_assert!(check(&request, SECRET, NOW_MS).is_err());
        }
        if !plan.headers.is_empty() {
            let (name, value) = &plan.headers[place.index(plan.headers.len())];
            let mut request = signed.clone();
            let changed = HeaderValue::from_str(&format!("{value}x")).unwrap();
            request.headers_mut().insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), changed);
            prop_assert!(check(&request, SECRET, NOW_MS).is_err());
            request.headers_mut().remove(name.as_str());
            prop_assert!(check(&request, SECRET, NOW_MS).is_err());
        }
        let mut request = signed.clone();
        *request.method_mut() = Method::GET;
        prop_assert!(check(&request, SECRET, NOW_MS).is_err());
        let separator = if signed.uri().query().is_some() { '&' } else { '?' };
        let mut request = signed;
        *request.uri_mut() = format!("{}{separator}more=1", request.uri()).parse().unwrap();
        prop_assert!(check(&request, SECRET, NOW_MS).is_err());
    }

    #[test]
    fn reading_never_panics(header in "\\PC{0,80}", query in "[ -~]{0,80}", body in "[ -~]{0,20}") {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(&format!("AWS4-HMAC-SHA256 {header}")) {
            headers.insert("authorization", value);
        }
        let uri = format!("/?{query}").parse();
        if let Ok(uri) = &uri
            && let Ok(signature) = Signature::read(uri, &headers)
        {
            let key = SigningKey::derive(SECRET, signature.date(), signature.region());
            let _ = signature.check_scope(&headers, NOW_MS);
            let _ = signature.verify(&Method::POST, uri, &headers, body.as_bytes(), &key);
        }
    }
}

#[test]
fn a_key_is_never_shown() {
    let key = SigningKey::derive(SECRET, "20240501", "us-east-1");
    assert_eq!(format!("{key:?}"), "SigningKey(…)");
}

#[test]
fn a_clock_may_be_off_by_five_minutes() {
    let request = Plan::simple(false).signed();
    for now_ms in [NOW_MS - 300_000, NOW_MS + 300_000] {
        assert!(check(&request, SECRET, now_ms).is_ok());
    }
    let (kind, message) = refused(&request, NOW_MS + 301_000);
    assert_eq!(kind, ErrorKind::InvalidSignature);
    assert_eq!(
        message,
        "Signature expired: 20240501T000000Z is now earlier than 20240501T000001Z \
         (20240501T000501Z - 5 min.)"
    );
    let (_, message) = refused(&request, NOW_MS - 301_000);
    assert!(message.starts_with("Signature not yet current: 20240501T000000Z"), "{message}");
}

#[test]
fn a_presigned_request_is_valid_as_long_as_it_says() {
    let request = Plan::simple(true).signed();
    assert!(check(&request, SECRET, NOW_MS + 600_000).is_ok());
    let (kind, message) = refused(&request, NOW_MS + 601_000);
    assert_eq!(kind, ErrorKind::InvalidSignature);
    assert!(message.starts_with("Signature expired"), "{message}");
    let mut longer = request;
    let uri = longer.uri().to_string().replace("X-Amz-Expires=600", "X-Amz-Expires=6000");
    *longer.uri_mut() = uri.parse().unwrap();
    assert!(refused(&longer, NOW_MS).1.starts_with("The request signature we calculated"));
}

/// A signed request with one thing about its authorization exchanged.
fn with_authorization(from: &str, to: &str) -> Request<Vec<u8>> {
    let mut request = Plan::simple(false).signed();
    let header = request.headers()["authorization"].to_str().unwrap().to_owned();
    assert!(header.contains(from), "{header}");
    let header = HeaderValue::from_str(&header.replace(from, to)).unwrap();
    request.headers_mut().insert("authorization", header);
    request
}

#[test]
fn what_is_wrong_with_a_signature_is_said() {
    use ErrorKind::{IncompleteSignature, InvalidSignature, MissingAuthenticationToken};
    for (from, to, kind, part) in [
        ("AWS4-HMAC-SHA256", "Bearer", MissingAuthenticationToken, "missing Authentication Token"),
        ("SHA256", "SHA512", IncompleteSignature, "Unsupported AWS 'algorithm'"),
        ("Signature=", "Sig=", IncompleteSignature, "requires 'Signature' parameter"),
        ("/aws4_request", "", IncompleteSignature, "exactly 5 slash-delimited elements"),
        (
            "aws4_request",
            "aws5",
            InvalidSignature,
            "a valid terminator: 'aws4_request', not 'aws5'",
        ),
        ("/dynamodb/", "/s3/", InvalidSignature, "correct service: 'dynamodb'"),
        ("/20240501/", "/20240502/", InvalidSignature, "'20240502' != '20240501'"),
        ("host;", "", InvalidSignature, "'Host' or ':authority' must be"),
        (";x-amz-target", "", InvalidSignature, "not signed: x-amz-target"),
        ("eu-west-1", "us-east-1", InvalidSignature, "does not match the signature you provided"),
        ("host;", "Host;host;", InvalidSignature, "does not match"),
        ("host;", "host;x-none;", InvalidSignature, "does not match"),
    ] {
        let (found, message) = refused(&with_authorization(from, to), NOW_MS);
        assert_eq!(found, kind, "{from} {to}: {message}");
        assert!(message.contains(part), "{from} {to}: {message}");
    }
    let mut upper = Plan::simple(false).signed();
    let header = upper.headers()["authorization"].to_str().unwrap().to_owned();
    let (start, signature) = header.rsplit_once('=').unwrap();
    let header = format!("{start}={}", signature.to_uppercase());
    upper.headers_mut().insert("authorization", HeaderValue::from_str(&header).unwrap());
    assert!(refused(&upper, NOW_MS).1.contains("does not match"));
}

#[test]
fn two_signatures_or_a_wrong_body_hash_are_refused() {
    let mut twice = Plan::simple(false).signed();
    let same = twice.headers()["authorization"].clone();
    twice.headers_mut().append("authorization", same.clone());
    assert!(refused(&twice, NOW_MS).1.contains("more than one Authorization"));
    let mut both = Plan::simple(true).signed();
    both.headers_mut().insert("authorization", same);
    assert!(refused(&both, NOW_MS).1.starts_with("Found both 'X-Amz-Algorithm'"));
    let mut hashed = Plan::simple(false).signed();
    let unsigned = HeaderValue::from_static("UNSIGNED-PAYLOAD");
    hashed.headers_mut().insert("x-amz-content-sha256", unsigned);
    assert!(refused(&hashed, NOW_MS).1.contains("'x-amz-content-sha256' header does not match"));
}
