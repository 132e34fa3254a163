use super::*;
use crate::testing::{item, refusal, table};
use proptest::prelude::proptest;
use serde_json::{Value as Json, json};

fn parse(text: &str) -> Result<Update, ApiError> {
    let placeholders = json!({
        "#n": "name", ":one": {"N": "1"}, ":s": {"S": "x"}, ":t": {"BOOL": true},
        ":list": {"L": [{"S": "y"}]}, ":empty": {"L": []}, ":map": {"M": {}},
        ":ss": {"SS": ["a", "z"]}, ":ns": {"NS": ["1"]}, ":huge": {"N": "9e125"},
    });
    Update::parse(text, &mut Placeholders::from_json(placeholders))
}

fn old() -> Json {
    json!({
        "n": {"N": "5"}, "txt": {"S": "old"}, "lst": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]},
        "tree": {"M": {"k": {"N": "7"}, "in": {"M": {}}}}, "ss": {"SS": ["a", "b"]},
        "one": {"SS": ["a"]}, "groups": {"L": [{"SS": ["a"]}, {"S": "stays"}]},
    })
}

fn apply(text: &str) -> Result<Updated, ApiError> {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).apply(&item(old()))
}

/// What an update makes of one attribute of `old`.
fn attribute(text: &str, name: &str) -> Option<Value> {
    apply(text).unwrap_or_else(|error| panic!("{text}: {error}")).item.get(name).cloned()
}

#[test]
fn attributes_are_set_removed_added_to_and_deleted_from() {
    for (text, name, expected) in [
        ("SET a = :s", "a", Some(json!({"S": "x"}))),
        ("set #n = txt", "name", Some(json!({"S": "old"}))),
        ("SET n = n + :one", "n", Some(json!({"N": "6"}))),
        ("SET n = :one - n", "n", Some(json!({"N": "-4"}))),
        ("SET n = (n + :one)", "n", Some(json!({"N": "6"}))),
        ("SET n = (n) + (:one)", "n", Some(json!({"N": "6"}))),
        ("SET n = if_not_exists(n, :one)", "n", Some(json!({"N": "5"}))),
        ("SET c = if_not_exists(c, :one) + :one", "c", Some(json!({"N": "2"}))),
        ("SET l = list_append(:list, :list)", "l", Some(json!({"L": [{"S": "y"}, {"S": "y"}]}))),
        (
            "SET l = list_append(if_not_exists(l, :empty), :list)",
            "l",
            Some(json!({"L": [{"S": "y"}]})),
        ),
        ("SET tree.k = :s, tree.j = :s", "tree", None),
        ("REMOVE n", "n", None),
        ("REMOVE absent", "absent", None),
        ("ADD n :one", "n", Some(json!({"N": "6"}))),
        ("ADD c :one", "c", Some(json!({"N": "1"}))),
        ("ADD ss :ss", "ss", Some(json!({"SS": ["a", "b", "z"]}))),
        ("ADD added :ns", "added", Some(json!({"NS": ["1"]}))),
        ("DELETE ss :ss", "ss", Some(json!({"SS": ["b"]}))),
        ("DELETE one :ss", "one", None),
        ("DELETE absent :ss", "absent", None),
    ] {
        if text.contains("tree.k") {
            let expected = json!({"M": {"k": {"S": "x"}, "j": {"S": "x"}, "in": {"M": {}}}});
            let map = attribute(text, name).unwrap();
            assert_eq!(Item::from([("a", map)]), item(json!({"a": expected})));
            continue;
        }
        let expected = expected.map(|json| item(json!({"a": json})).0.remove("a").unwrap());
        assert_eq!(attribute(text, name), expected, "{text}");
    }
}

#[test]
fn lists_are_changed_by_the_positions_they_had() {
    for (text, expected) in [
        ("SET lst[1] = :s", json!([{"N": "0"}, {"S": "x"}, {"N": "2"}])),
        ("SET lst[9] = :one", json!([{"N": "0"}, {"N": "1"}, {"N": "2"}, {"N": "1"}])),
        (
            "SET lst[9] = :s, lst[7] = :one",
            json!([{"N": "0"}, {"N": "1"}, {"N": "2"}, {"N": "1"}, {"S": "x"}]),
        ),
        ("REMOVE lst[0], lst[1]", json!([{"N": "2"}])),
        ("REMOVE lst[1], lst[0]", json!([{"N": "2"}])),
        ("REMOVE lst[9]", json!([{"N": "0"}, {"N": "1"}, {"N": "2"}])),
        ("REMOVE lst[0] SET lst[2] = :s", json!([{"N": "1"}, {"S": "x"}])),
        ("SET lst[0] = lst[2], lst[2] = lst[0]", json!([{"N": "2"}, {"N": "1"}, {"N": "0"}])),
    ] {
        let expected = item(json!({"lst": {"L": expected}})).0.remove("lst");
        assert_eq!(attribute(text, "lst"), expected, "{text}");
    }
    let expected = item(json!({"groups": {"L": [{"S": "stays"}]}})).0.remove("groups");
    assert_eq!(attribute("DELETE groups[0] :ss", "groups"), expected);
}

#[test]
fn all_values_are_those_before_the_update() {
    let updated = apply("SET n = :one, twin = n REMOVE txt").unwrap();
    assert_eq!(updated.item.get("twin"), Some(&5.into()));
    assert_eq!(updated.item.get("txt"), None);
}

#[test]
fn the_parts_named_are_returned_as_they_were_and_are() {
    let updated = apply("SET tree.k = :s, fresh = :one REMOVE lst[1]").unwrap();
    let parts = json!({"tree": {"M": {"k": {"N": "7"}}}, "lst": {"L": [{"N": "1"}]}});
    assert_eq!(updated.old_parts, item(parts));
    let parts = json!({
        "tree": {"M": {"k": {"S": "x"}}}, "fresh": {"N": "1"}, "lst": {"L": [{"N": "2"}]},
    });
    assert_eq!(updated.new_parts, item(parts));
}

#[test]
fn updates_that_do_not_fit_the_item_are_refused() {
    let type_error = "An operand in the update expression has an incorrect data type";
    let path_error = "The document path provided in the update expression is invalid for update";
    for (text, message) in [
        (
            "SET a = absent",
            "The provided expression refers to an attribute that does not exist in the item",
        ),
        ("SET a = txt + :one", type_error),
        ("SET a = list_append(txt, :list)", type_error),
        ("ADD txt :one", type_error),
        ("ADD n :ss", type_error),
        ("DELETE ss :ns", type_error),
        ("SET absent.a = :one", path_error),
        ("SET tree[0] = :one", path_error),
        ("SET lst.a = :one", path_error),
        ("SET tree.k.x = :one", path_error),
        ("REMOVE absent.a", path_error),
        ("DELETE absent.a :ss", path_error),
        (
            "SET h = :huge + :huge",
            "Number overflow. Attempting to store a number with magnitude larger than supported \
             range",
        ),
        ("SET h = :huge + :one", "Attempting to store more than 38 significant digits in a Number"),
    ] {
        assert_eq!(refusal(apply(text)), message, "{text}");
    }
}

#[test]
fn faults_are_reported_in_dynamodbs_words() {
    for (text, message) in [
        ("", "The expression can not be empty;"),
        ("a = :s", "Syntax error; token: \"a\", near: \"a =\""),
        ("SET a = ) + :s", "Syntax error; token: \")\", near: \"= ) +\""),
        ("SET a", "Syntax error; token: \"<EOF>\", near: \"a\""),
        ("SET a = :s,", "Syntax error; token: \"<EOF>\", near: \",\""),
        ("SET a = :s + :one + :one", "Syntax error; token: \"+\", near: \":one + :one\""),
        ("SET a = :s REMOVE", "Syntax error; token: \"<EOF>\", near: \"REMOVE\""),
        ("ADD a b", "Syntax error; token: \"b\", near: \"a b\""),
        ("REMOVE SET", "Syntax error; token: \"SET\", near: \"REMOVE SET\""),
        (
            "SET a = :s SET b = :s",
            "The \"SET\" section can only be used once in an update expression;",
        ),
        ("SET size = :s", "Attribute name is a reserved keyword; reserved keyword: size"),
        ("SET a = f(b, c)", "Invalid function name; function: f"),
        (
            "SET a = list_append(b)",
            "Incorrect number of operands for operator or function; \
             operator or function: list_append, number of operands: 1",
        ),
        (
            "SET a = if_not_exists(:s, :s)",
            "Operator or function requires a document path; operator or function: if_not_exists",
        ),
        (
            "SET a = list_append(b, :s)",
            "Incorrect operand type for operator or function; \
             operator or function: list_append, operand type: S",
        ),
        (
            "SET a = b + :s",
            "Incorrect operand type for operator or function; \
             operator or function: +, operand type: S",
        ),
        (
            "ADD a :s",
            "Incorrect operand type for operator or function; operator: ADD, operand type: STRING, \
             typeSet: ALLOWED_FOR_ADD_OPERAND",
        ),
        (
            "DELETE a :one",
            "Incorrect operand type for operator or function; \
             operator: DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND",
        ),
        (
            "SET a.b = :s REMOVE a",
            "Two document paths overlap with each other; must remove or rewrite one of these \
             paths; path one: [a, b], path two: [a]",
        ),
        (
            "SET a = :nope",
            "An expression attribute value used in expression is not defined; \
             attribute value: :nope",
        ),
        ("SET a = ((:s))", "The expression has redundant parentheses;"),
    ] {
        let expected = format!("Invalid UpdateExpression: {message}");
        assert_eq!(refusal(parse(text)), expected, "{text}");
    }
}

#[test]
fn keys_cannot_be_updated() {
    let schema = table().key_schema;
    for (text, name) in [("SET s = :one", "s"), ("REMOVE a, p.x", "p")] {
        let expected = format!(
            "One or more parameter values were invalid: Cannot update attribute {name}. \
             This attribute is part of the key"
        );
        assert_eq!(refusal(parse(text).unwrap().check_keys(&schema)), expected);
    }
    assert!(parse("SET a = s").unwrap().check_keys(&schema).is_ok());
}

#[test]
fn an_update_that_only_removes_is_known() {
    assert!(parse("REMOVE a DELETE b :ss").unwrap().only_removes());
    assert!(!parse("REMOVE a ADD b :ss").unwrap().only_removes());
}

#[test]
fn nested_calls_are_bounded() {
    let nested = |depth: usize| {
        let calls = "if_not_exists(b, ".repeat(depth);
        format!("SET a = {calls}:one{}", ")".repeat(depth))
    };
    assert!(parse(&nested(16)).is_ok());
    assert!(refusal(parse(&nested(17))).contains("nested too deeply"));
    assert!(refusal(parse(&nested(200))).contains("nested too deeply"));
    assert!(parse(&format!("SET a = {}", "(".repeat(4000))).is_err());
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(
        text in "([ (),]|SET |REMOVE |ADD |DELETE |=|\\+|:one|:ss|:list|#n|n|lst|a[.]b|\\[1\\]|list_append){0,25}"
    ) {
        if let Ok(update) = parse(&text) {
            let _ = update.apply(&item(old()));
        }
    }
}
