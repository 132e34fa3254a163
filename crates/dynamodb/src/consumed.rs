//! `ReturnConsumedCapacity`, and the `ConsumedCapacity` of responses.

use crate::error::ApiError;
use crate::params::Params;
use serde::Serialize;
use types::Units;

/// How much a response says about the capacity it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReturnConsumedCapacity {
    #[default]
    None,
    Total,
    Indexes,
}

/// The capacity that a request took from one table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ConsumedCapacity<'a> {
    table_name: &'a str,
    capacity_units: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<Capacity>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Capacity {
    capacity_units: f64,
}

impl ReturnConsumedCapacity {
    pub(crate) fn take(params: &mut Params) -> Result<Self, ApiError> {
        let words = [("INDEXES", Self::Indexes), ("TOTAL", Self::Total), ("NONE", Self::None)];
        Ok(params.choice("ReturnConsumedCapacity", &words)?.unwrap_or_default())
    }

    /// The response's `ConsumedCapacity`, if it was asked for.
    pub(crate) fn show(self, table_name: &str, units: Units) -> Option<ConsumedCapacity<'_>> {
        let capacity_units = units.total();
        let table = (self == Self::Indexes).then_some(Capacity { capacity_units });
        let shown = ConsumedCapacity { table_name, capacity_units, table };
        (self != Self::None).then_some(shown)
    }
}

/// Takes `ReturnItemCollectionMetrics`. Tables without local secondary indexes have none to
/// return, so it is only checked.
pub(crate) fn take_collection_metrics(params: &mut Params) -> Result<(), ApiError> {
    params.choice("ReturnItemCollectionMetrics", &[("SIZE", ()), ("NONE", ())]).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn as_much_is_shown_as_was_asked_for() {
        let shown = |returns: ReturnConsumedCapacity| {
            serde_json::to_value(returns.show("t", Units::read(0.5))).unwrap()
        };
        assert_eq!(shown(ReturnConsumedCapacity::None), json!(null));
        let total = json!({"TableName": "t", "CapacityUnits": 0.5});
        assert_eq!(shown(ReturnConsumedCapacity::Total), total);
        let indexes =
            json!({"TableName": "t", "CapacityUnits": 0.5, "Table": {"CapacityUnits": 0.5}});
        assert_eq!(shown(ReturnConsumedCapacity::Indexes), indexes);
    }
}
