//! The parameters of CreateTable alone: attributes and keys.

use crate::error::ApiError;
use crate::params::Params;
use crate::requests::table_params::{elements, required_string};
use types::limits::KEY_NAME_BYTES_MAX;
use types::{KeyAttribute, KeySchema, KeyType};

/// An element of `KeySchema`: the attribute's name, and whether it is the partition key.
pub(super) type KeyElement = (String, bool);

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
