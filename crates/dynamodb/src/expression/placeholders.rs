//! `ExpressionAttributeNames` and `ExpressionAttributeValues`: what `#n` and `:v` stand for.

use crate::error::ApiError;
use crate::json;
use crate::params::Params;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use types::Value;

/// The names and values of one request, and which of them its expressions have used.
#[derive(Debug, Default)]
pub struct Placeholders {
    names: BTreeMap<String, String>,
    /// Shared, because one value may be used often in an expression and be large.
    values: BTreeMap<String, Arc<Value>>,
    used: BTreeSet<String>,
}

impl Placeholders {
    /// Takes names and values out of a request; `expressions` are the names of those of its
    /// parameters that may use them, with whether they are present, and may use values.
    pub(crate) fn take(
        params: &mut Params,
        expressions: &[(&str, bool)],
    ) -> Result<Self, ApiError> {
        let names = params.object("ExpressionAttributeNames")?;
        let any = expressions.iter().any(|(_, present)| *present);
        if names.is_some() && !any {
            return Err(ApiError::validation(
                "ExpressionAttributeNames can only be specified when using expressions",
            ));
        }
        let values = Self::take_values(params, expressions)?;
        let mut placeholders = Self::default();
        if let Some(names) = names {
            non_empty("ExpressionAttributeNames", names.len())?;
            for (key, json) in names {
                check_key("ExpressionAttributeNames", '#', &key)?;
                let Json::String(name) = json else {
                    return Err(json::not_a("String", &json));
                };
                json::check_name(&name).map_err(|error| in_name(&key, &error))?;
                placeholders.names.insert(key, name);
            }
        }
        if let Some(values) = values {
            non_empty("ExpressionAttributeValues", values.len())?;
            for (key, json) in values {
                check_key("ExpressionAttributeValues", ':', &key)?;
                let value = json::decode_value(json).map_err(|error| in_value(&key, error))?;
                placeholders.values.insert(key, Arc::new(value));
            }
        }
        Ok(placeholders)
    }

    /// Projections have no values: a request that has none but them does not have the parameter.
    fn take_values(
        params: &mut Params,
        expressions: &[(&str, bool)],
    ) -> Result<Option<Map<String, Json>>, ApiError> {
        let with_values: Vec<_> =
            expressions.iter().filter(|(name, _)| *name != "ProjectionExpression").collect();
        if with_values.is_empty() {
            return Ok(None);
        }
        let values = params.object("ExpressionAttributeValues")?;
        if values.is_some() && !with_values.iter().any(|(_, present)| *present) {
            let names: Vec<&str> = with_values.iter().map(|(name, _)| *name).collect();
            return Err(values_without_expression(&names));
        }
        Ok(values)
    }

    /// What `#name` stands for.
    pub(super) fn name(&mut self, key: &str) -> Option<String> {
        let name = self.names.get(key)?.clone();
        self.used.insert(key.to_owned());
        Some(name)
    }

    /// What `:value` stands for.
    pub(super) fn value(&mut self, key: &str) -> Option<Arc<Value>> {
        let value = Arc::clone(self.values.get(key)?);
        self.used.insert(key.to_owned());
        Some(value)
    }

    /// Refuses names and values that no expression used; call it after the last one was parsed.
    pub(crate) fn finish(&self) -> Result<(), ApiError> {
        let unused = |parameter: &str, keys: Vec<&String>| {
            let keys: Vec<_> = keys
                .into_iter()
                .filter(|key| !self.used.contains(*key))
                .map(String::as_str)
                .collect();
            if keys.is_empty() {
                return Ok(());
            }
            Err(ApiError::validation(format!(
                "Value provided in {parameter} unused in expressions: keys: {{{}}}",
                keys.join(", ")
            )))
        };
        unused("ExpressionAttributeNames", self.names.keys().collect())?;
        unused("ExpressionAttributeValues", self.values.keys().collect())
    }
}

fn values_without_expression(expressions: &[&str]) -> ApiError {
    let are = if expressions.len() == 1 { "is" } else { "are" };
    ApiError::validation(format!(
        "ExpressionAttributeValues can only be specified when using expressions: {} {are} null",
        expressions.join(" and ")
    ))
}

fn non_empty(parameter: &str, count: usize) -> Result<(), ApiError> {
    if count == 0 {
        return Err(ApiError::validation(format!("{parameter} must not be empty")));
    }
    Ok(())
}

fn check_key(parameter: &str, sigil: char, key: &str) -> Result<(), ApiError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match key.strip_prefix(sigil) {
        Some(rest) if !rest.is_empty() && rest.chars().all(allowed) => Ok(()),
        _ => Err(ApiError::validation(format!(
            "{parameter} contains invalid key: Syntax error; key: \"{key}\""
        ))),
    }
}

fn in_name(key: &str, error: &ApiError) -> ApiError {
    ApiError::validation(format!(
        "ExpressionAttributeNames contains invalid value: {} for key {key}",
        error.message()
    ))
}

fn in_value(key: &str, error: ApiError) -> ApiError {
    if error.kind() != crate::error::ErrorKind::Validation {
        return error;
    }
    ApiError::validation(format!(
        "ExpressionAttributeValues contains invalid value: {} for key {key}",
        error.message()
    ))
}

#[cfg(test)]
impl Placeholders {
    /// Names and values from JSON such as `{"#n": "name", ":v": {"S": "x"}}`.
    pub(crate) fn from_json(json: Json) -> Self {
        let mut placeholders = Self::default();
        for (key, json) in crate::testing::body(json).0 {
            match json {
                Json::String(name) => {
                    placeholders.names.insert(key, name);
                }
                value => {
                    let value = json::decode_value(value).unwrap();
                    placeholders.values.insert(key, Arc::new(value));
                }
            }
        }
        placeholders
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{body, refusal};
    use serde_json::json;

    fn take(json: Json, expressions: &[(&str, bool)]) -> Result<Placeholders, ApiError> {
        Placeholders::take(&mut Params::new(body(json)), expressions)
    }

    #[test]
    fn placeholders_without_expressions_are_refused() {
        let expressions = [("UpdateExpression", false), ("ConditionExpression", false)];
        assert_eq!(
            refusal(take(json!({"ExpressionAttributeNames": {"#a": "a"}}), &expressions)),
            "ExpressionAttributeNames can only be specified when using expressions"
        );
        let values = json!({"ExpressionAttributeValues": {":a": {"S": "a"}}});
        assert_eq!(
            refusal(take(values.clone(), &expressions)),
            "ExpressionAttributeValues can only be specified when using expressions: \
             UpdateExpression and ConditionExpression are null"
        );
        let expressions = [("ProjectionExpression", true), ("FilterExpression", false)];
        assert_eq!(
            refusal(take(values, &expressions)),
            "ExpressionAttributeValues can only be specified when using expressions: \
             FilterExpression is null"
        );
    }

    #[test]
    fn malformed_placeholders_are_refused() {
        let expressions = [("ConditionExpression", true)];
        for (json, message) in [
            (json!({"ExpressionAttributeNames": {}}), "ExpressionAttributeNames must not be empty"),
            (
                json!({"ExpressionAttributeValues": {}}),
                "ExpressionAttributeValues must not be empty",
            ),
            (
                json!({"ExpressionAttributeNames": {"a": "a"}}),
                "ExpressionAttributeNames contains invalid key: Syntax error; key: \"a\"",
            ),
            (
                json!({"ExpressionAttributeNames": {"#a": ""}}),
                "ExpressionAttributeNames contains invalid value: Empty attribute name for key #a",
            ),
            (
                json!({"ExpressionAttributeValues": {":": {"S": "a"}}}),
                "ExpressionAttributeValues contains invalid key: Syntax error; key: \":\"",
            ),
            (
                json!({"ExpressionAttributeValues": {":a": {"N": "x"}}}),
                "ExpressionAttributeValues contains invalid value: \
                 The parameter cannot be converted to a numeric value: x for key :a",
            ),
        ] {
            assert_eq!(refusal(take(json, &expressions)), message);
        }
    }

    #[test]
    fn what_no_expression_used_is_refused() {
        let json = json!({
            "ExpressionAttributeNames": {"#a": "a", "#b": "b", "#c": "c"},
            "ExpressionAttributeValues": {":a": {"S": "a"}},
        });
        let mut placeholders = take(json, &[("ConditionExpression", true)]).unwrap();
        assert_eq!(placeholders.name("#b").as_deref(), Some("b"));
        assert_eq!(
            refusal(placeholders.finish()),
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #c}"
        );
        for key in ["#a", "#c"] {
            placeholders.name(key);
        }
        assert_eq!(
            refusal(placeholders.finish()),
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:a}"
        );
    }
}
