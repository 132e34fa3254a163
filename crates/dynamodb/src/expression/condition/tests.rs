use super::*;
use crate::testing::{item, refusal};
use proptest::prelude::{prop_assert_eq, proptest};
use serde_json::{Value as Json, json};

/// Names and values that the tests use.
fn placeholders() -> Placeholders {
    Placeholders::from_json(json!({
        "#n": "name", "#dot": "a.b",
        ":s": {"S": "b"}, ":empty": {"S": ""}, ":n": {"N": "5"}, ":nine": {"N": "9"},
        ":b": {"B": "AAE="}, ":t": {"BOOL": true}, ":null": {"NULL": true}, ":l": {"L": []},
        ":type": {"S": "S"}, ":badtype": {"S": "X"}, ":ss": {"SS": ["a", "b"]},
    }))
}

fn parse(text: &str) -> Result<Condition, ApiError> {
    Condition::parse("ConditionExpression", text, &mut placeholders())
}

fn matches(text: &str, attributes: Json) -> bool {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).matches(&item(attributes))
}

fn thing() -> Json {
    json!({
        "name": {"S": "b"}, "a.b": {"S": "dotted"}, "n": {"N": "5.0"}, "big": {"N": "100"},
        "txt": {"S": "abc"}, "bin": {"B": "AAEC"}, "t": {"BOOL": true}, "nil": {"NULL": true},
        "lst": {"L": [{"S": "b"}, {"N": "5"}, {"M": {"deep": {"L": [{"N": "9"}]}}}]},
        "dict": {"M": {"x": {"S": "b"}}}, "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["5", "6"]},
        "bs": {"BS": ["AAE="]}, "smile": {"S": "😀"},
    })
}

#[test]
fn comparisons_hold_between_values_of_one_type() {
    for (text, expected) in [
        ("#n = :s", true),
        ("#n <> :s", false),
        ("#n = :n", false),
        ("#n <> :n", true),
        ("n = :n", true),
        ("n < :nine", true),
        ("big > :nine", true),
        ("n < :s", false),
        ("n >= :n AND n <= :n", true),
        ("n BETWEEN :n AND :nine", true),
        ("big BETWEEN :n AND :nine", false),
        ("txt > :s", false),
        ("bin > :b", true),
        ("t = :t", true),
        ("nil = :null", true),
        ("ss = :ss", true),
        ("absent = :s", false),
        ("absent <> :s", true),
        ("absent < :s", false),
        ("absent <> elsewhere", true),
        ("n IN (:s, :n)", true),
        ("txt IN (:s, :n)", false),
        ("absent IN (:s)", false),
        (":n < big", true),
    ] {
        assert_eq!(matches(text, thing()), expected, "{text}");
    }
}

#[test]
fn functions_look_into_values() {
    for (text, expected) in [
        ("attribute_exists(n)", true),
        ("attribute_exists(dict.x)", true),
        ("attribute_exists(dict.y)", false),
        ("attribute_not_exists(lst[3])", true),
        ("attribute_exists(lst[2].deep[0])", true),
        ("attribute_exists(#dot)", true),
        ("attribute_exists(n.x)", false),
        ("attribute_type(txt, :type)", true),
        ("attribute_type(n, :type)", false),
        ("attribute_type(absent, :type)", false),
        ("begins_with(#n, :s)", true),
        ("begins_with(txt, :s)", false),
        ("begins_with(txt, :empty)", true),
        ("begins_with(bin, :b)", true),
        ("begins_with(n, :s)", false),
        ("contains(txt, :s)", true),
        ("contains(bin, :b)", true),
        ("contains(ss, :s)", true),
        ("contains(ns, :n)", true),
        ("contains(ns, :s)", false),
        ("contains(bs, :b)", true),
        ("contains(lst, :n)", true),
        ("contains(lst, :nine)", false),
        ("contains(absent, :s)", false),
        ("size(lst) < :n", true),
        ("(size(lst)) < :n AND (size(lst) < :n)", true),
        ("size(n) < :n", false),
        ("size(absent) < :n", false),
        ("size(txt) BETWEEN size(bin) AND :n", true),
        ("size(:ss) = size(ss)", true),
        ("size(smile) = size(ss)", true),
        ("attribute_type(:s, :type)", true),
    ] {
        assert_eq!(matches(text, thing()), expected, "{text}");
    }
}

#[test]
fn not_binds_tighter_than_and_and_and_tighter_than_or() {
    let (yes, no) = ("attribute_exists(n)", "attribute_exists(absent)");
    for (text, expected) in [
        (format!("{yes} OR {yes} AND {no}"), true),
        (format!("({yes} OR {yes}) AND {no}"), false),
        (format!("NOT {no} AND {no}"), false),
        (format!("NOT ({no} AND {no})"), true),
        (format!("NOT NOT {yes}"), true),
        (format!("{no} OR NOT {no}"), true),
        (format!("{no} AND {no} OR {yes}"), true),
        (format!("not {no} and ({no} or {yes})"), true),
        ("NOT n = :nine".into(), true),
        ("(n) = (:n)".into(), true),
        ("(NOT (n) = :n) OR (n = :n)".into(), true),
        ("n BETWEEN :n AND :n AND n = :nine".into(), false),
    ] {
        assert_eq!(matches(&text, thing()), expected, "{text}");
    }
}

#[test]
fn faults_are_reported_in_dynamodbs_words_and_order() {
    for (text, message) in [
        ("", "The expression can not be empty;"),
        ("n", "Syntax error; token: \"<EOF>\", near: \"n\""),
        ("n = ", "Syntax error; token: \"<EOF>\", near: \"=\""),
        ("n = :n :n", "Syntax error; token: \":n\", near: \":n :n\""),
        ("(n = :n", "Syntax error; token: \"<EOF>\", near: \":n\""),
        ("n = :n)", "Syntax error; token: \")\", near: \":n)\""),
        ("(NOT n) = :n", "Syntax error; token: \")\", near: \"n) =\""),
        ("n BETWEEN :n OR :n", "Syntax error; token: \"OR\", near: \":n OR :n\""),
        ("AND = :n", "Syntax error; token: \"AND\", near: \"AND =\""),
        ("n & :n", "Syntax error; token: \"&\", near: \"n & :n\""),
        ("((n = :n))", "The expression has redundant parentheses;"),
        ("((n)) = :n", "The expression has redundant parentheses;"),
        ("attribute_exists(((n)))", "The expression has redundant parentheses;"),
        ("f(n)", "Invalid function name; function: f"),
        ("Attribute_Exists(n)", "Invalid function name; function: Attribute_Exists"),
        (
            "size(n)",
            "The function is not allowed to be used this way in an expression; function: size",
        ),
        (
            "begins_with(n, :s) = :t",
            "The function is not allowed to be used this way in an expression; \
             function: begins_with",
        ),
        (
            "contains(n, attribute_exists(n))",
            "The function is not allowed to be used this way in an expression; \
             function: attribute_exists",
        ),
        ("name = :n", "Attribute name is a reserved keyword; reserved keyword: name"),
        ("n.Status = :n", "Attribute name is a reserved keyword; reserved keyword: Status"),
        (
            "#x = :n",
            "An expression attribute name used in the document path is not defined; \
             attribute name: #x",
        ),
        (
            "n = :x",
            "An expression attribute value used in expression is not defined; attribute value: :x",
        ),
        (
            "attribute_exists(n, n)",
            "Incorrect number of operands for operator or function; \
             operator or function: attribute_exists, number of operands: 2",
        ),
        (
            "attribute_exists(:s)",
            "Operator or function requires a document path; \
             operator or function: attribute_exists",
        ),
        (
            "begins_with(n, :n)",
            "Incorrect operand type for operator or function; \
             operator or function: begins_with, operand type: N",
        ),
        (
            "attribute_type(n, :badtype)",
            "Invalid attribute type name found; type: X, \
             valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
        ),
        (
            "size(:n) = :n",
            "Incorrect operand type for operator or function; \
             operator or function: size, operand type: N",
        ),
        (
            "n < :t",
            "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL",
        ),
        (
            "n = n",
            "The first operand must be distinct from the remaining operands for this operator or \
             function; operator: =, first operand: [n]",
        ),
        (
            "n BETWEEN :nine AND :n",
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; \
             lower bound operand: AttributeValue: {N:9}, \
             upper bound operand: AttributeValue: {N:5}",
        ),
        (
            "n BETWEEN :s AND :n",
            "The BETWEEN operator requires same data type for lower and upper bounds; \
             lower bound operand: AttributeValue: {S:b}, \
             upper bound operand: AttributeValue: {N:5}",
        ),
        (
            ":t BETWEEN n AND :n",
            "Incorrect operand type for operator or function; \
             operator or function: BETWEEN, operand type: BOOL",
        ),
        (
            "n BETWEEN n AND :n",
            "The first operand must be distinct from the remaining operands for this operator or \
             function; operator: BETWEEN, first operand: [n]",
        ),
        (
            "n IN (:s, n)",
            "The first operand must be distinct from the remaining operands for this operator or \
             function; operator: IN, first operand: [n]",
        ),
        (
            "size(:s)",
            "The function is not allowed to be used this way in an expression; function: size",
        ),
        (
            "if_not_exists(n, :n)",
            "The function is not allowed in a condition expression; function: if_not_exists",
        ),
        ("lst[01] = :n", "Syntax error; token: \"1\", near: \"01]\""),
        ("tree.in = :n", "Syntax error; token: \"in\", near: \".in =\""),
        // The higher rank wins, wherever it stands.
        ("name = :x OR f(n)", "Invalid function name; function: f"),
    ] {
        let expected = format!("Invalid ConditionExpression: {message}");
        assert_eq!(refusal(parse(text)), expected, "{text}");
    }
}

#[test]
fn operators_and_operands_are_bounded() {
    let many = |count: usize| vec!["n = :n"; count].join(" OR ");
    assert!(parse(&many(150)).is_ok());
    let refused = refusal(parse(&many(151)));
    assert!(refused.contains("too many operators; operator count: 301"), "{refused}");
    let list = |count: usize| format!("n IN ({})", vec![":n"; count].join(","));
    assert!(parse(&list(100)).is_ok());
    assert!(refusal(parse(&list(101))).contains("number of operands: 101"));
}

#[test]
fn no_nesting_exhausts_the_stack() {
    let deep = format!("{}n = :n{}", "(".repeat(2040), ")".repeat(2040));
    assert!(refusal(parse(&deep)).contains("redundant parentheses"));
    let nested: String = (0..140).fold("n = :n".into(), |inner, _| format!("NOT ({inner})"));
    assert!(parse(&nested).is_ok());
    assert!(parse(&"(".repeat(4096)).is_err());
    assert!(refusal(parse(&"size(".repeat(200))).contains("function: size"));
}

#[test]
fn paths_are_all_that_a_condition_looks_at() {
    let condition = parse("a = :n AND size(b.c) IN (d, :n) OR begins_with(e, :s)").unwrap();
    let paths: Vec<_> = condition.paths().map(ToString::to_string).collect();
    assert_eq!(paths, ["[a]", "[b, c]", "[d]", "[e]"]);
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(
        text in "([ ()]|AND|OR|NOT|IN|BETWEEN|=|<|:n|:s|#n|n|a[.]b|\\[1\\]|,|size|contains){0,25}"
    ) {
        let _ = parse(&text);
    }

    /// Random AND/OR/NOT formulas against their truth computed from the tree.
    #[test]
    fn formulas_are_judged_as_written(tree in formulas()) {
        let (text, expected) = tree;
        prop_assert_eq!(matches(&text, thing()), expected, "{}", text);
    }
}

/// Formulas in full parentheses, with their truth.
fn formulas() -> impl proptest::strategy::Strategy<Value = (String, bool)> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(("n = :n".to_owned(), true)),
        Just(("n = :s".to_owned(), false)),
        Just(("attribute_exists(absent)".to_owned(), false)),
    ];
    leaf.prop_recursive(5, 32, 2, |inner| {
        let part = |(text, truth): (String, bool)| {
            // Around another pair, parentheses would be redundant.
            (
                if text.starts_with('n') && text.len() == 6 { text } else { format!("({text})") },
                truth,
            )
        };
        prop_oneof![
            inner.clone().prop_map(move |inner| {
                let (text, truth) = part(inner);
                (format!("NOT {text}"), !truth)
            }),
            (inner.clone(), inner.clone(), any::<bool>()).prop_map(move |(left, right, and)| {
                let ((left, a), (right, b)) = (part(left), part(right));
                let operator = if and { "AND" } else { "OR" };
                (format!("{left} {operator} {right}"), if and { a && b } else { a || b })
            }),
        ]
    })
}
