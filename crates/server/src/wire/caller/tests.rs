//! Signatures in the forms that clients send, and in forms that must be refused.

use super::*;

const GOOD: &str = "AWS4-HMAC-SHA256 Credential=AKID/20240501/eu-west-1/dynamodb/aws4_request, \
                    SignedHeaders=host;x-amz-date, Signature=00ff";

fn request(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

fn peer(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[test]
fn the_identity_is_access_key_application_and_address() {
    let agent = "Boto3/1.40 md/Botocore#1.40 ua/2.1 os/linux app/orders cfg/retry-mode#legacy";
    let signed = [("authorization", GOOD), ("x-amz-date", "x"), ("user-agent", agent)];
    let request = request("/", &signed);
    let caller = Caller::of(&request, peer(4711)).unwrap();
    assert_eq!(caller.access_key, "AKID");
    assert_eq!(caller.app_id, "orders");
    assert_eq!(caller.address.to_string(), "127.0.0.1");
    let names = ClientNames::new(10);
    let client = caller.register(&names);
    assert_eq!(names.name(client).unwrap().as_ref(), "AKID orders 127.0.0.1");
    let again = Caller::of(&request, peer(4712)).unwrap();
    assert_eq!(again.register(&names), client, "another connection of the same client");
}

#[test]
fn a_presigned_request_is_identified_by_its_query() {
    let query = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20240501%2Fx\
                 &X-Amz-Date=20240501T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00";
    let signed = request(query, &[]);
    assert_eq!(Caller::of(&signed, peer(1)).unwrap().access_key, "AKID");
    let partial = request("/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID", &[]);
    let Err(AuthError::Incomplete(text)) = Caller::of(&partial, peer(1)) else { panic!() };
    assert!(text.contains("'X-Amz-Signature'") && !text.contains("'X-Amz-Credential'"), "{text}");
    let both = request(query, &[("authorization", GOOD), ("x-amz-date", "x")]);
    assert_eq!(Caller::of(&both, peer(1)), Err(AuthError::Twice));
}

#[test]
fn unsigned_and_half_signed_requests_are_refused() {
    let refused = |headers: &[(&str, &str)]| {
        Caller::of(&request("/", headers), peer(1)).expect_err("must be refused")
    };
    assert_eq!(refused(&[]), AuthError::Missing);
    assert_eq!(refused(&[("authorization", "Bearer x")]), AuthError::Missing);
    let AuthError::Incomplete(text) = refused(&[("authorization", "AWS4-HMAC-SHA256")]) else {
        panic!()
    };
    for part in ["'Credential'", "'Signature'", "'SignedHeaders'", "'X-Amz-Date'"] {
        assert!(text.contains(part), "{text}");
    }
    let AuthError::Incomplete(text) = refused(&[("authorization", GOOD)]) else { panic!() };
    assert!(text.contains("'X-Amz-Date'") && !text.contains("'Credential'"), "{text}");
}

#[test]
fn a_name_too_long_is_cut_at_a_character() {
    let long = "ä".repeat(NAME_BYTES_MAX);
    let names = ClientNames::new(10);
    let caller = Caller { access_key: "A", app_id: &long, address: peer(1).ip() };
    let name = names.name(caller.register(&names)).unwrap();
    assert!(name.len() <= NAME_BYTES_MAX && name.starts_with("A ää"), "{name}");
}
