//! The structured parameters of CreateTable.

use super::RATE_MAX;
use crate::error::ApiError;
use crate::json::Body;
use crate::params::{self, Params};
use crate::table::Tag;
use serde_json::Value as Json;
use types::limits::KEY_NAME_BYTES_MAX;
use types::{KeyAttribute, KeySchema, KeyType};

/// Most tags of a table.
const TAGS_MAX: usize = 50;

/// An element of `KeySchema`: the attribute's name, and whether it is the partition key.
pub(super) type KeyElement = (String, bool);

/// Takes the elements of a list of structures, each as parameters of its own; `read` gets the path
/// of the element for messages.
fn elements<T>(
    outer: &mut Params,
    list: Vec<Json>,
    path: &str,
    read: impl Fn(&mut Params, &str) -> Result<Option<T>, ApiError>,
) -> Result<Vec<T>, ApiError> {
    let mut elements = Vec::with_capacity(list.len());
    for (index, json) in list.into_iter().enumerate() {
        let mut inner = Params::new(Body(params::object(json)?));
        elements.extend(read(&mut inner, &format!("{path}.{}.member", index + 1))?);
        outer.adopt_violations(inner);
    }
    Ok(elements)
}

/// The required name of a key attribute.
fn attribute_name(params: &mut Params, path: &str) -> Result<Option<String>, ApiError> {
    let name = required_string(params, path, "AttributeName")?;
    let path = format!("{path}.attributeName");
    if let Some(name) = &name {
        if name.is_empty() {
            let rule = "Member must have length greater than or equal to 1";
            params.violation(Some(name), &path, rule);
        }
        if name.len() > KEY_NAME_BYTES_MAX {
            let rule =
                format!("Member must have length less than or equal to {KEY_NAME_BYTES_MAX}");
            params.violation(Some(name), &path, &rule);
        }
    }
    Ok(name)
}

fn required_string(
    params: &mut Params,
    path: &str,
    name: &str,
) -> Result<Option<String>, ApiError> {
    let text = params.string(name)?;
    if text.is_none() {
        params.missing(&format!("{path}.{}", params::member(name)));
    }
    Ok(text)
}

/// Takes `AttributeDefinitions`.
pub(super) fn attribute_definitions(params: &mut Params) -> Result<Vec<KeyAttribute>, ApiError> {
    let Some(list) = params.list("AttributeDefinitions")? else {
        params.missing("attributeDefinitions");
        return Ok(Vec::new());
    };
    elements(params, list, "attributeDefinitions", |inner, path| {
        let name = attribute_name(inner, path)?;
        let types = [("B", KeyType::B), ("N", KeyType::N), ("S", KeyType::S)];
        let key_type = inner.choice_at("AttributeType", path, &types)?;
        Ok(name.zip(key_type).map(|(name, key_type)| KeyAttribute::new(name, key_type)))
    })
}

/// Takes `KeySchema`.
pub(super) fn key_schema(params: &mut Params) -> Result<Vec<KeyElement>, ApiError> {
    let Some(list) = params.list("KeySchema")? else {
        params.missing("keySchema");
        return Ok(Vec::new());
    };
    if list.is_empty() {
        let rule = "Member must have length greater than or equal to 1";
        params.violation(Some("[]"), "keySchema", rule);
    }
    if list.len() > 2 {
        let rule = "Member must have length less than or equal to 2";
        params.violation(Some("[…]"), "keySchema", rule);
    }
    elements(params, list, "keySchema", |inner, path| {
        let name = attribute_name(inner, path)?;
        let role = inner.choice_at("KeyType", path, &[("HASH", true), ("RANGE", false)])?;
        Ok(name.zip(role))
    })
}

/// Takes a structure of a read and a write rate, both required in it.
pub(super) fn rates(
    params: &mut Params,
    structure: &str,
    [read, write]: [&str; 2],
) -> Result<Option<(u64, u64)>, ApiError> {
    let Some(inner) = params.object(structure)? else {
        return Ok(None);
    };
    let mut inner = Params::new(Body(inner));
    let mut rate = |name: &str| -> Result<u64, ApiError> {
        let path = format!("{}.{}", params::member(structure), params::member(name));
        let rate = inner.integer(name)?;
        if rate.is_none() {
            inner.missing(&path);
        }
        inner.at_least(rate, 1, &path);
        if let Some(rate) = rate.filter(|rate| *rate > RATE_MAX) {
            return Err(ApiError::validation(format!(
                "Given value {rate} for {name} is out of bounds"
            )));
        }
        Ok(rate.map_or(0, |rate| rate.unsigned_abs()))
    };
    let rates = (rate(read)?, rate(write)?);
    params.adopt_violations(inner);
    Ok(Some(rates))
}

/// Takes `Tags`.
pub(super) fn tags(params: &mut Params) -> Result<Vec<Tag>, ApiError> {
    let list = params.list("Tags")?.unwrap_or_default();
    if list.len() > TAGS_MAX {
        let message = format!("Too many tags: a table has at most {TAGS_MAX}");
        return Err(ApiError::validation(message));
    }
    elements(params, list, "tags", |inner, path| {
        let key = required_string(inner, path, "Key")?;
        let value = required_string(inner, path, "Value")?;
        Ok(key.zip(value).map(|(key, value)| Tag { key, value }))
    })
}

/// Takes a structure that may say only that a feature is off.
pub(super) fn switched_off(
    params: &mut Params,
    structure: &str,
    switch: &str,
) -> Result<(), ApiError> {
    let Some(inner) = params.object(structure)? else {
        return Ok(());
    };
    match Params::new(Body(inner)).boolean(switch)? {
        Some(true) => Err(ApiError::validation(format!(
            "The parameter {structure} is not supported by this service: leave it out, or set \
             {switch} to false"
        ))),
        _ => Ok(()),
    }
}

/// Takes `TableClass`, of which there is one.
pub(super) fn standard_class(params: &mut Params) -> Result<(), ApiError> {
    let classes = [("STANDARD", true), ("STANDARD_INFREQUENT_ACCESS", false)];
    match params.choice("TableClass", &classes)? {
        Some(false) => Err(ApiError::validation(
            "The table class STANDARD_INFREQUENT_ACCESS is not supported by this service: use \
             STANDARD",
        )),
        _ => Ok(()),
    }
}

/// The key schema with its attributes' types.
pub(super) fn resolve(
    attributes: &[KeyAttribute],
    elements: &[KeyElement],
) -> Result<KeySchema, ApiError> {
    let names = |list: Vec<&str>| format!("[{}]", list.join(", "));
    let key_names: Vec<&str> = elements.iter().map(|(name, _)| name.as_str()).collect();
    let defined: Vec<&str> = attributes.iter().map(|attribute| attribute.name.as_str()).collect();
    if key_names.len() > defined.len() {
        return Err(ApiError::validation(
            "Invalid KeySchema: Some index key attribute have no definition",
        ));
    }
    let find = |name: &str| {
        attributes.iter().find(|attribute| attribute.name == name).cloned().ok_or_else(|| {
            ApiError::invalid_parameter(format!(
                "Some index key attributes are not defined in AttributeDefinitions. Keys: {}, \
                 AttributeDefinitions: {}",
                names(key_names.clone()),
                names(defined.clone())
            ))
        })
    };
    let [(partition, is_partition), rest @ ..] = elements else {
        return Err(ApiError::validation("Invalid KeySchema: it is empty"));
    };
    let partition = find(partition)?;
    let sort = match rest.first() {
        None => None,
        Some((name, _)) if *name == partition.name => {
            return Err(ApiError::validation(
                "Both the Hash Key and the Range Key element in the KeySchema have the same name",
            ));
        }
        Some((name, _)) => Some(find(name)?),
    };
    if !is_partition {
        return Err(ApiError::validation(
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        ));
    }
    if rest.first().is_some_and(|(_, is_partition)| *is_partition) {
        return Err(ApiError::validation(
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
        ));
    }
    if defined.len() != key_names.len() {
        return Err(ApiError::invalid_parameter(
            "Number of attributes in KeySchema does not exactly match number of attributes defined \
             in AttributeDefinitions",
        ));
    }
    Ok(KeySchema { partition, sort })
}
