//! PutItem, UpdateItem, DeleteItem and GetItem.

use super::*;
use Operation::{DeleteItem as Delete, GetItem as Get, PutItem as Put, UpdateItem as Update};

fn stored(store: &mut Store, partition: &str, sort: i64) -> Json {
    store.run(Get, json!({"Key": key(partition, sort)}))["Item"].clone()
}

#[test]
fn what_is_put_is_read_back_until_it_is_deleted() {
    let mut store = Store::new();
    let item = thing("a", 1, "x", json!({"L": [{"BOOL": true}, {"NULL": true}]}));
    assert_eq!(store.run(Put, json!({"Item": item})), json!({}));
    assert_eq!(stored(&mut store, "a", 1), item);
    assert_eq!(store.run(Get, json!({"Key": key("a", 2)})), json!({}));
    assert_eq!(store.run(Delete, json!({"Key": key("a", 1)})), json!({}));
    assert_eq!(store.run(Get, json!({"Key": key("a", 1)})), json!({}));
    assert_eq!(store.run(Delete, json!({"Key": key("a", 1)})), json!({}));
}

#[test]
fn a_projection_cuts_the_item() {
    let mut store = Store::new();
    let item = thing("a", 1, "x", json!({"M": {"y": {"S": "1"}, "z": {"S": "2"}}}));
    store.run(Put, json!({"Item": item}));
    let request = json!({
        "Key": key("a", 1), "ProjectionExpression": "p, #x.z",
        "ExpressionAttributeNames": {"#x": "x"}, "ConsistentRead": true,
        "ReturnConsumedCapacity": "TOTAL",
        // GetItem does not have this parameter, and DynamoDB ignores what it does not have.
        "ExpressionAttributeValues": {":v": {"S": "x"}},
    });
    let expected = json!({
        "Item": {"p": {"S": "a"}, "x": {"M": {"z": {"S": "2"}}}},
        "ConsumedCapacity": {"TableName": "things", "CapacityUnits": 1.0},
    });
    assert_eq!(store.run(Get, request), expected);
}

#[test]
fn a_write_happens_only_if_its_condition_holds() {
    let mut store = Store::new();
    let once = |name: &str| {
        json!({
            "Item": thing("a", 1, name, json!({"N": "1"})),
            "ConditionExpression": "attribute_not_exists(p)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        })
    };
    assert_eq!(store.run(Put, once("first")), json!({}));
    assert_eq!(
        store.run(Put, once("second")),
        json!({
            "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
            "message": "The conditional request failed",
            "Item": thing("a", 1, "first", json!({"N": "1"})),
        })
    );
    let delete = |value: &str| {
        json!({
            "Key": key("a", 1), "ConditionExpression": "#f > :v",
            "ExpressionAttributeNames": {"#f": "first"},
            "ExpressionAttributeValues": {":v": {"N": value}},
        })
    };
    let refused = store.run(Delete, delete("1"));
    assert_eq!(refused.get("Item"), None);
    assert_eq!(refused["message"], "The conditional request failed");
    assert_eq!(store.run(Delete, delete("0")), json!({}));
}

#[test]
fn put_and_delete_return_the_old_item_if_asked() {
    let mut store = Store::new();
    let item = thing("a", 1, "x", json!({"S": "old"}));
    let put = json!({"Item": item, "ReturnValues": "ALL_OLD"});
    assert_eq!(store.run(Put, put.clone()), json!({}));
    assert_eq!(store.run(Put, put), json!({"Attributes": item}));
    let delete = json!({"Key": key("a", 1), "ReturnValues": "ALL_OLD"});
    assert_eq!(store.run(Delete, delete.clone()), json!({"Attributes": item}));
    assert_eq!(store.run(Delete, delete), json!({}));
    let refused = store.run(Put, json!({"Item": item, "ReturnValues": "ALL_NEW"}));
    assert_eq!(refused["message"], "ReturnValues can only be ALL_OLD or NONE");
}

fn update(expression: &str, values: Json, returns: &str) -> Json {
    let mut request =
        json!({"Key": key("a", 1), "UpdateExpression": expression, "ReturnValues": returns});
    if values != json!({}) {
        request["ExpressionAttributeValues"] = values;
    }
    request
}

#[test]
fn an_update_returns_what_was_asked_for() {
    let one = json!({":v": {"N": "1"}});
    for (returns, first, second) in [
        ("NONE", json!({}), json!({})),
        (
            "ALL_NEW",
            json!({"Attributes": thing("a", 1, "n", json!({"N": "1"}))}),
            json!({"Attributes": thing("a", 1, "n", json!({"N": "2"}))}),
        ),
        ("ALL_OLD", json!({}), json!({"Attributes": thing("a", 1, "n", json!({"N": "1"}))})),
        (
            "UPDATED_NEW",
            json!({"Attributes": {"n": {"N": "1"}}}),
            json!({"Attributes": {"n": {"N": "2"}}}),
        ),
        ("UPDATED_OLD", json!({}), json!({"Attributes": {"n": {"N": "1"}}})),
    ] {
        let mut store = Store::new();
        let request = update("ADD n :v", one.clone(), returns);
        assert_eq!(store.run(Update, request.clone()), first, "{returns}");
        assert_eq!(store.run(Update, request), second, "{returns}");
    }
}

#[test]
fn an_update_creates_the_item_unless_it_only_takes_away() {
    let mut store = Store::new();
    store.run(Update, update("REMOVE x", json!({}), "NONE"));
    assert_eq!(stored(&mut store, "a", 1), Json::Null);
    store.run(Update, json!({"Key": key("a", 1)}));
    assert_eq!(stored(&mut store, "a", 1), key("a", 1));
    store.run(Update, update("REMOVE x", json!({}), "NONE"));
    assert_eq!(stored(&mut store, "a", 1), key("a", 1));
}

#[test]
fn updates_of_the_key_and_updates_that_do_not_fit_change_nothing() {
    let mut store = Store::new();
    store.run(Put, json!({"Item": thing("a", 1, "x", json!({"S": "text"}))}));
    let refused = store.run(Update, update("SET s = :v", json!({":v": {"N": "2"}}), "NONE"));
    assert_eq!(
        refused["message"],
        "One or more parameter values were invalid: Cannot update attribute s. This attribute is \
         part of the key"
    );
    let refused = store.run(Update, update("ADD x :v", json!({":v": {"N": "2"}}), "NONE"));
    assert_eq!(
        refused["message"],
        "An operand in the update expression has an incorrect data type"
    );
    assert_eq!(stored(&mut store, "a", 1)["x"], json!({"S": "text"}));
}

#[test]
fn items_and_updates_that_are_too_large_are_refused() {
    let mut store = Store::new();
    let text = |bytes: usize| json!({"S": "x".repeat(bytes)});
    // "p", "a", "s", "1" and "x" take 2 + 3 + 1 bytes.
    let largest = 400 * 1024 - 6;
    assert_eq!(store.run(Put, json!({"Item": thing("a", 1, "x", text(largest))})), json!({}));
    let refused = store.run(Put, json!({"Item": thing("a", 1, "x", text(largest + 1))}));
    assert_eq!(refused["message"], "Item size has exceeded the maximum allowed size");
    let refused = store.run(Update, update("SET y = :v", json!({":v": text(1)}), "NONE"));
    assert_eq!(refused["message"], "Item size to update has exceeded the maximum allowed size");
}

#[test]
fn an_update_cannot_nest_deeper_than_an_item() {
    let mut store = Store::new();
    let deep = (0..31).fold(json!({"S": "x"}), |inner, _| json!({"L": [inner]}));
    store.run(Put, json!({"Item": thing("a", 1, "x", json!({"L": [{"S": "y"}]}))}));
    let refused = store.run(Update, update("SET x[0] = :v", json!({":v": deep.clone()}), "NONE"));
    assert_eq!(
        refused["message"],
        "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels \
         beyond supported limit"
    );
    assert_eq!(store.run(Update, update("SET x = :v", json!({":v": deep}), "NONE")), json!({}));
    assert_ne!(stored(&mut store, "a", 1), Json::Null);
}

#[test]
fn writes_cost_the_larger_of_old_and_new_also_when_refused() {
    let mut store = Store::new();
    let text = |kilobytes: usize| json!({"S": "x".repeat(kilobytes * 1024)});
    let mut units = |operation, mut request: Json| {
        request["ReturnConsumedCapacity"] = json!("TOTAL");
        store.run(operation, request)["ConsumedCapacity"]["CapacityUnits"].clone()
    };
    assert_eq!(units(Put, json!({"Item": key("a", 1)})), 1.0);
    assert_eq!(units(Put, json!({"Item": thing("a", 1, "x", text(3))})), 4.0);
    assert_eq!(units(Put, json!({"Item": thing("a", 1, "x", text(1))})), 4.0);
    assert_eq!(units(Update, update("SET x = :v", json!({":v": text(5)}), "NONE")), 6.0);
    assert_eq!(units(Get, json!({"Key": key("a", 1)})), 1.0);
    assert_eq!(units(Get, json!({"Key": key("a", 1), "ConsistentRead": true})), 2.0);
    assert_eq!(units(Delete, json!({"Key": key("a", 1)})), 6.0);
    assert_eq!(units(Delete, json!({"Key": key("a", 1)})), 1.0);
    assert_eq!(units(Get, json!({"Key": key("a", 1)})), 0.5);

    store.run(Put, json!({"Item": thing("a", 1, "x", text(3))}));
    let request = testing::body(json!({
        "TableName": "things", "Item": key("a", 1), "ConditionExpression": "attribute_exists(nope)",
    }));
    let write = PutItem::parse(request).unwrap().plan(&store.table).unwrap();
    let outcome = write.decide_stored(store.items.get(write.key()).map(Bytes::as_ref));
    assert_eq!((outcome.change, outcome.units.write), (Change::Keep, 4.0));
}

#[test]
fn unreadable_bytes_are_an_internal_error_and_stay() {
    let mut store = Store::new();
    store.run(Put, json!({"Item": key("a", 1)}));
    for bytes in store.items.values_mut() {
        *bytes = Bytes::from_static(b"no item");
    }
    for (operation, request) in [
        (Put, json!({"Item": key("a", 1)})),
        (Get, json!({"Key": key("a", 1)})),
        (Delete, json!({"Key": key("a", 1)})),
        (Operation::Scan, json!({})),
    ] {
        let failed = store.run(operation, request);
        let kind = "com.amazonaws.dynamodb.v20120810#InternalServerError";
        assert_eq!(failed["__type"], kind, "{}", operation.name());
    }
    assert_eq!(store.items.values().next().unwrap().as_ref(), b"no item");
}

#[test]
fn required_parameters_and_words_are_checked() {
    let mut store = Store::new();
    let refused = store.run(Put, json!({"ReturnValues": "ALL"}));
    assert_eq!(
        refused["message"],
        "2 validation errors detected: Value null at 'item' failed to satisfy constraint: Member \
         must not be null; Value 'ALL' at 'returnValues' failed to satisfy constraint: Member must \
         satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]"
    );
    let refused = store.run(Get, json!({"Key": {"p": {"S": "a"}}}));
    assert_eq!(refused["message"], "The provided key element does not match the schema");
    let refused = store.run(Get, json!({"Key": []}));
    assert_eq!(refused["Message"], "Start of list found where not expected");
    let refused = store
        .run(Put, json!({"Item": key("a", 1), "ConditionExpression": "attribute_exists(p.x)"}));
    assert_eq!(
        refused["message"],
        "Key attributes must be scalars; list random access '[]' and map lookup '.' are not \
         allowed: Key: p"
    );
}
