//! Attribute values and items from DynamoDB's JSON, with DynamoDB's checks and words.

use crate::error::ApiError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use types::limits::{ATTRIBUTE_NAME_BYTES_MAX, NESTING_DEPTH_MAX};
use types::{Error, Item, Number, Value};

/// Reads an object of attribute values.
pub(crate) fn decode_item(map: Map<String, Json>) -> Result<Item, ApiError> {
    attributes(map, 1).map(Item)
}

/// Reads one attribute value.
pub(crate) fn decode_value(json: Json) -> Result<Value, ApiError> {
    value(json, 1)
}

fn attributes(map: Map<String, Json>, depth: usize) -> Result<BTreeMap<String, Value>, ApiError> {
    let attribute = |(name, json): (String, Json)| {
        check_name(&name)?;
        Ok((name, value(json, depth)?))
    };
    map.into_iter().map(attribute).collect()
}

/// Refuses names that no attribute may have.
pub(crate) fn check_name(name: &str) -> Result<(), ApiError> {
    if name.is_empty() {
        return Err(ApiError::validation("Empty attribute name"));
    }
    if name.len() > ATTRIBUTE_NAME_BYTES_MAX {
        return Err(ApiError::validation(
            "Attribute name is too large, must be less than 65536 bytes",
        ));
    }
    Ok(())
}

/// The refusal of items that are nested too deeply.
pub(crate) fn too_deep() -> ApiError {
    ApiError::validation(
        "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels \
         beyond supported limit",
    )
}

fn value(json: Json, depth: usize) -> Result<Value, ApiError> {
    let json = if json.is_null() { Json::Object(Map::new()) } else { json };
    // Members that are null count as absent, as everywhere in DynamoDB's protocol.
    let mut members = object(json)?.into_iter().filter(|(_, json)| !json.is_null());
    let Some((kind, content)) = members.next() else {
        return Err(ApiError::validation(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        ));
    };
    if members.next().is_some() {
        return Err(ApiError::validation(
            "Supplied AttributeValue has more than one datatypes set, \
             must contain exactly one of the supported datatypes",
        ));
    }
    match kind.as_str() {
        "S" => string(content).map(Value::S),
        "N" => number(content).map(Value::N),
        "B" => blob(content).map(Value::B),
        "BOOL" => boolean(content).map(Value::Bool),
        "NULL" if boolean(content.clone())? => Ok(Value::Null),
        "NULL" => Err(ApiError::invalid_parameter(
            "Null attribute value types must have the value of true",
        )),
        "M" | "L" if depth == NESTING_DEPTH_MAX => Err(too_deep()),
        "M" => attributes(object(content)?, depth + 1).map(Value::M),
        "L" => {
            let elements = array(content)?.into_iter().map(|element| value(element, depth + 1));
            elements.collect::<Result<_, _>>().map(Value::L)
        }
        "SS" => set(content, string, "An string set  may not be empty", |list: &[String]| {
            format!("Input collection [{}] contains duplicates.", list.join(", "))
        })
        .map(Value::Ss),
        "NS" => number_set(content).map(Value::Ns),
        "BS" => set(content, blob, "Binary sets should not be empty", |list: &[Bytes]| {
            let list: Vec<_> = list.iter().map(|bytes| BASE64.encode(bytes)).collect();
            format!("Input collection [{}]of type BS contains duplicates.", list.join(", "))
        })
        .map(Value::Bs),
        _ => Err(ApiError::validation(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        )),
    }
}

fn set<T: Ord + Clone>(
    content: Json,
    element: fn(Json) -> Result<T, ApiError>,
    empty: &str,
    duplicates: fn(&[T]) -> String,
) -> Result<BTreeSet<T>, ApiError> {
    let list = array(content)?.into_iter().map(element).collect::<Result<Vec<_>, _>>()?;
    if list.is_empty() {
        return Err(ApiError::invalid_parameter(empty));
    }
    let set: BTreeSet<_> = list.iter().cloned().collect();
    if set.len() < list.len() {
        return Err(ApiError::invalid_parameter(duplicates(&list)));
    }
    Ok(set)
}

fn number_set(content: Json) -> Result<BTreeSet<Number>, ApiError> {
    let list = array(content)?.into_iter().map(number).collect::<Result<Vec<_>, _>>()?;
    if list.is_empty() {
        return Err(ApiError::invalid_parameter("An number set  may not be empty"));
    }
    let count = list.len();
    let set: BTreeSet<_> = list.into_iter().collect();
    if set.len() < count {
        return Err(ApiError::validation("Input collection contains duplicates"));
    }
    Ok(set)
}

fn number(content: Json) -> Result<Number, ApiError> {
    let text = string(content)?;
    if text.is_empty() {
        let message = "The parameter cannot be converted to a numeric value";
        return Err(ApiError::validation(message));
    }
    text.parse().map_err(|error: Error| ApiError::validation(error.to_string()))
}

fn string(content: Json) -> Result<String, ApiError> {
    match content {
        Json::String(text) => Ok(text),
        other => Err(not_a("String", &other)),
    }
}

fn boolean(content: Json) -> Result<bool, ApiError> {
    match content {
        Json::Bool(truth) => Ok(truth),
        other => Err(not_a("Boolean", &other)),
    }
}

/// Reads bytes from base64.
fn blob(content: Json) -> Result<Bytes, ApiError> {
    let Json::String(text) = content else {
        return Err(not_a("Blob", &content));
    };
    BASE64.decode(&text).map(Bytes::from).map_err(|error| {
        ApiError::serialization(format!("'{text}' can not be converted to a Blob: {error}"))
    })
}

fn array(content: Json) -> Result<Vec<Json>, ApiError> {
    match content {
        Json::Array(list) => Ok(list),
        Json::Object(_) => Err(unexpected_object()),
        _ => Err(ApiError::serialization("Unexpected field type")),
    }
}

fn object(content: Json) -> Result<Map<String, Json>, ApiError> {
    match content {
        Json::Object(map) => Ok(map),
        Json::Array(_) => Err(unexpected_list()),
        _ => Err(ApiError::serialization("Unexpected value type in payload")),
    }
}

/// The complaint about JSON of the wrong type where a scalar is expected.
pub(crate) fn not_a(expected: &str, found: &Json) -> ApiError {
    let found = match found {
        Json::Array(_) => return unexpected_list(),
        Json::Object(_) => return unexpected_object(),
        Json::Null => "NULL_VALUE",
        Json::Bool(true) => "TRUE_VALUE",
        Json::Bool(false) => "FALSE_VALUE",
        Json::String(_) => "STRING_VALUE",
        Json::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Json::Number(_) => "NUMBER_VALUE",
    };
    ApiError::serialization(format!("{found} cannot be converted to {expected}"))
}

pub(crate) fn unexpected_list() -> ApiError {
    ApiError::serialization("Start of list found where not expected")
}

pub(crate) fn unexpected_object() -> ApiError {
    ApiError::serialization("Start of structure or map found where not expected")
}
