use super::*;
use crate::table::{TableSize, TableStatus};
use crate::testing::{body, refusal, table};
use serde_json::json;

const NOW_MS: i64 = 1_800_000_000_000;

/// What `changes` make of `table`.
fn updated(table: &TableDefinition, changes: Json) -> Result<TableDefinition, ApiError> {
    let mut request = changes;
    request["TableName"] = json!("things");
    UpdateTable::parse(body(request))?.apply(table.clone(), NOW_MS)
}

fn rates(read: u64, write: u64) -> Json {
    json!({"ReadCapacityUnits": read, "WriteCapacityUnits": write})
}

fn provisioned() -> TableDefinition {
    let changes = json!({"BillingMode": "PROVISIONED", "ProvisionedThroughput": rates(5, 5)});
    updated(&table(), changes).unwrap()
}

#[test]
fn billing_goes_back_and_forth_and_the_description_tells_when() {
    let provisioned = provisioned();
    assert_eq!(provisioned.billing, Billing::Provisioned { read_units: 5, write_units: 5 });
    let shown = provisioned.description(TableStatus::Active, TableSize::default());
    assert_eq!(
        shown["BillingModeSummary"],
        json!({
            "BillingMode": "PROVISIONED", "LastUpdateToPayPerRequestDateTime": 1_700_000_000.123,
        })
    );
    let back = updated(&provisioned, json!({"BillingMode": "PAY_PER_REQUEST"})).unwrap();
    assert_eq!(back.billing, Billing::PayPerRequest);
    assert_eq!(back.changes.on_demand_ms, Some(NOW_MS));
    assert_eq!(updated(&back, json!({"BillingMode": "PAY_PER_REQUEST"})).unwrap(), back);
}

#[test]
fn rates_rise_and_fall_and_leave_their_times() {
    let higher = updated(&provisioned(), json!({"ProvisionedThroughput": rates(6, 5)})).unwrap();
    assert_eq!((higher.changes.increase_ms, higher.changes.decrease_ms), (Some(NOW_MS), None));
    let lower = updated(&higher, json!({"ProvisionedThroughput": rates(6, 1)})).unwrap();
    let shown = lower.description(TableStatus::Active, TableSize::default());
    assert_eq!(
        shown["ProvisionedThroughput"],
        json!({
            "ReadCapacityUnits": 6, "WriteCapacityUnits": 1, "NumberOfDecreasesToday": 0,
            "LastIncreaseDateTime": 1_800_000_000.0, "LastDecreaseDateTime": 1_800_000_000.0,
        })
    );
}

#[test]
fn class_protection_and_warm_throughput_change() {
    let changes = json!({
        "DeletionProtectionEnabled": true,
        "TableClass": "STANDARD_INFREQUENT_ACCESS",
        "WarmThroughput": {"ReadUnitsPerSecond": 20_000, "WriteUnitsPerSecond": 4000},
    });
    let changed = updated(&table(), changes).unwrap();
    assert!(changed.deletion_protection);
    let shown = changed.description(TableStatus::Active, TableSize::default());
    assert_eq!(shown["TableClassSummary"]["TableClass"], "STANDARD_INFREQUENT_ACCESS");
    assert_eq!(shown["WarmThroughput"]["ReadUnitsPerSecond"], 20_000);
    let warm = json!({"WarmThroughput": {"ReadUnitsPerSecond": 1, "WriteUnitsPerSecond": 4000}});
    assert!(refusal(updated(&changed, warm)).contains("decreasing WarmThroughput"));
}

#[test]
fn updates_that_change_nothing_or_do_not_fit_are_refused() {
    let invalid = "One or more parameter values were invalid: ";
    for (changes, message) in [
        (
            json!({}),
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, \
             GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required"
                .to_owned(),
        ),
        (
            json!({"BillingMode": "PROVISIONED"}),
            format!(
                "{invalid}ProvisionedThroughput must be specified when BillingMode is PROVISIONED"
            ),
        ),
        (
            json!({"ProvisionedThroughput": rates(1, 1)}),
            format!(
                "{invalid}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when \
                 BillingMode is PAY_PER_REQUEST"
            ),
        ),
        (
            json!({"StreamSpecification": {"StreamEnabled": false}}),
            "Table has no stream to disable".into(),
        ),
        (
            json!({"GlobalSecondaryIndexUpdates": [{}]}),
            format!(
                "{invalid}One of GlobalSecondaryIndexUpdate.Update, \
                 GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be \
                 null"
            ),
        ),
        (
            json!({"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "idx"}}]}),
            "Requested resource not found: Index: idx not found".into(),
        ),
    ] {
        assert_eq!(refusal(updated(&table(), changes)), message);
    }
    let again = updated(&provisioned(), json!({"BillingMode": "PROVISIONED"})).unwrap();
    assert_eq!(again.billing, provisioned().billing, "rates stay as they are");
    let same = refusal(updated(&provisioned(), json!({"ProvisionedThroughput": rates(5, 5)})));
    assert!(same.starts_with("The provisioned throughput for the table will not change"), "{same}");
}

#[test]
fn what_is_not_supported_is_refused_and_not_ignored() {
    for (name, value) in [
        ("GlobalSecondaryIndexUpdates", json!([{"Create": {"IndexName": "idx"}}])),
        ("StreamSpecification", json!({"StreamEnabled": true})),
        ("SSESpecification", json!({"Enabled": true})),
        ("ReplicaUpdates", json!([])),
        ("OnDemandThroughput", json!({})),
    ] {
        let refused = refusal(updated(&table(), json!({name: value})));
        let expected = format!("The parameter {name} is not supported by this service");
        assert!(refused.starts_with(&expected), "{refused}");
    }
}
