//! Operations that only tell what is the case: DescribeEndpoints, DescribeLimits,
//! DescribeTimeToLive.
//!
//! Items do not expire yet, so the last one always says that this is off; clients such as Terraform ask for it
//! after every CreateTable.

use crate::json;
use serde_json::json;

/// How long clients may use an address before they ask again; DynamoDB's own figure.
const ENDPOINT_CACHE_MINUTES: u32 = 1440;
/// DynamoDB's default quotas of an account and of a table, in units per second. Nothing here
/// enforces them: they are for clients that compute with them.
const ACCOUNT_UNITS_MAX: u64 = 80_000;
const TABLE_UNITS_MAX: u64 = 40_000;

/// The response of DescribeEndpoints; `address` is where the client has come.
pub fn describe_endpoints_response(address: &str) -> Vec<u8> {
    json::to_body(&json!({"Endpoints": [
        {"Address": address, "CachePeriodInMinutes": ENDPOINT_CACHE_MINUTES},
    ]}))
}

/// The response of DescribeLimits.
pub fn describe_limits_response() -> Vec<u8> {
    json::to_body(&json!({
        "AccountMaxReadCapacityUnits": ACCOUNT_UNITS_MAX,
        "AccountMaxWriteCapacityUnits": ACCOUNT_UNITS_MAX,
        "TableMaxReadCapacityUnits": TABLE_UNITS_MAX,
        "TableMaxWriteCapacityUnits": TABLE_UNITS_MAX,
    }))
}

/// The response of DescribeTimeToLive.
pub fn describe_time_to_live_response() -> Vec<u8> {
    json::to_body(&json!({"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}))
}
