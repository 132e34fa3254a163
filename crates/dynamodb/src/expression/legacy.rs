//! The parameters that expressions have replaced: `Expected`, `QueryFilter`, `ScanFilter`,
//! `KeyConditions`, `AttributeUpdates`, `AttributesToGet`, `ConditionalOperator`.
//!
//! They are read with DynamoDB's checks and become the same conditions, updates and projections that
//! expressions become, so that nothing behind here knows of them; there is no second evaluator. An
//! attribute's name is taken as it is: a dot in it leads nowhere.
//!
//! Source: "Legacy conditional parameters" in the DynamoDB Developer Guide, and the answers of
//! DynamoDB Local.

mod attributes;
mod conditions;
mod keys;
mod updates;

pub(crate) use attributes::take_attributes;
pub(crate) use conditions::RawConditions;
pub(crate) use updates::RawUpdates;

use super::path::Path;
use crate::error::ApiError;
use crate::params::Params;
use types::Value;

/// How several conditions are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Junction {
    And,
    Or,
}

/// Takes `ConditionalOperator`.
pub(crate) fn take_junction(params: &mut Params) -> Result<Option<Junction>, ApiError> {
    params.choice("ConditionalOperator", &[("OR", Junction::Or), ("AND", Junction::And)])
}

/// Refuses requests that use parameters of both kinds; each is paired with whether it is present.
pub(crate) fn refuse_mixing(
    legacy: &[(&str, bool)],
    expressions: &[(&str, bool)],
) -> Result<(), ApiError> {
    let present = |parameters: &[(&str, bool)]| {
        let present = parameters.iter().filter(|(_, present)| *present);
        present.map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>()
    };
    let (legacy, expressions) = (present(legacy), present(expressions));
    // A key condition of either kind goes with filters and projections of expressions.
    let clash = |name: &String| {
        name != "KeyConditions" || expressions.iter().any(|name| name == "KeyConditionExpression")
    };
    if expressions.is_empty() || !legacy.iter().any(clash) {
        return Ok(());
    }
    Err(ApiError::validation(format!(
        "Can not use both expression and non-expression parameters in the same request: \
         Non-expression parameters: {{{}}} Expression parameters: {{{}}}",
        legacy.join(", "),
        expressions.join(", ")
    )))
}

/// The whole of the attribute with this name.
fn whole(name: &str) -> Path {
    Path { attribute: name.to_owned(), steps: Vec::new() }
}

fn not_valid(operator: &str, value: &Value) -> ApiError {
    ApiError::invalid_parameter(format!(
        "ComparisonOperator {operator} is not valid for {} AttributeValue type",
        value.type_name()
    ))
}

#[cfg(test)]
mod tests;
