//! Whatever JSON comes, it is served or refused: nothing panics, and nothing recurses without bound.

use super::*;
use proptest::prelude::*;

/// Every parameter that some operation on items has, and names that are none.
const NAMES: [&str; 34] = [
    "TableName",
    "Key",
    "Item",
    "Keys",
    "RequestItems",
    "things",
    "PutRequest",
    "DeleteRequest",
    "ConditionExpression",
    "UpdateExpression",
    "KeyConditionExpression",
    "FilterExpression",
    "ProjectionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "Expected",
    "AttributeUpdates",
    "KeyConditions",
    "QueryFilter",
    "ScanFilter",
    "ConditionalOperator",
    "AttributesToGet",
    "ComparisonOperator",
    "AttributeValueList",
    "Value",
    "Exists",
    "Action",
    "Limit",
    "Segment",
    "TotalSegments",
    "ExclusiveStartKey",
    "ReturnValues",
    "Select",
    "p",
];

/// JSON that is made of what requests are made of.
fn json() -> impl Strategy<Value = Json> {
    let words = prop::sample::select(vec![
        "a",
        "p",
        "s",
        "#a",
        ":a",
        "EQ",
        "IN",
        "NULL",
        "ADD",
        "ALL_OLD",
        "COUNT",
        "1",
        "1e400",
        "",
        "a = :a",
        "SET a = :a",
        "p = :a AND s < :a",
        "NOT (a = :a)",
        "a.b[0], c",
        "REMOVE a[0]",
    ]);
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        words.prop_map(Json::from),
        "\\PC{0,6}".prop_map(Json::from),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        let kinds =
            ["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS", "#a", ":a", "a", "s"];
        let names = prop::sample::select([&NAMES[..], &kinds[..]].concat());
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(names, inner, 0..5).prop_map(|map| map
                .into_iter()
                .map(|(name, json)| (name.to_owned(), json))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_served_or_refused(
        parameters in prop::collection::btree_map(prop::sample::select(NAMES.to_vec()), json(), 0..8),
        which in 0..8usize,
    ) {
        let operation = [
            Operation::PutItem, Operation::GetItem, Operation::UpdateItem, Operation::DeleteItem,
            Operation::Query, Operation::Scan, Operation::BatchGetItem, Operation::BatchWriteItem,
        ][which];
        let request: Json = parameters.into_iter().map(|(name, json)| (name.to_owned(), json)).collect();
        let mut store = Store::new();
        let reply = store.run(operation, request.clone());
        let kind = reply["__type"].as_str().unwrap_or_default();
        prop_assert!(!kind.contains("InternalServerError"), "{reply}");
        let body = || testing::body(request.clone());
        let _ = (CreateTable::parse(body()), UpdateTable::parse(body()), ListTables::parse(body()));
        let _ = (TagResource::parse(body()), UntagResource::parse(body()), ListTags::parse(body()));
    }
}
