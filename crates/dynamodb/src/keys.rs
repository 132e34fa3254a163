//! Primary keys in requests: present, of the right type, neither empty nor too long.

use crate::error::ApiError;
use types::limits::{PARTITION_KEY_BYTES_MAX, SORT_KEY_BYTES_MAX};
use types::{Error, Item, KeySchema, KeyType, KeyValue, PrimaryKey};

/// The primary key of an item that is to be stored.
pub(crate) fn of_item(schema: &KeySchema, item: &Item) -> Result<PrimaryKey, ApiError> {
    let key = schema.key_of(item).map_err(|error| match error {
        Error::KeyMissing { name } => {
            ApiError::invalid_parameter(format!("Missing the key {name} in the item"))
        }
        Error::KeyType { name, expected, actual } => ApiError::invalid_parameter(format!(
            "Type mismatch for key {name} expected: {expected} actual: {actual}"
        )),
        other => ApiError::validation(other.to_string()),
    })?;
    check(schema, &key)?;
    Ok(key)
}

/// The primary key that a `Key` parameter is; it must have the key's attributes and no others.
pub(crate) fn of_key(schema: &KeySchema, key: &Item) -> Result<PrimaryKey, ApiError> {
    let mismatch = || ApiError::validation("The provided key element does not match the schema");
    if key.0.len() != schema.attributes().count() {
        return Err(mismatch());
    }
    let key = schema.key_of(key).map_err(|_| mismatch())?;
    check(schema, &key)?;
    Ok(key)
}

fn check(schema: &KeySchema, key: &PrimaryKey) -> Result<(), ApiError> {
    check_not_empty(&schema.partition.name, &key.partition)?;
    if key.partition.size_bytes() > PARTITION_KEY_BYTES_MAX {
        // The missing space is DynamoDB's.
        return Err(ApiError::invalid_parameter(format!(
            "Size of hashkey has exceeded the maximum size limit of{PARTITION_KEY_BYTES_MAX} bytes"
        )));
    }
    if let (Some(attribute), Some(sort)) = (&schema.sort, &key.sort) {
        check_not_empty(&attribute.name, sort)?;
        if sort.size_bytes() > SORT_KEY_BYTES_MAX {
            return Err(ApiError::invalid_parameter(format!(
                "Aggregated size of all range keys has exceeded the size limit of \
                 {SORT_KEY_BYTES_MAX} bytes"
            )));
        }
    }
    Ok(())
}

/// Refuses empty strings and bytes as key values.
pub(crate) fn check_not_empty(name: &str, value: &KeyValue) -> Result<(), ApiError> {
    if value.key_type() == KeyType::N || value.size_bytes() > 0 {
        return Ok(());
    }
    let kind = if value.key_type() == KeyType::S { "string" } else { "binary" };
    Err(ApiError::validation(format!(
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot \
         contain an empty {kind} value. Key: {name}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{item, refusal, table};
    use serde_json::json;

    #[test]
    fn items_must_have_their_key() {
        let schema = table().key_schema;
        let invalid = "One or more parameter values were invalid: ";
        for (json, message) in [
            (json!({"s": {"N": "1"}}), format!("{invalid}Missing the key p in the item")),
            (
                json!({"p": {"S": "a"}, "s": {"S": "1"}}),
                format!("{invalid}Type mismatch for key s expected: N actual: S"),
            ),
            (
                json!({"p": {"S": ""}, "s": {"N": "1"}}),
                "One or more parameter values are not valid. The AttributeValue for a key \
                 attribute cannot contain an empty string value. Key: p"
                    .into(),
            ),
            (
                json!({"p": {"S": "x".repeat(2049)}, "s": {"N": "1"}}),
                format!(
                    "{invalid}Size of hashkey has exceeded the maximum size limit of2048 bytes"
                ),
            ),
        ] {
            assert_eq!(refusal(of_item(&schema, &item(json))), message);
        }
        let fine = item(json!({"p": {"S": "x".repeat(2048)}, "s": {"N": "1"}, "a": {"S": ""}}));
        assert!(of_item(&schema, &fine).is_ok());
    }

    #[test]
    fn keys_must_be_the_key_and_nothing_else() {
        let schema = table().key_schema;
        for json in [
            json!({"p": {"S": "a"}}),
            json!({"p": {"S": "a"}, "s": {"S": "1"}}),
            json!({"p": {"S": "a"}, "x": {"N": "1"}}),
            json!({"p": {"S": "a"}, "s": {"N": "1"}, "x": {"N": "1"}}),
        ] {
            let message = "The provided key element does not match the schema";
            assert_eq!(refusal(of_key(&schema, &item(json))), message);
        }
        assert!(of_key(&schema, &item(json!({"p": {"S": "a"}, "s": {"N": "1"}}))).is_ok());
    }
}
