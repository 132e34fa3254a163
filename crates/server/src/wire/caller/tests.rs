//! Names of clients.

use super::*;
use http::{Request, Uri};

const GOOD: &str = "AWS4-HMAC-SHA256 Credential=AKID/20240501/eu-west-1/dynamodb/aws4_request, \
                    SignedHeaders=host;x-amz-date, Signature=00ff";

fn peer(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[test]
fn the_identity_is_access_key_application_and_address() {
    let agent = "Boto3/1.40 md/Botocore#1.40 ua/2.1 os/linux app/orders cfg/retry-mode#legacy";
    let request = Request::builder()
        .header("authorization", GOOD)
        .header("x-amz-date", "x")
        .header("user-agent", agent)
        .body(())
        .unwrap();
    let signature = Signature::read(request.uri(), request.headers()).unwrap();
    let caller = Caller::of(&signature, request.headers(), peer(4711));
    assert_eq!(caller.access_key, "AKID");
    assert_eq!(caller.app_id, "orders");
    assert_eq!(caller.address.to_string(), "127.0.0.1");
    let names = ClientNames::new(10);
    let client = caller.register(&names);
    assert_eq!(names.name(client).unwrap().as_ref(), "AKID orders 127.0.0.1");
    let again = Caller::of(&signature, request.headers(), peer(4712));
    assert_eq!(again.register(&names), client, "another connection of the same client");
}

#[test]
fn a_presigned_request_is_identified_by_its_query() {
    let uri: Uri = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256\
                    &X-Amz-Credential=AKID%2F20240501%2Fx%2Fdynamodb%2Faws4_request\
                    &X-Amz-Date=20240501T000000Z&X-Amz-Expires=60\
                    &X-Amz-SignedHeaders=host&X-Amz-Signature=00"
        .parse()
        .unwrap();
    let headers = HeaderMap::new();
    let signature = Signature::read(&uri, &headers).unwrap();
    assert_eq!(Caller::of(&signature, &headers, peer(1)).access_key, "AKID");
}

#[test]
fn a_name_too_long_is_cut_at_a_character() {
    let long = "ä".repeat(NAME_BYTES_MAX);
    let names = ClientNames::new(10);
    let caller = Caller { access_key: "A", app_id: &long, address: peer(1).ip() };
    let name = names.name(caller.register(&names)).unwrap();
    assert!(name.len() <= NAME_BYTES_MAX && name.starts_with("A ää"), "{name}");
}
