//! `AttributesToGet`: a projection of whole attributes.

use super::whole;
use crate::error::ApiError;
use crate::expression::Projection;
use crate::json;
use crate::params::Params;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Most names in the list.
const ATTRIBUTES_MAX: usize = 255;

/// Takes the parameter's names; `path` is where messages say that it is.
pub(crate) fn take_attributes(
    params: &mut Params,
    path: &str,
) -> Result<Option<Vec<String>>, ApiError> {
    let Some(list) = params.list("AttributesToGet")? else {
        return Ok(None);
    };
    let name = |json| match json {
        Json::String(name) => Ok(name),
        other => Err(json::not_a("String", &other)),
    };
    let names = list.into_iter().map(name).collect::<Result<Vec<_>, _>>()?;
    let shown = || format!("[{}]", names.join(", "));
    if names.is_empty() {
        let rule = "Member must have length greater than or equal to 1";
        params.violation(Some(&shown()), path, rule);
    }
    if names.len() > ATTRIBUTES_MAX {
        let rule = format!("Member must have length less than or equal to {ATTRIBUTES_MAX}");
        params.violation(Some(&shown()), path, &rule);
    }
    Ok(Some(names))
}

impl Projection {
    /// The projection on whole attributes.
    ///
    /// # Errors
    /// If a name comes twice, or is none.
    pub(crate) fn of_attributes(names: &[String]) -> Result<Self, ApiError> {
        let mut seen = BTreeSet::new();
        for name in names {
            json::check_name(name)?;
            if !seen.insert(name) {
                return Err(ApiError::invalid_parameter(format!(
                    "Duplicate value in attribute name: {name}"
                )));
            }
        }
        Ok(Self::of(names.iter().map(|name| whole(name)).collect()))
    }
}
