//! Reading a request's parameters, with DynamoDB's checks in DynamoDB's order.
//!
//! DynamoDB first refuses JSON of the wrong type, one error at a time; then it lists up to ten
//! violated constraints in one message; then come the rules that span parameters, which are the
//! business of each operation. Parameters are taken out of the body one by one. Members that
//! DynamoDB does not know are ignored, as DynamoDB does; members it knows and this service does
//! not support are refused by `refuse`.

use crate::error::ApiError;
use crate::json::{self, Body};
use serde_json::{Map, Value as Json};
use types::Item;

/// How many violated constraints one message lists.
const VIOLATIONS_MAX: usize = 10;

/// The length of table names.
const TABLE_NAME_CHARS: (usize, usize) = (3, 255);

/// A request's parameters, those that have not been taken yet.
pub(crate) struct Params {
    map: Map<String, Json>,
    violations: Vec<String>,
}

impl Params {
    pub(crate) fn new(body: Body) -> Self {
        Self { map: body.0, violations: Vec::new() }
    }

    /// Whether a parameter is there and not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|json| !json.is_null())
    }

    /// Takes a parameter of any type; null counts as absent.
    pub(crate) fn take(&mut self, name: &str) -> Option<Json> {
        self.map.remove(name).filter(|json| !json.is_null())
    }

    pub(crate) fn string(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(other) => Err(json::not_a("String", &other)),
        }
    }

    pub(crate) fn boolean(&mut self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Bool(truth)) => Ok(Some(truth)),
            Some(other) => Err(json::not_a("Boolean", &other)),
        }
    }

    /// Takes an integer; DynamoDB rounds decimals down.
    pub(crate) fn integer(&mut self, name: &str) -> Result<Option<i64>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Number(number)) => {
                let integer = number.as_i64().or(number.as_f64().map(|float| float.floor() as i64));
                Ok(integer)
            }
            Some(other) => Err(json::not_a("Integer", &other)),
        }
    }

    pub(crate) fn list(&mut self, name: &str) -> Result<Option<Vec<Json>>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Array(list)) => Ok(Some(list)),
            Some(Json::Object(_)) => Err(json::unexpected_object()),
            Some(_) => Err(ApiError::serialization("Unexpected field type")),
        }
    }

    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Map<String, Json>>, ApiError> {
        self.take(name).map(object).transpose()
    }

    /// Takes attributes by name, such as an item or a key.
    pub(crate) fn item(&mut self, name: &str) -> Result<Option<Item>, ApiError> {
        self.object(name)?.map(json::decode_item).transpose()
    }

    /// Takes one of a few words; `words` are listed in the order of DynamoDB's message.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, ApiError> {
        match self.string(name)? {
            Some(word) => Ok(self.one_of(&word, &member(name), words)),
            None => Ok(None),
        }
    }

    /// Takes a required word in the structure at `path`.
    pub(crate) fn choice_at<T: Copy>(
        &mut self,
        name: &str,
        path: &str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, ApiError> {
        let path = format!("{path}.{}", member(name));
        match self.string(name)? {
            Some(word) => Ok(self.one_of(&word, &path, words)),
            None => {
                self.missing(&path);
                Ok(None)
            }
        }
    }

    fn one_of<T: Copy>(&mut self, word: &str, path: &str, words: &[(&str, T)]) -> Option<T> {
        let choice = words.iter().find(|(known, _)| *known == word);
        if choice.is_none() {
            let known: Vec<_> = words.iter().map(|(known, _)| *known).collect();
            let rule = format!("Member must satisfy enum value set: [{}]", known.join(", "));
            self.violation(Some(word), path, &rule);
        }
        choice.map(|(_, choice)| *choice)
    }

    /// Takes over what was noted about the parameters of a structure inside.
    pub(crate) fn adopt_violations(&mut self, inner: Self) {
        let room = VIOLATIONS_MAX - self.violations.len();
        self.violations.extend(inner.violations.into_iter().take(room));
    }

    /// Notes that a required parameter is missing.
    pub(crate) fn missing(&mut self, path: &str) {
        self.violation(None, path, "Member must not be null");
    }

    /// Takes the required name, or ARN, of a table. Without one the result is empty, and noted.
    pub(crate) fn table_name(&mut self) -> Result<String, ApiError> {
        match self.string("TableName")? {
            Some(text) => Ok(self.checked_table_name(&text, "tableName")),
            None => {
                self.missing("tableName");
                Ok(String::new())
            }
        }
    }

    /// The table name in `text`, which may be an ARN; notes if it is none.
    pub(crate) fn checked_table_name(&mut self, text: &str, path: &str) -> String {
        let name = match text.starts_with("arn:") {
            true => text.split_once(":table/").map_or("", |(_, name)| name),
            false => text,
        };
        if !is_name(name) {
            self.violation(Some(text), path, NAME_RULE);
        }
        self.length_of(name, text, TABLE_NAME_CHARS, path);
        name.to_owned()
    }

    /// Takes a time, seconds since the epoch with decimals, in milliseconds.
    pub(crate) fn timestamp_ms(&mut self, name: &str) -> Result<Option<i64>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            // The cast saturates: a time that is absurd stays absurd.
            Some(Json::Number(number)) => {
                Ok(number.as_f64().map(|seconds| (seconds * 1000.0).round() as i64))
            }
            Some(other) => Err(json::not_a("Timestamp", &other)),
        }
    }

    /// Notes if a text is too short or too long.
    pub(crate) fn checked_length(&mut self, text: &str, least: usize, most: usize, path: &str) {
        self.length_of(text, text, (least, most), path);
    }

    /// Notes if a name has other characters than names have, or too few or too many.
    pub(crate) fn checked_name(&mut self, name: &str, path: &str, chars: (usize, usize)) {
        if !is_name(name) {
            self.violation(Some(name), path, NAME_RULE);
        }
        self.length_of(name, name, chars, path);
    }

    /// Notes if a part of a text is too short or too long.
    fn length_of(&mut self, part: &str, text: &str, (least, most): (usize, usize), path: &str) {
        let chars = part.chars().count();
        if chars < least {
            let rule = format!("Member must have length greater than or equal to {least}");
            self.violation(Some(text), path, &rule);
        }
        if chars > most {
            let rule = format!("Member must have length less than or equal to {most}");
            self.violation(Some(text), path, &rule);
        }
    }

    /// Notes if an integer is too small.
    pub(crate) fn at_least(&mut self, value: Option<i64>, least: i64, path: &str) {
        if let Some(value) = value.filter(|value| *value < least) {
            let rule = format!("Member must have value greater than or equal to {least}");
            self.violation(Some(&value.to_string()), path, &rule);
        }
    }

    /// Notes if an integer is too large.
    pub(crate) fn at_most(&mut self, value: Option<i64>, most: i64, path: &str) {
        if let Some(value) = value.filter(|value| *value > most) {
            let rule = format!("Member must have value less than or equal to {most}");
            self.violation(Some(&value.to_string()), path, &rule);
        }
    }

    /// Notes a violated constraint, for `finish`.
    pub(crate) fn violation(&mut self, value: Option<&str>, path: &str, rule: &str) {
        if self.violations.len() < VIOLATIONS_MAX {
            let value = value.map_or("null".to_owned(), |value| format!("'{value}'"));
            let violation =
                format!("Value {value} at '{path}' failed to satisfy constraint: {rule}");
            self.violations.push(violation);
        }
    }

    /// Refuses the request if a constraint was violated.
    pub(crate) fn finish_constraints(&self) -> Result<(), ApiError> {
        if self.violations.is_empty() {
            return Ok(());
        }
        let count = self.violations.len();
        let plural = if count == 1 { "" } else { "s" };
        let list = self.violations.join("; ");
        let message = format!("{count} validation error{plural} detected: {list}");
        Err(ApiError::validation(message))
    }

    /// Refuses a parameter that this service does not support; `instead` says what to do.
    pub(crate) fn refuse(&mut self, name: &str, instead: &str) -> Result<(), ApiError> {
        match self.take(name) {
            None => Ok(()),
            Some(_) => Err(ApiError::validation(format!(
                "The parameter {name} is not supported by this service: {instead}"
            ))),
        }
    }
}

/// What names are made of.
const NAME_RULE: &str = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+";

fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    !text.is_empty() && text.chars().all(allowed)
}

/// A JSON object, or the complaint that it is something else.
pub(crate) fn object(json: Json) -> Result<Map<String, Json>, ApiError> {
    match json {
        Json::Object(map) => Ok(map),
        Json::Array(_) => Err(json::unexpected_list()),
        _ => Err(ApiError::serialization("Unexpected value type in payload")),
    }
}

/// The name of a member as DynamoDB's messages write it: `TableName` is `tableName`.
pub(crate) fn member(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{body, refusal};
    use serde_json::json;

    #[test]
    fn violations_are_listed_together() {
        let mut params = Params::new(body(json!({"TableName": "a;", "Select": "X", "Limit": 0})));
        params.table_name().unwrap();
        let limit = params.integer("Limit").unwrap();
        params.at_least(limit, 1, "limit");
        assert_eq!(params.choice("Select", &[("COUNT", 1), ("ALL", 2)]).unwrap(), None);
        assert_eq!(
            refusal(params.finish_constraints()),
            "4 validation errors detected: \
             Value 'a;' at 'tableName' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; \
             Value 'a;' at 'tableName' failed to satisfy constraint: \
             Member must have length greater than or equal to 3; \
             Value '0' at 'limit' failed to satisfy constraint: \
             Member must have value greater than or equal to 1; \
             Value 'X' at 'select' failed to satisfy constraint: \
             Member must satisfy enum value set: [COUNT, ALL]"
        );
    }

    #[test]
    fn a_missing_table_name_is_noted() {
        let mut params = Params::new(body(json!({"TableName": null})));
        params.table_name().unwrap();
        assert_eq!(
            refusal(params.finish_constraints()),
            "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: \
             Member must not be null"
        );
    }

    #[test]
    fn a_table_may_be_named_by_its_arn() {
        let arn = "arn:aws:dynamodb:local:000000000000:table/things";
        let mut params = Params::new(body(json!({"TableName": arn})));
        assert_eq!(params.table_name().unwrap(), "things");
        params.finish_constraints().unwrap();
    }

    #[test]
    fn wrong_types_are_refused_at_once() {
        let mut params = Params::new(body(json!({"a": 1, "b": "x", "c": [], "d": {}, "e": 1.9})));
        assert_eq!(refusal(params.string("a")), "NUMBER_VALUE cannot be converted to String");
        assert_eq!(refusal(params.boolean("b")), "STRING_VALUE cannot be converted to Boolean");
        assert_eq!(refusal(params.object("c")), "Start of list found where not expected");
        assert_eq!(refusal(params.list("d")), "Start of structure or map found where not expected");
        assert_eq!(params.integer("e").unwrap(), Some(1));
    }
}
