//! An action by hand as it comes: JSON, in which a key may be written as DynamoDB writes it.
//!
//! The manager knows keys as bytes only; which bytes a key is depends on the table's definition.

use dynamodb::TableDefinition;
use http::StatusCode;
use manager::HandAction;
use planner::layout;
use serde::Deserialize;
use serde_json::Value;
use storage::Storage;

use super::answer::Refusal;

/// `{"action":"isolate","key":{"pk":{"S":"a"}}}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Isolate {
    #[serde(rename = "action")]
    _action: IsolateTag,
    key: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum IsolateTag {
    Isolate,
}

/// What a body asks for.
pub(super) fn action(storage: &Storage, table: &str, body: &[u8]) -> Result<HandAction, Refusal> {
    let refuse = |why: String| Refusal::new(StatusCode::BAD_REQUEST, why);
    if let Ok(Isolate { key, .. }) = serde_json::from_slice(body) {
        return isolate(storage, table, &key);
    }
    serde_json::from_slice(body).map_err(|error| refuse(format!("not an action: {error}")))
}

fn isolate(storage: &Storage, table: &str, key: &Value) -> Result<HandAction, Refusal> {
    let refuse = |why: String| Refusal::new(StatusCode::BAD_REQUEST, why);
    let found = storage.table(table).ok_or_else(|| {
        Refusal::new(StatusCode::NOT_FOUND, format!("there is no table {table:?}"))
    })?;
    let definition = TableDefinition::from_stored(&found.definition())
        .map_err(|error| Refusal::internal(format!("the table's definition: {error}")))?;
    let range = definition
        .key_range(key)
        .map_err(|error| refuse(format!("not a key of {table}: {}", error.message())))?;
    // In hash order a collection is all that has its hash.
    let one_item = range.end.as_ref().is_some_and(|end| end.len() == range.start.len() + 1)
        && definition.key_schema.sort.is_some();
    let range = match definition.strategy.is_hash_order() && !one_item {
        true => layout::collection(definition.strategy, &range.start).unwrap_or(range),
        false => range,
    };
    let hex = |key: &[u8]| key.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Ok(HandAction::Isolate { start: hex(&range.start), end: range.end.map(|end| hex(&end)) })
}
