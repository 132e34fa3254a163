use super::*;
use crate::testing::{body, refusal};
use serde_json::{Value as Json, json};

/// A valid request with `changes` to its parameters; null takes one away.
fn request(changes: Json) -> Result<CreateTable, ApiError> {
    let mut request = json!({
        "TableName": "things",
        "AttributeDefinitions": [
            {"AttributeName": "p", "AttributeType": "S"},
            {"AttributeName": "s", "AttributeType": "N"},
        ],
        "KeySchema": [
            {"AttributeName": "p", "KeyType": "HASH"},
            {"AttributeName": "s", "KeyType": "RANGE"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
    });
    for (name, change) in body(changes).0 {
        request[name] = change;
    }
    CreateTable::parse(body(request))
}

fn defined(changes: Json) -> TableDefinition {
    request(changes).unwrap().define(Creation {
        created_ms: 5,
        uuid: "u".into(),
        region: "local",
        account: "000000000000",
    })
}

#[test]
fn a_table_is_defined() {
    let table = defined(json!({"DeletionProtectionEnabled": true}));
    assert_eq!(table.arn, "arn:aws:dynamodb:local:000000000000:table/things");
    assert_eq!(table.key_schema.partition, KeyAttribute::new("p", types::KeyType::S));
    assert_eq!(table.key_schema.sort, Some(KeyAttribute::new("s", types::KeyType::N)));
    assert_eq!(table.billing, Billing::PayPerRequest);
    assert_eq!(table.strategy, Strategy::Hash);
    assert!(table.deletion_protection);
}

#[test]
fn rates_and_strategy_are_taken_over() {
    let table = defined(json!({
        "BillingMode": null,
        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
        "WarmThroughput": {"ReadUnitsPerSecond": 7000, "WriteUnitsPerSecond": 1},
        "Tags": [{"Key": "foreshard:strategy", "Value": "composite"}],
        "StreamSpecification": {"StreamEnabled": false},
        "SSESpecification": {"Enabled": false},
        "TableClass": "STANDARD",
    }));
    assert_eq!(table.billing, Billing::Provisioned { read_units: 5, write_units: 6 });
    assert_eq!(table.warm_throughput.unwrap().read_units, 7000);
    assert_eq!(table.strategy, Strategy::Composite);
    assert_eq!(table.initial_partitions(3000.0, 1000.0), 3);
}

#[test]
fn constraints_are_checked_all_at_once() {
    let refused = refusal(request(json!({
        "TableName": "a",
        "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "X"}, {}],
        "KeySchema": [],
    })));
    for part in [
        "5 validation errors detected: ",
        "Value 'X' at 'attributeDefinitions.1.member.attributeType' failed to satisfy constraint: \
         Member must satisfy enum value set: [B, N, S]; ",
        "Value null at 'attributeDefinitions.2.member.attributeName' failed to satisfy \
         constraint: Member must not be null; ",
        "Value 'a' at 'tableName' failed to satisfy constraint: Member must have length greater \
         than or equal to 3",
        "Value '[]' at 'keySchema' failed to satisfy constraint: Member must have length greater \
         than or equal to 1",
    ] {
        assert!(refused.contains(part), "{part}\n{refused}");
    }
}

#[test]
fn names_of_keys_are_bounded() {
    let named = |name: String| {
        request(json!({
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": name, "KeyType": "HASH"}],
        }))
    };
    assert!(named("n".repeat(255)).is_ok());
    assert!(refusal(named("n".repeat(256))).contains("less than or equal to 255"));
    assert!(refusal(named(String::new())).contains("greater than or equal to 1"));
}

#[test]
fn inconsistent_requests_are_refused_in_dynamodbs_words() {
    let invalid = "One or more parameter values were invalid: ";
    let key = |name: &str, role: &str| json!({"AttributeName": name, "KeyType": role});
    let throughput = json!({"ReadCapacityUnits": 1, "WriteCapacityUnits": 1});
    for (changes, message) in [
        (
            json!({"ProvisionedThroughput": throughput}),
            format!(
                "{invalid}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when \
                 BillingMode is PAY_PER_REQUEST"
            ),
        ),
        (
            json!({"BillingMode": null}),
            format!(
                "{invalid}ReadCapacityUnits and WriteCapacityUnits must both be specified when \
                 BillingMode is PROVISIONED"
            ),
        ),
        (
            json!({"KeySchema": [key("p", "HASH")]}),
            format!(
                "{invalid}Number of attributes in KeySchema does not exactly match number of \
                 attributes defined in AttributeDefinitions"
            ),
        ),
        (
            json!({"KeySchema": [key("p", "HASH"), key("x", "RANGE")]}),
            format!(
                "{invalid}Some index key attributes are not defined in AttributeDefinitions. \
                 Keys: [p, x], AttributeDefinitions: [p, s]"
            ),
        ),
        (
            json!({"KeySchema": [key("p", "HASH"), key("p", "RANGE")]}),
            "Both the Hash Key and the Range Key element in the KeySchema have the same name"
                .into(),
        ),
        (
            json!({"KeySchema": [key("p", "RANGE"), key("s", "HASH")]}),
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type".into(),
        ),
        (
            json!({"KeySchema": [key("p", "HASH"), key("s", "HASH")]}),
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type".into(),
        ),
        (
            json!({"Tags": [{"Key": "foreshard:strategy", "Value": "random"}]}),
            format!(
                "{invalid}The tag foreshard:strategy must be hash, range or composite, not \
                 'random'"
            ),
        ),
    ] {
        assert_eq!(refusal(request(changes)), message);
    }
}

#[test]
fn what_is_not_supported_is_refused_and_not_ignored() {
    for (name, value) in [
        ("GlobalSecondaryIndexes", json!([{"IndexName": "i"}])),
        ("LocalSecondaryIndexes", json!([])),
        ("StreamSpecification", json!({"StreamEnabled": true})),
        ("SSESpecification", json!({"Enabled": true})),
        ("ResourcePolicy", json!("{}")),
        ("OnDemandThroughput", json!({})),
    ] {
        let refused = refusal(request(json!({name: value})));
        let expected = format!("The parameter {name} is not supported by this service");
        assert!(refused.starts_with(&expected), "{refused}");
    }
    let refused = refusal(request(json!({"TableClass": "GLACIER"})));
    assert!(
        refused.contains("enum value set: [STANDARD, STANDARD_INFREQUENT_ACCESS]"),
        "{refused}"
    );
}

#[test]
fn tags_are_checked() {
    let tag = |key: &str, value: &str| json!({"Tags": [{"Key": key, "Value": value}]});
    assert_eq!(defined(tag("team", "")).tags[0].key, "team");
    for (tags, part) in [
        (
            tag("", "v"),
            "'tags.1.member.key' failed to satisfy constraint: Member must have length \
          greater than or equal to 1",
        ),
        (tag("k", &"v".repeat(257)), "less than or equal to 256"),
        (tag("aws:k", "v"), "cannot begin with aws:"),
    ] {
        let refused = refusal(request(tags));
        assert!(refused.contains(part), "{refused}");
    }
}
