//! Requests with the parameters that expressions have replaced.

use super::*;
use Operation::{
    BatchGetItem as BatchGet, DeleteItem as Delete, GetItem as Get, PutItem as Put,
    Query as QueryOp, Scan as ScanOp, UpdateItem as Update,
};

fn test(operator: &str, values: Json) -> Json {
    json!({"ComparisonOperator": operator, "AttributeValueList": values})
}

#[test]
fn writes_are_conditional_and_updates_are_by_attribute() {
    let mut store = Store::new();
    let new = json!({"Item": thing("a", 1, "x", json!({"N": "1"})), "Expected": {"p": {"Exists": false}}});
    assert_eq!(store.run(Put, new.clone()), json!({}));
    assert_eq!(store.run(Put, new)["message"], "The conditional request failed");
    let update = json!({
        "Key": key("a", 1),
        "AttributeUpdates": {"x": {"Action": "ADD", "Value": {"N": "4"}}, "y": {"Value": {"S": "z"}}},
        "Expected": {"x": {"Value": {"N": "1"}}, "q": test("NOT_NULL", json!([]))},
        "ConditionalOperator": "OR",
        "ReturnValues": "UPDATED_NEW",
    });
    let expected = json!({"Attributes": {"x": {"N": "5"}, "y": {"S": "z"}}});
    assert_eq!(store.run(Update, update.clone()), expected);
    assert_eq!(store.run(Update, update)["message"], "The conditional request failed");
    let part_of_key = json!({"Key": key("a", 1), "AttributeUpdates": {"s": {"Action": "DELETE"}}});
    assert!(
        store.run(Update, part_of_key)["message"].as_str().unwrap().contains("part of the key")
    );
    let nothing = json!({"Key": key("new", 1), "AttributeUpdates": {}, "ReturnValues": "ALL_NEW"});
    assert_eq!(store.run(Update, nothing)["Attributes"], key("new", 1));
    let delete = json!({"Key": key("a", 1), "Expected": {"x": test("GT", json!([{"N": "4"}]))}});
    assert_eq!(store.run(Delete, delete), json!({}));
}

#[test]
fn reads_are_cut_filtered_and_keyed_by_name() {
    let mut store = Store::new();
    for sort in 1..=5 {
        let item = thing("a", sort, "n", json!({"N": (sort % 2).to_string()}));
        store.run(Put, json!({"Item": item}));
    }
    let got = store.run(Get, json!({"Key": key("a", 1), "AttributesToGet": ["n", "none"]}));
    assert_eq!(got["Item"], json!({"n": {"N": "1"}}));
    let batch = json!({"RequestItems": {"things": {
        "Keys": [key("a", 2), key("busy", 1)], "AttributesToGet": ["s"],
    }}});
    let read = store.run(BatchGet, batch);
    assert_eq!(read["Responses"]["things"], json!([{"s": {"N": "2"}}]));
    assert_eq!(read["UnprocessedKeys"]["things"]["AttributesToGet"], json!(["s"]));
    let odd = test("EQ", json!([{"N": "1"}]));
    let query = json!({
        "KeyConditions": {
            "p": test("EQ", json!([{"S": "a"}])), "s": test("GE", json!([{"N": "2"}])),
        },
        "QueryFilter": {"n": odd},
        "AttributesToGet": ["s"],
    });
    let expected = json!({
        "Items": [{"s": {"N": "3"}}, {"s": {"N": "5"}}], "Count": 2, "ScannedCount": 4,
    });
    assert_eq!(store.run(QueryOp, query.clone()), expected);
    let scanned =
        store.run(ScanOp, json!({"ScanFilter": {"n": odd, "s": test("LT", json!([{"N": "3"}]))}}));
    assert_eq!(scanned["Items"], json!([thing("a", 1, "n", json!({"N": "1"}))]));

    let mut on_key = query.clone();
    on_key["QueryFilter"] = json!({"s": odd});
    assert_eq!(
        store.run(QueryOp, on_key)["message"],
        "QueryFilter can only contain non-primary key attributes: Primary key attribute: s"
    );
    let mut mixed = query.clone();
    mixed["ProjectionExpression"] = json!("s");
    assert_eq!(
        store.run(QueryOp, mixed)["message"],
        "Can not use both expression and non-expression parameters in the same request: \
         Non-expression parameters: {AttributesToGet, QueryFilter, KeyConditions} Expression \
         parameters: {ProjectionExpression}"
    );
    let mut counted = query;
    counted["Select"] = json!("COUNT");
    assert_eq!(
        store.run(QueryOp, counted)["message"],
        "Cannot specify the AttributesToGet when choosing to get only the Count"
    );
}
