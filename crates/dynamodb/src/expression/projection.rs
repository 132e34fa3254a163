//! Projections: which parts of an item a read returns.

use super::document::PathTree;
use super::fault::Faults;
use super::parser;
use super::path::Path;
use super::placeholders::Placeholders;
use crate::error::ApiError;
use types::Item;

/// The parts of an item to return.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    paths: Vec<Path>,
    tree: PathTree,
}

impl Projection {
    /// Parses a `ProjectionExpression`: paths, separated by commas.
    ///
    /// # Errors
    /// If it is none, or two of the paths overlap.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Self, ApiError> {
        parser::parse("ProjectionExpression", text, placeholders, |parser| {
            let mut paths = vec![parser.path()?];
            while parser.eat(",") {
                paths.push(parser.path()?);
            }
            let tree = PathTree::of(paths.iter(), &mut parser.faults);
            Ok(Self { paths, tree })
        })
    }

    /// The projection on paths none of which leads to or through another.
    pub(super) fn of(paths: Vec<Path>) -> Self {
        let tree = PathTree::of(paths.iter(), &mut Faults::default());
        Self { paths, tree }
    }

    /// The parts of `item` that exist, in their places; elements of lists close up.
    pub fn apply(&self, item: &Item) -> Item {
        self.tree.project(item)
    }

    /// The paths, as they were given.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{item, refusal};
    use serde_json::json;

    fn parse(text: &str) -> Result<Projection, ApiError> {
        Projection::parse(text, &mut Placeholders::from_json(json!({"#n": "name"})))
    }

    #[test]
    fn parts_are_returned_in_their_places() {
        let whole = item(json!({
            "name": {"S": "x"},
            "m": {"M": {"a": {"N": "1"}, "b": {"N": "2"}, "c": {"M": {"d": {"N": "3"}}}}},
            "l": {"L": [{"N": "0"}, {"N": "1"}, {"L": [{"N": "2"}, {"N": "3"}]}]},
        }));
        let apply = |text: &str| parse(text).unwrap().apply(&whole);
        assert_eq!(apply("#n"), item(json!({"name": {"S": "x"}})));
        assert_eq!(
            apply("m.c.d, m.a"),
            item(json!({"m": {"M": {"a": {"N": "1"}, "c": {"M": {"d": {"N": "3"}}}}}}))
        );
        assert_eq!(
            apply("l[2][1], l[0], l[9]"),
            item(json!({"l": {"L": [{"N": "0"}, {"L": [{"N": "3"}]}]}}))
        );
        assert_eq!(apply("nowhere, #n.x, m[0], l.a"), Item::new());
    }

    #[test]
    fn overlapping_and_conflicting_paths_are_refused() {
        let clash = |verb: &str, one: &str, two: &str| {
            format!(
                "Invalid ProjectionExpression: Two document paths {verb} with each other; must \
                 remove or rewrite one of these paths; path one: {one}, path two: {two}"
            )
        };
        for (text, verb, one, two) in [
            ("a, b, a", "overlap", "[a]", "[a]"),
            ("x, a.b, a", "overlap", "[a, b]", "[a]"),
            ("a, a.b[1]", "overlap", "[a]", "[a, b, [1]]"),
            ("a[1].b, a[1].b", "overlap", "[a, [1], b]", "[a, [1], b]"),
            ("a.b, a[1]", "conflict", "[a, b]", "[a, [1]]"),
        ] {
            assert_eq!(refusal(parse(text)), clash(verb, one, two), "{text}");
        }
        assert!(parse("a.b, a.c, a.d[0], a.d[1]").is_ok());
    }

    #[test]
    fn malformed_projections_are_refused() {
        for (text, message) in [
            ("", "The expression can not be empty;"),
            ("a,", "Syntax error; token: \"<EOF>\", near: \",\""),
            ("a b", "Syntax error; token: \"b\", near: \"a b\""),
            ("a[b]", "Syntax error; token: \"b\", near: \"[b]\""),
            (
                "a[99999999999]",
                "List index is not within the allowable range; index: [99999999999]",
            ),
            ("year", "Attribute name is a reserved keyword; reserved keyword: year"),
        ] {
            let expected = format!("Invalid ProjectionExpression: {message}");
            assert_eq!(refusal(parse(text)), expected, "{text}");
        }
        let deep = format!("a{}", "[0]".repeat(1300));
        assert!(refusal(parse(&deep)).contains("nesting levels: 1301"));
        let limit = format!("a{}", "[0]".repeat(31));
        assert!(parse(&limit).is_ok());
    }
}
