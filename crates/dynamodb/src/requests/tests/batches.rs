//! BatchWriteItem and BatchGetItem.

use super::*;
use Operation::{BatchGetItem as BatchGet, BatchWriteItem as BatchWrite, GetItem as Get};

fn put(item: Json) -> Json {
    json!({"PutRequest": {"Item": item}})
}

fn delete(key: Json) -> Json {
    json!({"DeleteRequest": {"Key": key}})
}

#[test]
fn writes_happen_each_on_its_own_and_the_rest_comes_back() {
    let mut store = Store::new();
    store.run(BatchWrite, json!({"RequestItems": {"things": [put(key("old", 1))]}}));
    let busy = thing("busy", 1, "x", json!({"S": "y"}));
    let request = json!({
        "RequestItems": {"things": [
            put(key("new", 1)), delete(key("old", 1)), put(busy.clone()), delete(key("busy", 2)),
        ]},
        "ReturnConsumedCapacity": "TOTAL",
    });
    assert_eq!(
        store.run(BatchWrite, request),
        json!({
            "UnprocessedItems": {"things": [put(busy), delete(key("busy", 2))]},
            "ConsumedCapacity": [{"TableName": "things", "CapacityUnits": 2.0}],
        })
    );
    assert_eq!(store.run(Get, json!({"Key": key("new", 1)}))["Item"], key("new", 1));
    assert_eq!(store.run(Get, json!({"Key": key("old", 1)})), json!({}));
}

#[test]
fn reads_come_back_with_what_could_not_be_read() {
    let mut store = Store::new();
    let writes = [put(thing("a", 1, "x", json!({"S": "y"}))), put(key("a", 2))];
    store.run(BatchWrite, json!({"RequestItems": {"things": writes}}));
    let part = json!({
        "Keys": [key("a", 1), key("a", 2), key("none", 1), key("busy", 1)],
        "ProjectionExpression": "#s, x", "ExpressionAttributeNames": {"#s": "s"},
        "ConsistentRead": true,
    });
    let request = json!({"RequestItems": {"things": part}, "ReturnConsumedCapacity": "TOTAL"});
    let mut unprocessed = part;
    unprocessed["Keys"] = json!([key("busy", 1)]);
    assert_eq!(
        store.run(BatchGet, request),
        json!({
            "Responses": {"things": [
                {"s": {"N": "1"}, "x": {"S": "y"}}, {"s": {"N": "2"}},
            ]},
            "UnprocessedKeys": {"things": unprocessed},
            "ConsumedCapacity": [{"TableName": "things", "CapacityUnits": 3.0}],
        })
    );
}

#[test]
fn a_response_of_reads_is_bounded() {
    let mut store = Store::new();
    let text = json!({"S": "x".repeat(399 * 1024)});
    for sort in 0..50 {
        let item = thing("a", sort, "t", text.clone());
        store.run(Operation::PutItem, json!({"Item": item}));
    }
    let keys: Vec<_> = (0..50).map(|sort| key("a", sort)).collect();
    let response = store.run(BatchGet, json!({"RequestItems": {"things": {"Keys": keys}}}));
    assert_eq!(response["Responses"]["things"].as_array().unwrap().len(), 41);
    assert_eq!(response["UnprocessedKeys"]["things"]["Keys"].as_array().unwrap().len(), 9);
}

#[test]
fn malformed_batches_are_refused() {
    let mut store = Store::new();
    let duplicates = "Provided list of item keys contains duplicates";
    let many = |count: i64, request: fn(Json) -> Json| -> Vec<Json> {
        (0..count).map(|sort| request(key("a", sort))).collect()
    };
    let either = "Supplied AttributeValue has more than one datatypes set, must contain exactly \
                  one of the supported datatypes";
    let both = json!({
        "PutRequest": {"Item": key("a", 1)}, "DeleteRequest": {"Key": key("a", 1)},
    });
    for (requests, message) in [
        (json!([put(key("a", 1)), delete(key("a", 1))]), duplicates),
        (json!([{}]), either),
        (json!([both]), either),
        (
            json!([delete(json!({"p": {"S": "a"}}))]),
            "The provided key element does not match the schema",
        ),
    ] {
        let request = json!({"RequestItems": {"things": requests}});
        assert_eq!(store.run(BatchWrite, request)["message"], message);
    }
    for (operation, part) in [
        (BatchWrite, json!(many(26, put))),
        (BatchWrite, json!([])),
        (BatchGet, json!({"Keys": many(101, |key| key)})),
        (BatchGet, json!({"Keys": []})),
        (BatchGet, json!({})),
    ] {
        let refused = store.run(operation, json!({"RequestItems": {"things": part}}));
        let message = refused["message"].as_str().unwrap();
        assert!(message.starts_with("1 validation error detected"), "{message}");
    }
    let parts = json!({"RequestItems": {"one": many(20, put), "two": many(20, put)}});
    let refused = store.run(BatchWrite, parts);
    assert_eq!(refused["message"], "Too many items requested for the BatchWriteItem call");
    let twice = json!({"RequestItems": {"things": {"Keys": [key("a", 1), key("a", 1)]}}});
    assert_eq!(store.run(BatchGet, twice)["message"], duplicates);
}
