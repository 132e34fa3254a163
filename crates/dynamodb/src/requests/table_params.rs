//! Structured parameters that several operations on tables have: rates, tags, switches, billing.

use crate::error::ApiError;
use crate::json::Body;
use crate::params::{self, Params};
use crate::table::{
    BillingMode, FAN_OUT, RANGE_QUERIES_TAG, STRATEGY_TAG, TableClass, Tag, WarmThroughput,
};
use serde_json::Value as Json;

/// Largest rate that can be provisioned.
const RATE_MAX: i64 = 1_000_000_000_000;
/// Most tags of a table.
pub(super) const TAGS_MAX: usize = 50;
/// Longest name of a tag.
const TAG_KEY_CHARS_MAX: usize = 128;
/// Longest value of a tag.
const TAG_VALUE_CHARS_MAX: usize = 256;
/// Tags that begin like this are AWS's own.
const RESERVED_TAG_PREFIX: &str = "aws:";

const BILLING_MODES: [(&str, BillingMode); 2] =
    [("PROVISIONED", BillingMode::Provisioned), ("PAY_PER_REQUEST", BillingMode::PayPerRequest)];
const CAPACITY_UNITS: [&str; 2] = ["ReadCapacityUnits", "WriteCapacityUnits"];

/// Takes the elements of a list of structures, each as parameters of its own; `read` gets the path
/// of the element for messages.
pub(super) fn elements<T>(
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

/// Takes a required text of the structure at `path`.
pub(super) fn required_string(
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

/// Takes a structure of a read and a write rate, both required in it.
fn rates(
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

/// Takes `Tags`, if they are there.
pub(super) fn tags(params: &mut Params) -> Result<Option<Vec<Tag>>, ApiError> {
    let Some(list) = params.list("Tags")? else {
        return Ok(None);
    };
    let tags = elements(params, list, "tags", |inner, path| {
        let key = required_string(inner, path, "Key")?;
        let value = required_string(inner, path, "Value")?;
        if let Some(key) = &key {
            inner.checked_length(key, 1, TAG_KEY_CHARS_MAX, &format!("{path}.key"));
        }
        if let Some(value) = &value {
            inner.checked_length(value, 0, TAG_VALUE_CHARS_MAX, &format!("{path}.value"));
        }
        Ok(key.zip(value).map(|(key, value)| Tag { key, value }))
    })?;
    Ok(Some(tags))
}

/// Refuses tags that nobody may set.
pub(super) fn check_tags(tags: &[Tag]) -> Result<(), ApiError> {
    check_range_queries_tag(tags)?;
    match tags.iter().find(|tag| tag.key.starts_with(RESERVED_TAG_PREFIX)) {
        None => Ok(()),
        Some(tag) => Err(ApiError::validation(format!(
            "One or more tag keys are invalid: tag keys cannot begin with {RESERVED_TAG_PREFIX}: {}",
            tag.key
        ))),
    }
}

/// Refuses more tags than a table may have.
pub(super) fn check_tag_count(count: usize) -> Result<(), ApiError> {
    if count <= TAGS_MAX {
        return Ok(());
    }
    Err(ApiError::validation(format!("Too many tags: a table has at most {TAGS_MAX}")))
}

/// Refuses to change the tag that has chosen the strategy: it is read at creation only.
pub(super) fn check_strategy_tag<'a>(
    mut keys: impl Iterator<Item = &'a str>,
) -> Result<(), ApiError> {
    if keys.all(|key| key != STRATEGY_TAG) {
        return Ok(());
    }
    Err(ApiError::invalid_parameter(format!(
        "The tag {STRATEGY_TAG} is fixed when the table is created; a rekey changes the strategy"
    )))
}

/// Refuses what the tag that allows range queries cannot say.
fn check_range_queries_tag(tags: &[Tag]) -> Result<(), ApiError> {
    match tags.iter().find(|tag| tag.key == RANGE_QUERIES_TAG && tag.value != FAN_OUT) {
        None => Ok(()),
        Some(tag) => Err(ApiError::invalid_parameter(format!(
            "The tag {RANGE_QUERIES_TAG} must be {FAN_OUT}, or not there, not '{}'",
            tag.value
        ))),
    }
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

/// Takes `TableClass`.
pub(super) fn table_class(params: &mut Params) -> Result<Option<TableClass>, ApiError> {
    let classes = [
        ("STANDARD", TableClass::Standard),
        ("STANDARD_INFREQUENT_ACCESS", TableClass::InfrequentAccess),
    ];
    params.choice("TableClass", &classes)
}

/// Takes `BillingMode`.
pub(super) fn billing_mode(params: &mut Params) -> Result<Option<BillingMode>, ApiError> {
    params.choice("BillingMode", &BILLING_MODES)
}

/// Takes `BillingModeOverride`.
pub(super) fn billing_mode_override(params: &mut Params) -> Result<Option<BillingMode>, ApiError> {
    params.choice("BillingModeOverride", &BILLING_MODES)
}

/// Takes `ProvisionedThroughput`.
pub(super) fn provisioned(params: &mut Params) -> Result<Option<(u64, u64)>, ApiError> {
    rates(params, "ProvisionedThroughput", CAPACITY_UNITS)
}

/// Takes `ProvisionedThroughputOverride`.
pub(super) fn provisioned_override(params: &mut Params) -> Result<Option<(u64, u64)>, ApiError> {
    rates(params, "ProvisionedThroughputOverride", CAPACITY_UNITS)
}

/// Takes `WarmThroughput`.
pub(super) fn warm(params: &mut Params) -> Result<Option<WarmThroughput>, ApiError> {
    let warm = rates(params, "WarmThroughput", ["ReadUnitsPerSecond", "WriteUnitsPerSecond"])?;
    Ok(warm.map(|(read_units, write_units)| WarmThroughput { read_units, write_units }))
}

/// Refuses rates for a table that is paid for by request.
pub(super) fn no_rates_on_demand() -> ApiError {
    ApiError::invalid_parameter(
        "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is \
         PAY_PER_REQUEST",
    )
}
