//! The parameters that Query and Scan share.

use super::page::PageOptions;
use super::projections::RawProjection;
use crate::consumed::ReturnConsumedCapacity;
use crate::error::ApiError;
use crate::expression::legacy::{Junction, RawConditions, refuse_mixing, take_junction};
use crate::expression::{Condition, Placeholders, Projection};
use crate::keys;
use crate::params::Params;
use crate::table::TableDefinition;
use bytes::Bytes;
use serde_json::{Map, Value as Json};
use types::{Item, KeySchema, Strategy, storage_key};

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
    /// `QueryFilter` or `ScanFilter`.
    legacy_filter: Option<RawConditions>,
    junction: Option<Junction>,
    projection: RawProjection,
    capacity: ReturnConsumedCapacity,
    on_index: bool,
}

impl Common {
    /// Takes the parameters; `legacy_filter` is what the operation calls the filter by names.
    pub(super) fn take(
        params: &mut Params,
        legacy_filter: &'static str,
        on_index: bool,
    ) -> Result<Self, ApiError> {
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
            legacy_filter: RawConditions::take_filter(params, legacy_filter)?,
            junction: take_junction(params)?,
            projection: RawProjection::take(params, "attributesToGet")?,
            capacity: ReturnConsumedCapacity::take(params)?,
            on_index,
        })
    }

    /// What messages call the filter, which is `legacy_filter` if it came by names.
    pub(super) fn filter_name(&self, legacy_filter: &'static str) -> &'static str {
        if self.legacy_filter.is_some() { legacy_filter } else { "Filter Expression" }
    }

    /// Names and values for these expressions and the key condition, if the operation has one.
    /// Refuses to mix expressions with legacy parameters, of which the filter has a name of its own.
    pub(super) fn placeholders(
        &self,
        params: &mut Params,
        legacy_filter: &str,
        legacy_keys: Option<bool>,
        key_expression: Option<bool>,
    ) -> Result<Placeholders, ApiError> {
        let mut legacy = vec![
            self.projection.legacy(),
            (legacy_filter, self.legacy_filter.is_some()),
            ("ConditionalOperator", self.junction.is_some()),
        ];
        legacy.extend(legacy_keys.map(|present| ("KeyConditions", present)));
        let mut expressions =
            vec![self.projection.expression(), ("FilterExpression", self.filter.is_some())];
        expressions.extend(key_expression.map(|present| ("KeyConditionExpression", present)));
        refuse_mixing(&legacy, &expressions)?;
        Placeholders::take(params, &expressions)
    }

    /// Parses the expressions, the last ones of the request.
    pub(super) fn finish(
        mut self,
        placeholders: &mut Placeholders,
    ) -> Result<PageOptions, ApiError> {
        let legacy_filter = self.legacy_filter.take();
        let filter = match &self.filter {
            Some(text) => Some(Condition::parse("FilterExpression", text, placeholders)?),
            None => RawConditions::condition(legacy_filter, self.junction)?,
        };
        let projection = self.projection.parse(placeholders)?;
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
        let chosen = match self.select {
            Some(Select::AllAttributes) => "ALL_ATTRIBUTES",
            Some(Select::Count) => "only the Count",
            Some(Select::AllProjectedAttributes) => "ALL_PROJECTED_ATTRIBUTES",
            Some(Select::SpecificAttributes) | None => "",
        };
        let projections = [self.projection.expression(), self.projection.legacy()];
        let projection = projections.into_iter().find(|(_, present)| *present);
        match (self.select, projection) {
            (None, _) | (Some(Select::SpecificAttributes), Some(_)) => Ok(()),
            (Some(Select::SpecificAttributes), None) => Err(ApiError::validation(
                "Must specify the AttributesToGet or ProjectionExpression when choosing to get \
                 SPECIFIC_ATTRIBUTES",
            )),
            (Some(_), Some((parameter, _))) => Err(ApiError::validation(format!(
                "Cannot specify the {parameter} when choosing to get {chosen}"
            ))),
            (Some(Select::AllProjectedAttributes), None) if !self.on_index => {
                Err(ApiError::invalid_parameter(
                    "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
                ))
            }
            (Some(_), None) => Ok(()),
        }
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

/// The storage key of an `ExclusiveStartKey` in this order.
pub(super) fn checked_start_key(
    schema: &KeySchema,
    order: Strategy,
    start: &Item,
) -> Result<Bytes, ApiError> {
    let key =
        keys::of_key(schema, start).map_err(|error| invalid_start_key(Some(error.message())))?;
    Ok(storage_key::encode(order, &key))
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
