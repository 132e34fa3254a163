//! What the tests of this crate share.

use crate::error::ApiError;
use crate::json::Body;
use crate::table::{Billing, TableDefinition};
use serde_json::Value as Json;
use types::{Item, KeyAttribute, KeySchema, KeyType, Strategy};

/// A table with partition key `p` (S) and sort key `s` (N).
pub(crate) fn table() -> TableDefinition {
    let partition = KeyAttribute::new("p", KeyType::S);
    let sort = KeyAttribute::new("s", KeyType::N);
    TableDefinition {
        name: "things".into(),
        arn: "arn:aws:dynamodb:local:000000000000:table/things".into(),
        uuid: "7b3b1d2c-0000-4000-8000-000000000000".into(),
        created_ms: 1_700_000_000_123,
        attributes: vec![partition.clone(), sort.clone()],
        key_schema: KeySchema { partition, sort: Some(sort) },
        strategy: Strategy::Hash,
        billing: Billing::PayPerRequest,
        warm_throughput: None,
        deletion_protection: false,
        tags: vec![],
        class: None,
        changes: Default::default(),
        point_in_time: None,
        restored: None,
    }
}

/// A request body.
pub(crate) fn body(json: Json) -> Body {
    let Json::Object(map) = json else { panic!("bodies are objects") };
    Body(map)
}

/// An item from DynamoDB's JSON.
pub(crate) fn item(json: Json) -> Item {
    crate::json::decode_item(body(json).0).unwrap()
}

/// A response as JSON.
pub(crate) fn parsed(body: &[u8]) -> Json {
    serde_json::from_slice(body).unwrap()
}

/// Type name after the `#`, and message, of a refusal.
pub(crate) fn refusal<T>(result: Result<T, ApiError>) -> String {
    match result {
        Ok(_) => panic!("was not refused"),
        Err(error) => error.message().to_owned(),
    }
}
