use super::*;
use crate::error::ErrorKind;
use serde_json::json;
use types::{Item, Value};

fn decode(json: Json) -> Result<Item, ApiError> {
    let Json::Object(map) = json else { panic!("items are objects") };
    decode_item(map)
}

fn encode(item: &Item) -> Json {
    serde_json::to_value(ItemJson(item)).unwrap()
}

fn refusal(value: Json) -> (ErrorKind, String) {
    let error = decode(json!({"a": value})).unwrap_err();
    (error.kind(), error.message().to_owned())
}

#[test]
fn every_type_round_trips() {
    let json = json!({
        "s": {"S": ""},
        "n": {"N": "-1.5"},
        "b": {"B": "AP8="},
        "t": {"BOOL": true},
        "f": {"BOOL": false},
        "z": {"NULL": true},
        "m": {"M": {"k": {"L": [{"S": "x"}, {"M": {}}]}}},
        "l": {"L": []},
        "ss": {"SS": ["a", "b"]},
        "ns": {"NS": ["1", "20"]},
        "bs": {"BS": ["AA==", "AQ=="]},
    });
    let item = decode(json.clone()).unwrap();
    assert_eq!(item.0.len(), 11);
    assert_eq!(encode(&item), json);
}

#[test]
fn numbers_come_back_in_normal_form() {
    let item = decode(json!({"a": {"N": "+0012.50E1"}})).unwrap();
    assert_eq!(encode(&item), json!({"a": {"N": "125"}}));
}

#[test]
fn members_that_are_null_count_as_absent() {
    let item = decode(json!({"a": {"S": "x", "N": null}})).unwrap();
    assert_eq!(item.get("a"), Some(&Value::from("x")));
}

#[test]
fn bad_values_are_refused_with_dynamodbs_words() {
    let one_type = "must contain exactly one of the supported datatypes";
    for (value, message) in [
        (json!({}), format!("Supplied AttributeValue is empty, {one_type}")),
        (Json::Null, format!("Supplied AttributeValue is empty, {one_type}")),
        (json!({"M": {"": {"S": "x"}}}), "Empty attribute name".into()),
        (json!({"X": 1}), format!("Supplied AttributeValue is empty, {one_type}")),
        (
            json!({"S": "a", "N": "1"}),
            format!("Supplied AttributeValue has more than one datatypes set, {one_type}"),
        ),
        (json!({"N": ""}), "The parameter cannot be converted to a numeric value".into()),
        (json!({"N": "x"}), "The parameter cannot be converted to a numeric value: x".into()),
        (
            json!({"N": "1".repeat(39)}),
            "Attempting to store more than 38 significant digits in a Number".into(),
        ),
        (
            json!({"NULL": false}),
            "One or more parameter values were invalid: \
             Null attribute value types must have the value of true"
                .into(),
        ),
        (
            json!({"SS": []}),
            "One or more parameter values were invalid: An string set  may not be empty".into(),
        ),
        (
            json!({"SS": ["b", "a", "b"]}),
            "One or more parameter values were invalid: \
             Input collection [b, a, b] contains duplicates."
                .into(),
        ),
        (json!({"NS": ["1", "1.0"]}), "Input collection contains duplicates".into()),
        (
            json!({"BS": ["AA==", "AA=="]}),
            "One or more parameter values were invalid: \
             Input collection [AA==, AA==]of type BS contains duplicates."
                .into(),
        ),
    ] {
        assert_eq!(refusal(value.clone()), (ErrorKind::Validation, message), "{value}");
    }
}

#[test]
fn json_of_the_wrong_type_is_a_serialization_error() {
    for (value, message) in [
        (json!({"S": 1}), "NUMBER_VALUE cannot be converted to String"),
        (json!({"N": 1.5}), "DECIMAL_VALUE cannot be converted to String"),
        (json!({"S": true}), "TRUE_VALUE cannot be converted to String"),
        (json!({"BOOL": "true"}), "STRING_VALUE cannot be converted to Boolean"),
        (json!({"S": ["a"]}), "Start of list found where not expected"),
        (json!({"S": {}}), "Start of structure or map found where not expected"),
        (json!({"L": "a"}), "Unexpected field type"),
        (json!("a"), "Unexpected value type in payload"),
        (json!({"B": 1}), "NUMBER_VALUE cannot be converted to Blob"),
    ] {
        assert_eq!(refusal(value), (ErrorKind::Serialization, message.to_owned()));
    }
    assert_eq!(refusal(json!({"B": "A"})).0, ErrorKind::Serialization);
}

/// `{"L": [{"L": … ]}` with `levels` of values.
fn nested(levels: usize) -> String {
    format!("{}{}{}", "{\"L\":[".repeat(levels - 1), "{\"NULL\":true}", "]}".repeat(levels - 1))
}

#[test]
fn items_nest_as_deep_as_dynamodbs_and_no_deeper() {
    let decode_nested = |levels| {
        let body = format!("{{\"Item\":{{\"a\":{}}}}}", nested(levels));
        let mut map = Body::parse(body.as_bytes())?.0;
        decode(map.remove("Item").unwrap())
    };
    assert_eq!(decode_nested(32).unwrap().get("a").unwrap().depth(), 32);
    let refused = decode_nested(33).unwrap_err();
    assert_eq!(
        refused.message(),
        "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels \
         beyond supported limit"
    );
    assert_eq!(decode_nested(100_000).unwrap_err().kind(), ErrorKind::Serialization);
}

#[test]
fn names_are_bounded() {
    let named = |bytes: usize| {
        let mut map = Map::new();
        map.insert("n".repeat(bytes), json!({"S": ""}));
        decode(Json::Object(map))
    };
    assert!(named(65_535).is_ok());
    assert!(named(65_536).unwrap_err().message().contains("65536"));
    assert_eq!(named(0).unwrap_err().message(), "Empty attribute name");
}

#[test]
fn bodies_are_json_objects() {
    for body in ["", "[]", "1", "null", "{", "{} x", "\u{feff}{}"] {
        let error = Body::parse(body.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Serialization, "{body}");
    }
    assert!(Body::parse(b" {} ").is_ok());
    assert!(Body::parse(b"{\"a\": \"\xff\"}").is_err());
}
