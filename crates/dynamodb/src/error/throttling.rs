//! Throttling errors: which type, which words, and the reasons that SDKs and people read.
//!
//! Source: "ThrottlingReason" in the DynamoDB API Reference (`resource type + operation type +
//! limit type`, and the ARN of the resource) and "Diagnosing throttling" in the Developer Guide.

use super::ErrorKind;
use crate::table::{BillingMode, TableDefinition};
use serde::Serialize;

/// Whether a request reads or writes, as far as throttling is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// It takes read units.
    Read,
    /// It takes write units.
    Write,
}

/// Which limit turned a request away, on which table.
#[derive(Clone, Debug, PartialEq)]
pub struct Throttle {
    access: Access,
    limit: Limit,
    on_demand: bool,
    table_arn: String,
}

/// The limits that throttle.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    /// What one partition serves.
    KeyRange,
    /// What the table was provisioned with.
    Provisioned,
}

/// One entry of `ThrottlingReasons`.
#[derive(Serialize)]
pub(super) struct Reason<'a> {
    reason: &'static str,
    resource: &'a str,
}

impl Throttle {
    /// The partition that holds the key has no units left.
    pub fn by_partition(table: &TableDefinition, access: Access) -> Self {
        Self::new(table, access, Limit::KeyRange)
    }

    /// The table's provisioned throughput is used up.
    pub fn by_table(table: &TableDefinition, access: Access) -> Self {
        Self::new(table, access, Limit::Provisioned)
    }

    fn new(table: &TableDefinition, access: Access, limit: Limit) -> Self {
        let on_demand = table.billing.mode() == BillingMode::PayPerRequest;
        Self { access, limit, on_demand, table_arn: table.arn.clone() }
    }

    /// Tables on demand have an exception of their own; SDKs retry both.
    pub(super) fn kind(&self) -> ErrorKind {
        if self.on_demand {
            ErrorKind::Throttling
        } else {
            ErrorKind::ProvisionedThroughputExceeded
        }
    }

    pub(super) fn message(&self) -> &'static str {
        if self.on_demand {
            "Throughput exceeds the current capacity of your table or index. DynamoDB is \
             automatically scaling your table or index so please try again shortly. If exceptions \
             persist, check if you have a hot key: \
             https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"
        } else {
            "The level of configured provisioned throughput for the table was exceeded. Consider \
             increasing your provisioning level with the UpdateTable API."
        }
    }

    /// The two exceptions disagree about the capital letter.
    pub(super) fn reasons_field(&self) -> &'static str {
        if self.on_demand { "throttlingReasons" } else { "ThrottlingReasons" }
    }

    /// Which limit it was, as DynamoDB names it.
    pub(super) fn name(&self) -> &'static str {
        match (self.access, self.limit) {
            (Access::Read, Limit::KeyRange) => "TableReadKeyRangeThroughputExceeded",
            (Access::Write, Limit::KeyRange) => "TableWriteKeyRangeThroughputExceeded",
            (Access::Read, Limit::Provisioned) => "TableReadProvisionedThroughputExceeded",
            (Access::Write, Limit::Provisioned) => "TableWriteProvisionedThroughputExceeded",
        }
    }

    pub(super) fn reason(&self) -> Reason<'_> {
        Reason { reason: self.name(), resource: &self.table_arn }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ApiError;
    use crate::table::Billing;
    use crate::testing;

    #[test]
    fn the_billing_mode_decides_the_type_and_the_reason_names_the_limit() {
        let mut table = testing::table();
        let error = ApiError::throttled(Throttle::by_partition(&table, Access::Write));
        assert_eq!(error.kind(), ErrorKind::Throttling);
        let body: serde_json::Value = serde_json::from_slice(&error.to_body()).unwrap();
        let reason = &body["throttlingReasons"][0];
        assert_eq!(reason["reason"], "TableWriteKeyRangeThroughputExceeded");
        assert_eq!(reason["resource"], table.arn.as_str());

        table.billing = Billing::Provisioned { read_units: 1, write_units: 1 };
        let error = ApiError::throttled(Throttle::by_table(&table, Access::Read));
        assert_eq!(error.kind(), ErrorKind::ProvisionedThroughputExceeded);
        let body: serde_json::Value = serde_json::from_slice(&error.to_body()).unwrap();
        let reason = &body["ThrottlingReasons"][0]["reason"];
        assert_eq!(reason, "TableReadProvisionedThroughputExceeded");
    }
}
