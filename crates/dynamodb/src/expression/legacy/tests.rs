use super::*;
use crate::expression::{Condition, Placeholders, Projection};
use crate::testing::{body, item, refusal, table};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use types::Item;

fn expected(json: Json) -> Result<Option<Condition>, ApiError> {
    let mut params = Params::new(body(json!({"Expected": json})));
    let conditions = RawConditions::take_expected(&mut params)?;
    params.finish_constraints()?;
    RawConditions::condition(conditions, None)
}

fn filter(json: Json, junction: Option<Junction>) -> Result<Option<Condition>, ApiError> {
    let mut params = Params::new(body(json!({"ScanFilter": json})));
    let conditions = RawConditions::take_filter(&mut params, "ScanFilter")?;
    params.finish_constraints()?;
    RawConditions::condition(conditions, junction)
}

fn test(operator: &str, values: Json) -> Json {
    json!({"ComparisonOperator": operator, "AttributeValueList": values})
}

#[test]
fn every_operator_means_what_its_expression_means() {
    let things = item(json!({
        "s": {"S": "foreshard"}, "n": {"N": "5"}, "ss": {"SS": ["a", "b"]},
        "l": {"L": [{"S": "x"}]}, "a.b": {"N": "1"},
    }));
    let n = |n: i64| json!({"N": n.to_string()});
    let s = |s: &str| json!({"S": s});
    for (attribute, operator, values, holds) in [
        ("n", "EQ", json!([n(5)]), true),
        ("none", "EQ", json!([n(5)]), false),
        ("none", "NE", json!([n(5)]), true),
        ("n", "LT", json!([n(6)]), true),
        ("n", "LE", json!([n(4)]), false),
        ("n", "GE", json!([n(5)]), true),
        ("n", "GT", json!([n(5)]), false),
        ("n", "BETWEEN", json!([n(1), n(5)]), true),
        ("n", "IN", json!([n(1), n(5)]), true),
        ("n", "NULL", json!([]), false),
        ("none", "NULL", json!([]), true),
        ("n", "NOT_NULL", json!([]), true),
        ("s", "BEGINS_WITH", json!([s("fore")]), true),
        ("s", "CONTAINS", json!([s("shar")]), true),
        ("ss", "CONTAINS", json!([s("b")]), true),
        ("l", "CONTAINS", json!([s("x")]), true),
        ("ss", "NOT_CONTAINS", json!([s("b")]), false),
        ("s", "NOT_CONTAINS", json!([s("b")]), true),
        ("none", "NOT_CONTAINS", json!([s("b")]), false),
        ("a.b", "EQ", json!([n(1)]), true),
    ] {
        let condition = filter(json!({attribute: test(operator, values)}), None).unwrap().unwrap();
        assert_eq!(condition.matches(&things), holds, "{attribute} {operator}");
    }
}

#[test]
fn conditions_are_joined() {
    let things = item(json!({"a": {"N": "1"}, "b": {"N": "2"}}));
    let both = json!({"a": test("EQ", json!([{"N": "1"}])), "b": test("EQ", json!([{"N": "1"}]))});
    let matches = |junction| filter(both.clone(), junction).unwrap().unwrap().matches(&things);
    assert!(!matches(None));
    assert!(!matches(Some(Junction::And)));
    assert!(matches(Some(Junction::Or)));
    let one = json!({"a": test("NULL", json!([]))});
    assert!(refusal(filter(one, Some(Junction::Or))).contains("two or more"));
    assert!(refusal(filter(json!({}), Some(Junction::Or))).contains("without Filter or Expected"));
    assert_eq!(filter(json!({}), None).unwrap(), None);
}

#[test]
fn expected_has_an_older_form() {
    let things = item(json!({"a": {"S": "x"}}));
    for (json, holds) in [
        (json!({"a": {"Value": {"S": "x"}}}), true),
        (json!({"a": {"Exists": true, "Value": {"S": "y"}}}), false),
        (json!({"a": {"Exists": false}}), false),
        (json!({"b": {"Exists": false}}), true),
        (json!({"a": {"Value": {"S": "x"}, "ComparisonOperator": "EQ"}}), true),
    ] {
        assert_eq!(expected(json.clone()).unwrap().unwrap().matches(&things), holds, "{json}");
    }
}

#[test]
fn malformed_conditions_are_refused_in_dynamodbs_words() {
    let x = json!({"S": "x"});
    let invalid = "One or more parameter values were invalid: ";
    for (condition, message) in [
        (json!({}), "Value must be provided when Exists is null for Attribute: a"),
        (json!({"Exists": true}), "Value must be provided when Exists is true for Attribute: a"),
        (
            json!({"Exists": false, "Value": x}),
            "Value cannot be used when Exists is false for Attribute: a",
        ),
        (
            json!({"Exists": true, "ComparisonOperator": "EQ"}),
            "Exists and ComparisonOperator cannot be used together for Attribute: a",
        ),
        (
            json!({"ComparisonOperator": "EQ"}),
            "Value or AttributeValueList must be used with ComparisonOperator: EQ for Attribute: a",
        ),
        (
            json!({"ComparisonOperator": "EQ", "Value": x, "AttributeValueList": [x]}),
            "Value and AttributeValueList cannot be used together for Attribute: a",
        ),
        (
            json!({"AttributeValueList": [x]}),
            "AttributeValueList can only be used with a ComparisonOperator for Attribute: a",
        ),
        (test("EQ", json!([x, x])), "Invalid number of argument(s) for the EQ ComparisonOperator"),
        (test("NULL", json!([x])), "Invalid number of argument(s) for the NULL ComparisonOperator"),
        (
            test("LT", json!([{"BOOL": true}])),
            "ComparisonOperator LT is not valid for BOOL AttributeValue type",
        ),
        (
            test("BEGINS_WITH", json!([{"N": "1"}])),
            "ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type",
        ),
        (
            test("CONTAINS", json!([{"SS": ["x"]}])),
            "ComparisonOperator CONTAINS is not valid for SS AttributeValue type",
        ),
        (
            test("BETWEEN", json!([x, {"N": "1"}])),
            "AttributeValues inside AttributeValueList must be of same type",
        ),
    ] {
        let refused = refusal(expected(json!({"a": condition})));
        assert_eq!(refused, format!("{invalid}{message}"));
    }
    let reversed = test("BETWEEN", json!([{"S": "y"}, x]));
    assert_eq!(
        refusal(expected(json!({"a": reversed}))),
        "The BETWEEN condition was provided a range where the lower bound is greater than the \
         upper bound"
    );
    assert!(refusal(filter(json!({"a": {}}), None)).contains(
        "Value null at 'scanFilter.a.member.comparisonOperator' failed to satisfy constraint"
    ));
    assert!(refusal(expected(json!({"a": test("LIKE", json!([x]))}))).contains(
        "enum value set: [IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, GT, NOT_NULL, NE, LE, \
         BEGINS_WITH, GE, CONTAINS]"
    ));
    assert_eq!(refusal(expected(json!({"": {"Exists": false}}))), "Empty attribute name");
}

#[test]
fn key_conditions_are_bound_like_expressions() {
    let bind = |json: Json| {
        let mut params = Params::new(body(json!({"KeyConditions": json})));
        let conditions = RawConditions::take_filter(&mut params, "KeyConditions")?.unwrap();
        conditions.key_condition()?.bind(&table().key_schema, false)
    };
    let p = test("EQ", json!([{"S": "a"}]));
    let s = |operator: &str| test(operator, json!([{"N": "5"}]));
    let text = "p = :p AND s < :s";
    let values = json!({":p": {"S": "a"}, ":s": {"N": "5"}});
    let expression = crate::expression::KeyConditionExpression::parse(
        text,
        &mut Placeholders::from_json(values),
    );
    let expected = expression.unwrap().bind(&table().key_schema, false);
    assert_eq!(bind(json!({"p": p, "s": s("LT")})), expected);
    for (json, message) in [
        (json!({}), "Conditions can be of length 1 or 2 only"),
        (json!({"s": s("EQ")}), "Query condition missed key schema element: p"),
        (json!({"p": p, "x": s("EQ")}), "Query condition missed key schema element: s"),
        (json!({"p": test("LT", json!([{"S": "a"}]))}), "Query key condition not supported"),
        (
            json!({"p": p, "s": s("IN")}),
            "Attempted conditional constraint is not an indexable operation",
        ),
        (
            json!({"p": p, "s": s("NE")}),
            "Attempted conditional constraint is not an indexable operation",
        ),
        (
            json!({"p": s("EQ")}),
            "One or more parameter values were invalid: Condition parameter type does not match \
             schema type",
        ),
    ] {
        assert_eq!(refusal(bind(json.clone())), message, "{json}");
    }
}

fn updated(json: Json, old: &Item) -> Result<Item, ApiError> {
    let mut params = Params::new(body(json!({"AttributeUpdates": json})));
    let updates = RawUpdates::take(&mut params)?.unwrap();
    params.finish_constraints()?;
    Ok(updates.update()?.unwrap().apply(old)?.item)
}

#[test]
fn attributes_are_put_added_to_and_deleted() {
    let old = item(json!({
        "s": {"S": "x"}, "n": {"N": "5"}, "ss": {"SS": ["a", "b"]}, "l": {"L": [{"N": "1"}]},
    }));
    let action = |verb: &str, value: Json| json!({"Action": verb, "Value": value});
    let after = updated(
        json!({
            "a.b": {"Value": {"S": "new"}},
            "s": {"Action": "DELETE"},
            "n": action("ADD", json!({"N": "-2"})),
            "ss": action("DELETE", json!({"SS": ["a", "z"]})),
            "l": action("ADD", json!({"L": [{"N": "2"}]})),
            "m": action("ADD", json!({"L": [{"N": "3"}]})),
            "ns": action("ADD", json!({"NS": ["4"]})),
        }),
        &old,
    );
    assert_eq!(
        after.unwrap(),
        item(json!({
            "a.b": {"S": "new"}, "n": {"N": "3"}, "ss": {"SS": ["b"]},
            "l": {"L": [{"N": "1"}, {"N": "2"}]}, "m": {"L": [{"N": "3"}]}, "ns": {"NS": ["4"]},
        }))
    );
    let invalid = "One or more parameter values were invalid: ";
    for (name, change, message) in [
        (
            "s",
            json!({"Action": "ADD"}),
            format!("{invalid}Only DELETE action is allowed when no attribute value is specified"),
        ),
        (
            "s",
            action("ADD", json!({"S": "x"})),
            format!("{invalid}ADD action is not supported for the type S"),
        ),
        (
            "s",
            action("DELETE", json!({"S": "x"})),
            format!("{invalid}DELETE action with value is not supported for the type S"),
        ),
        ("s", action("ADD", json!({"N": "1"})), "Type mismatch for attribute to update".into()),
        ("s", action("ADD", json!({"L": []})), "Type mismatch for attribute to update".into()),
        ("n", action("DELETE", json!({"NS": ["1"]})), "Type mismatch for attribute to update".into()),
        (
            "s",
            action("SET", json!({"S": "x"})),
            "1 validation error detected: Value 'SET' at 'attributeUpdates.s.member.action' failed \
             to satisfy constraint: Member must satisfy enum value set: [ADD, PUT, DELETE]"
                .into(),
        ),
    ] {
        assert_eq!(refusal(updated(json!({name: change}), &old)), message);
    }
}

#[test]
fn attributes_to_get_are_whole_attributes() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let whole = item(json!({"a": {"M": {"b": {"N": "1"}}}, "a.b": {"N": "2"}, "c": {"N": "3"}}));
    let projection = Projection::of_attributes(&names(&["a.b", "c", "none"])).unwrap();
    assert_eq!(projection.apply(&whole), item(json!({"a.b": {"N": "2"}, "c": {"N": "3"}})));
    assert_eq!(
        refusal(Projection::of_attributes(&names(&["a", "b", "a"]))),
        "One or more parameter values were invalid: Duplicate value in attribute name: a"
    );
    let mut params = Params::new(body(json!({"AttributesToGet": []})));
    take_attributes(&mut params, "attributesToGet").unwrap();
    assert!(refusal(params.finish_constraints()).contains("'[]' at 'attributesToGet'"));
}

#[test]
fn legacy_parameters_do_not_mix_with_expressions() {
    let legacy = [("AttributesToGet", true), ("QueryFilter", false), ("KeyConditions", true)];
    let expressions = [("FilterExpression", true), ("KeyConditionExpression", false)];
    assert_eq!(
        refusal(refuse_mixing(&legacy, &expressions)),
        "Can not use both expression and non-expression parameters in the same request: \
         Non-expression parameters: {AttributesToGet, KeyConditions} Expression parameters: \
         {FilterExpression}"
    );
    assert!(refuse_mixing(&legacy[2..], &expressions).is_ok());
    assert!(refuse_mixing(&legacy[2..], &[("KeyConditionExpression", true)]).is_err());
    assert!(refuse_mixing(&legacy, &expressions[1..]).is_ok());
}

/// Values of a few types, close enough to each other to be equal sometimes.
fn values() -> impl Strategy<Value = Json> {
    prop_oneof![
        (0..4u8).prop_map(|n| json!({"N": n.to_string()})),
        "[ab]{0,2}".prop_map(|s| json!({"S": s})),
        Just(json!({"B": "YWI="})),
        any::<bool>().prop_map(|b| json!({"BOOL": b})),
        Just(json!({"NULL": true})),
        Just(json!({"SS": ["a", "b"]})),
        Just(json!({"L": [{"S": "a"}, {"N": "1"}]})),
    ]
}

proptest! {
    /// A comparison by name is the comparison by expression, whatever is in the item.
    #[test]
    fn comparisons_agree_with_expressions(
        stored in prop::option::of(values()),
        value in values(),
        operator in 0..8usize,
    ) {
        let (name, text) = [
            ("EQ", "a = :v"), ("NE", "a <> :v"), ("LT", "a < :v"), ("LE", "a <= :v"),
            ("GT", "a > :v"), ("GE", "a >= :v"), ("BEGINS_WITH", "begins_with(a, :v)"),
            ("CONTAINS", "contains(a, :v)"),
        ][operator];
        let stored = item(stored.map_or(json!({}), |value| json!({"a": value})));
        let mut placeholders = Placeholders::from_json(json!({":v": value}));
        let expression = Condition::parse("FilterExpression", text, &mut placeholders);
        if let (Ok(Some(legacy)), Ok(expression)) =
            (filter(json!({"a": test(name, json!([value]))}), None), expression)
        {
            prop_assert_eq!(legacy.matches(&stored), expression.matches(&stored));
        }
    }
}
