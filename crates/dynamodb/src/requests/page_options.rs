//! The parameters that Query and Scan share.

use super::page::PageOptions;
use crate::consumed::ReturnConsumedCapacity;
use crate::error::ApiError;
use crate::expression::{Condition, Placeholders, Projection};
use crate::keys;
use crate::params::Params;
use crate::table::TableDefinition;
use bytes::Bytes;
use serde_json::{Map, Value as Json};
use types::{Item, storage_key};

/// What `Select` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Select {
    SpecificAttributes,
    Count,
    AllAttributes,
    AllProjectedAttributes,
}

/// Shared parameters, their expressions not yet parsed.
pub(super) struct Common {
    consistent: bool,
    limit: Option<i64>,
    select: Option<Select>,
    filter: Option<String>,
    projection: Option<String>,
    capacity: ReturnConsumedCapacity,
    on_index: bool,
}

impl Common {
    pub(super) fn take(params: &mut Params, on_index: bool) -> Result<Self, ApiError> {
        let limit = params.integer("Limit")?;
        params.at_least(limit, 1, "limit");
        let select = params.choice(
            "Select",
            &[
                ("SPECIFIC_ATTRIBUTES", Select::SpecificAttributes),
                ("COUNT", Select::Count),
                ("ALL_ATTRIBUTES", Select::AllAttributes),
                ("ALL_PROJECTED_ATTRIBUTES", Select::AllProjectedAttributes),
            ],
        )?;
        Ok(Self {
            consistent: params.boolean("ConsistentRead")?.unwrap_or_default(),
            limit,
            select,
            filter: params.string("FilterExpression")?,
            projection: params.string("ProjectionExpression")?,
            capacity: ReturnConsumedCapacity::take(params)?,
            on_index,
        })
    }

    /// Names and values for these expressions and `others`.
    pub(super) fn placeholders(
        &self,
        params: &mut Params,
        others: &[(&'static str, bool)],
    ) -> Result<Placeholders, ApiError> {
        let mut expressions = vec![
            ("ProjectionExpression", self.projection.is_some()),
            ("FilterExpression", self.filter.is_some()),
        ];
        expressions.extend(others);
        Placeholders::take(params, &expressions)
    }

    /// Parses the expressions, the last ones of the request.
    pub(super) fn finish(self, placeholders: &mut Placeholders) -> Result<PageOptions, ApiError> {
        let filter = self.filter.as_deref();
        let filter = filter
            .map(|text| Condition::parse("FilterExpression", text, placeholders))
            .transpose()?;
        let projection = self.projection.as_deref();
        let projection =
            projection.map(|text| Projection::parse(text, placeholders)).transpose()?;
        placeholders.finish()?;
        self.check_select()?;
        Ok(PageOptions {
            consistent: self.consistent,
            limit: self.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            filter,
            projection,
            with_items: self.select != Some(Select::Count),
            capacity: self.capacity,
        })
    }

    fn check_select(&self) -> Result<(), ApiError> {
        let refused = match (self.select, self.projection.is_some()) {
            (Some(Select::AllAttributes), true) => {
                "Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES"
            }
            (Some(Select::Count), true) => {
                "Cannot specify the ProjectionExpression when choosing to get only the Count"
            }
            (Some(Select::SpecificAttributes), false) => {
                "Must specify the ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
            }
            (Some(Select::AllProjectedAttributes), _) if !self.on_index => {
                return Err(ApiError::invalid_parameter(
                    "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
                ));
            }
            _ => return Ok(()),
        };
        Err(ApiError::validation(refused))
    }
}

/// Tables have no secondary indexes yet, so there is none to read.
pub(super) fn check_index(index_name: Option<&str>) -> Result<(), ApiError> {
    match index_name {
        None => Ok(()),
        Some(name) => Err(ApiError::validation(format!(
            "The table does not have the specified index: {name}"
        ))),
    }
}

/// Reads the attributes of an `ExclusiveStartKey`.
pub(super) fn start_key(json: Option<Map<String, Json>>) -> Result<Option<Item>, ApiError> {
    json.map(crate::json::decode_item).transpose().map_err(|error| match error.kind() {
        crate::error::ErrorKind::Validation => invalid_start_key(Some(error.message())),
        _ => error,
    })
}

/// The storage key of an `ExclusiveStartKey` in `table`.
pub(super) fn checked_start_key(table: &TableDefinition, start: &Item) -> Result<Bytes, ApiError> {
    let key = keys::of_key(&table.key_schema, start)
        .map_err(|error| invalid_start_key(Some(error.message())))?;
    Ok(storage_key::encode(table.strategy, &key))
}

pub(super) fn invalid_start_key(reason: Option<&str>) -> ApiError {
    let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
    ApiError::validation(format!("The provided starting key is invalid{reason}"))
}

/// Refuses filters and projections that lead into key attributes.
pub(super) fn check_paths(table: &TableDefinition, options: &PageOptions) -> Result<(), ApiError> {
    let filter = options.filter.iter().flat_map(Condition::paths);
    let projection = options.projection.iter().flat_map(Projection::paths);
    super::check_key_paths(table, filter.chain(projection))
}
