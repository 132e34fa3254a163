//! Query and Scan.

use super::*;
use Operation::{PutItem as Put, Query as QueryOp, Scan as ScanOp};

/// Partitions `a` to `c` with sort keys 1 to 5 each, and an attribute `n` of ten times that.
fn filled() -> Store {
    let mut store = Store::new();
    for partition in ["a", "b", "c"] {
        for sort in 1..=5 {
            let item = thing(partition, sort, "n", json!({"N": (sort * 10).to_string()}));
            store.run(Put, json!({"Item": item}));
        }
    }
    store
}

/// A query of partition `a`, with `more` parameters and values.
fn query(condition: &str, more: Json) -> Json {
    let mut request = json!({
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": {":p": {"S": "a"}},
    });
    for (name, value) in testing::body(more).0 {
        match value {
            value if name.starts_with(':') => request["ExpressionAttributeValues"][name] = value,
            value => request[name] = value,
        }
    }
    request
}

/// The sort keys of a response's items.
fn sorts(response: &Json) -> Vec<i64> {
    let items = response["Items"].as_array().unwrap_or_else(|| panic!("{response}"));
    items.iter().map(|item| item["s"]["N"].as_str().unwrap().parse().unwrap()).collect()
}

#[test]
fn a_query_returns_its_range_in_order() {
    let mut store = filled();
    let two = json!({":v": {"N": "2"}});
    let four = json!({":v": {"N": "2"}, ":w": {"N": "4"}});
    for (condition, values, expected) in [
        ("p = :p", json!({}), vec![1, 2, 3, 4, 5]),
        ("p = :p AND s = :v", two.clone(), vec![2]),
        ("p = :p AND s < :v", two.clone(), vec![1]),
        ("p = :p AND s >= :v", two.clone(), vec![2, 3, 4, 5]),
        ("p = :p AND s BETWEEN :v AND :w", four, vec![2, 3, 4]),
    ] {
        let mut request = query(condition, values);
        let response = store.run(QueryOp, request.clone());
        assert_eq!(sorts(&response), expected, "{condition}");
        assert_eq!(response["Count"], expected.len());
        assert_eq!(response.get("LastEvaluatedKey"), None);
        request["ScanIndexForward"] = json!(false);
        let reversed: Vec<_> = expected.into_iter().rev().collect();
        assert_eq!(sorts(&store.run(QueryOp, request)), reversed, "{condition}");
    }
}

#[test]
fn pages_go_on_where_the_last_one_ended() {
    let mut store = filled();
    for forward in [true, false] {
        let mut seen = Vec::new();
        let mut request = query("p = :p", json!({"Limit": 2, "ScanIndexForward": forward}));
        let mut pages = 0;
        loop {
            let response = store.run(QueryOp, request.clone());
            seen.extend(sorts(&response));
            pages += 1;
            match response.get("LastEvaluatedKey") {
                Some(key) => request["ExclusiveStartKey"] = key.clone(),
                None => break,
            }
        }
        let mut expected: Vec<i64> = (1..=5).collect();
        if !forward {
            expected.reverse();
        }
        assert_eq!((seen, pages), (expected, 3));
    }
}

#[test]
fn the_filter_comes_after_the_limit() {
    let mut store = filled();
    let filter = json!({"FilterExpression": "n > :n", ":n": {"N": "20"}, "Limit": 3});
    let response = store.run(QueryOp, query("p = :p", filter));
    assert_eq!((&response["Count"], &response["ScannedCount"]), (&json!(1), &json!(3)));
    assert_eq!(response["LastEvaluatedKey"], key("a", 3));
}

#[test]
fn count_returns_no_items() {
    let mut store = filled();
    let counted = store.run(ScanOp, json!({"Select": "COUNT"}));
    assert_eq!(counted, json!({"Count": 15, "ScannedCount": 15}));
}

#[test]
fn a_page_ends_before_one_megabyte_is_exceeded() {
    let mut store = Store::new();
    for sort in 1..=4 {
        let text = json!({"S": "x".repeat(300 * 1024)});
        store.run(Put, json!({"Item": thing("a", sort, "t", text)}));
    }
    let request = query("p = :p", json!({"ReturnConsumedCapacity": "TOTAL"}));
    let first = store.run(QueryOp, request.clone());
    assert_eq!(sorts(&first), [1, 2, 3]);
    assert_eq!(first["LastEvaluatedKey"], key("a", 3));
    // 3 · 300 KB and a few bytes, in steps of 4 KB, at half price.
    assert_eq!(first["ConsumedCapacity"]["CapacityUnits"], 113.0);
    let mut rest = request;
    rest["ExclusiveStartKey"] = key("a", 3);
    assert_eq!(sorts(&store.run(QueryOp, rest)), [4]);
}

#[test]
fn an_empty_range_is_an_empty_page() {
    let mut store = filled();
    let request = query("p = :p AND s > :v", json!({":v": {"N": "9"}}));
    let empty = json!({"Items": [], "Count": 0, "ScannedCount": 0});
    assert_eq!(store.run(QueryOp, request), empty);
}

#[test]
fn parallel_segments_see_every_item_once() {
    let mut store = filled();
    let mut seen = Vec::new();
    for segment in 0..4 {
        let mut request = json!({"Segment": segment, "TotalSegments": 4, "Limit": 1});
        loop {
            let response = store.run(ScanOp, request.clone());
            seen.extend(response["Items"].as_array().unwrap().clone());
            match response.get("LastEvaluatedKey") {
                Some(key) => request["ExclusiveStartKey"] = key.clone(),
                None => break,
            }
        }
    }
    seen.sort_by_key(Json::to_string);
    let mut all = store.run(ScanOp, json!({}))["Items"].as_array().unwrap().clone();
    all.sort_by_key(Json::to_string);
    assert_eq!(seen.len(), 15);
    assert_eq!(seen, all);
}

#[test]
fn start_keys_must_lie_where_the_page_is() {
    let mut store = filled();
    let started = |start: Json| query("p = :p", json!({"ExclusiveStartKey": start}));
    let outside =
        "The provided starting key is outside query boundaries based on provided conditions";
    let mismatch =
        "The provided starting key is invalid: The provided key element does not match the schema";
    for (request, message) in [
        (started(key("b", 1)), outside),
        (started(json!({"p": {"S": "a"}})), mismatch),
        (
            query("p = :p AND s > :v", json!({":v": {"N": "3"}, "ExclusiveStartKey": key("b", 9)})),
            outside,
        ),
        (
            query("p = :p AND s > :v", json!({":v": {"N": "3"}, "ExclusiveStartKey": key("a", 2)})),
            "The provided starting key does not match the range key predicate",
        ),
    ] {
        assert_eq!(store.run(QueryOp, request)["message"], message);
    }
    let messages: Vec<_> = (0..2)
        .map(|segment| {
            let request = json!({
                "Segment": segment, "TotalSegments": 2, "ExclusiveStartKey": key("a", 1),
            });
            store.run(ScanOp, request)["message"].clone()
        })
        .collect();
    assert_eq!(messages.iter().filter(|message| !message.is_null()).count(), 1, "{messages:?}");
}

#[test]
fn requests_that_make_no_page_are_refused() {
    let mut store = filled();
    for (operation, request, message) in [
        (
            QueryOp,
            json!({}),
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in \
             the request.",
        ),
        (
            QueryOp,
            query("p = :p", json!({"FilterExpression": "s > :v", ":v": {"N": "1"}})),
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: \
             s",
        ),
        (
            QueryOp,
            query("p = :p", json!({"IndexName": "index"})),
            "The table does not have the specified index: index",
        ),
        (
            QueryOp,
            query("p = :p", json!({":x": {"N": "1"}})),
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x}",
        ),
        (
            QueryOp,
            query("p = :v", json!({":p": null, ":v": {"S": ""}})),
            "One or more parameter values are not valid. The AttributeValue for a key attribute \
             cannot contain an empty string value. Key: p",
        ),
        (
            ScanOp,
            json!({"Segment": 0}),
            "The TotalSegments parameter is required but was not present in the request when \
             Segment parameter is present",
        ),
        (
            ScanOp,
            json!({"TotalSegments": 2}),
            "The Segment parameter is required but was not present in the request when parameter \
             TotalSegments is present",
        ),
        (
            ScanOp,
            json!({"Segment": 2, "TotalSegments": 2}),
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: \
             Segment: 2 is not less than TotalSegments: 2",
        ),
        (
            ScanOp,
            json!({"Select": "COUNT", "ProjectionExpression": "p"}),
            "Cannot specify the ProjectionExpression when choosing to get only the Count",
        ),
        (
            ScanOp,
            json!({"Limit": 0}),
            "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: \
             Member must have value greater than or equal to 1",
        ),
    ] {
        let mut request = request;
        if let Some(values) = request.get_mut("ExpressionAttributeValues") {
            values.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        }
        assert_eq!(store.run(operation, request)["message"], message);
    }
}

#[test]
fn a_scan_in_range_order_is_in_key_order() {
    let mut store = Store::new();
    store.table.strategy = types::Strategy::Range;
    for partition in ["c", "a", "b"] {
        store.run(Put, json!({"Item": key(partition, 1)}));
    }
    let response = store.run(ScanOp, json!({"ProjectionExpression": "p"}));
    let expected = json!([{"p": {"S": "a"}}, {"p": {"S": "b"}}, {"p": {"S": "c"}}]);
    assert_eq!(response["Items"], expected);
}
