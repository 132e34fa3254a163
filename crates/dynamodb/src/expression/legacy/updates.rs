//! `AttributeUpdates`: changes of attributes by name.

use super::whole;
use crate::error::ApiError;
use crate::expression::Update;
use crate::expression::update::{Action, Change, Expression, Operand};
use crate::json::{self, Body};
use crate::params::{self, Params};
use serde_json::Value as Json;
use std::sync::Arc;
use types::Value;

/// What is done with an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Add,
    Put,
    Delete,
}

/// The parameter, its shape checked and its values not yet read.
#[derive(Debug)]
pub(crate) struct RawUpdates(Vec<Raw>);

#[derive(Debug)]
struct Raw {
    attribute: String,
    verb: Verb,
    value: Option<Json>,
}

impl RawUpdates {
    /// Takes `AttributeUpdates`.
    pub(crate) fn take(params: &mut Params) -> Result<Option<Self>, ApiError> {
        let Some(map) = params.object("AttributeUpdates")? else {
            return Ok(None);
        };
        let mut raw = Vec::with_capacity(map.len());
        for (attribute, json) in map {
            let mut inner = Params::new(Body(params::object(json)?));
            let verbs = [("ADD", Verb::Add), ("PUT", Verb::Put), ("DELETE", Verb::Delete)];
            let verb = match inner.has("Action") {
                true => {
                    let path = format!("attributeUpdates.{attribute}.member");
                    inner.choice_at("Action", &path, &verbs)?
                }
                false => None,
            };
            let value = inner.take("Value");
            params.adopt_violations(inner);
            raw.push(Raw { attribute, verb: verb.unwrap_or(Verb::Put), value });
        }
        Ok(Some(Self(raw)))
    }

    /// The update that they are; none if they change nothing.
    ///
    /// # Errors
    /// What DynamoDB refuses.
    pub(crate) fn update(self) -> Result<Option<Update>, ApiError> {
        let actions = self.0.into_iter().map(Raw::action).collect::<Result<Vec<_>, _>>()?;
        Ok((!actions.is_empty()).then(|| Update::of_legacy(actions)))
    }
}

impl Raw {
    fn action(self) -> Result<Action, ApiError> {
        json::check_name(&self.attribute)?;
        let path = whole(&self.attribute);
        let value = self.value.map(json::decode_value).transpose()?.map(Arc::new);
        let unsupported = |action: &str, value: &Value| {
            Err(ApiError::invalid_parameter(format!(
                "{action} is not supported for the type {}",
                value.type_name()
            )))
        };
        let change = match (self.verb, value) {
            (Verb::Delete, None) => Change::Remove,
            (Verb::Add | Verb::Put, None) => {
                return Err(ApiError::invalid_parameter(
                    "Only DELETE action is allowed when no attribute value is specified",
                ));
            }
            (Verb::Put, Some(value)) => Change::Set(Expression::Operand(Operand::Value(value))),
            (Verb::Delete, Some(value)) if value.is_set() => Change::Delete(value),
            (Verb::Delete, Some(value)) => return unsupported("DELETE action with value", &value),
            (Verb::Add, Some(value)) => match &*value {
                // A list is appended to, as expressions do with `list_append`.
                Value::L(_) => {
                    let nothing = Operand::Value(Value::L(Vec::new()).into());
                    let old = Operand::IfNotExists(path.clone(), Box::new(nothing));
                    Change::Set(Expression::Append(old, Operand::Value(value)))
                }
                Value::N(_) => Change::Add(value),
                set if set.is_set() => Change::Add(value),
                other => return unsupported("ADD action", other),
            },
        };
        Ok(Action { path, change })
    }
}
