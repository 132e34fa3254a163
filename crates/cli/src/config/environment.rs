//! Settings from the environment: `FORESHARD_MANAGER__TICK_MS=500` is `tick_ms = 500` under `[manager]`.
//!
//! Two underscores stand for the dot, because names have single ones. Variables without them are not
//! settings: `FORESHARD_ADMIN` tells commands where the service is. A variable that names no setting is
//! refused as it would be in the file.

use super::ConfigError;
use super::names::{settings, why};
use super::origins::Place;
use serde_json::Value;
use std::borrow::Cow;
use std::ffi::OsString;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

const PREFIX: &str = "FORESHARD_";
const DOT: &str = "__";

/// One variable that is a setting.
pub(super) struct Variable {
    /// Its whole name.
    pub(super) name: String,
    /// What it says.
    text: String,
}

/// Does not show what it says: it may be a secret.
impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Variable").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The variables that are settings, in the order of their names.
pub(super) fn overrides(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<Variable>, ConfigError> {
    let mut variables = Vec::new();
    for (name, text) in environment {
        let Some(name) = name.to_str().filter(|name| is_setting(name)) else { continue };
        let name = name.to_owned();
        let text = text.into_string().map_err(|_| ConfigError::Told {
            place: Place::Variable(name.clone()),
            why: "what it says is not UTF-8".to_owned(),
        })?;
        variables.push(Variable { name, text });
    }
    variables.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(variables)
}

fn is_setting(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains(DOT))
}

/// Puts a variable into the document; its values get the position of the variable, see `origins`.
pub(super) fn apply<'a>(
    document: &mut DeTable<'a>,
    variable: &'a Variable,
    known: &Value,
    at: usize,
) -> Result<(), String> {
    let span = at..at;
    let (path, setting) = resolve(variable.name.strip_prefix(PREFIX).unwrap_or_default(), known)?;
    let value = parsed(&variable.text, setting, &span);
    let Some((last, sections)) = path.split_last() else { return Ok(()) };
    let mut table = document;
    for section in sections {
        let key = Spanned::new(span.clone(), Cow::Owned(section.clone()));
        let empty = || Spanned::new(span.clone(), DeValue::Table(DeTable::new()));
        match table.entry(key).or_insert_with(empty).get_mut() {
            DeValue::Table(inner) => table = inner,
            // The file has a value where a section is: deserialising says so, and where.
            _ => return Ok(()),
        }
    }
    table.remove(last.as_str());
    table.insert(Spanned::new(span.clone(), Cow::Owned(last.clone())), Spanned::new(span, value));
    Ok(())
}

/// The names that a variable stands for, and what is known of the setting.
fn resolve<'k>(rest: &str, known: &'k Value) -> Result<(Vec<String>, &'k Value), String> {
    let mut here = known;
    let mut path: Vec<String> = Vec::new();
    let mut is_free = false;
    for part in rest.split(DOT) {
        let lower = part.to_lowercase();
        let Some(names) = settings(here) else {
            if !is_free && !here.is_object() {
                return Err(format!("{} is one setting and has none of its own", path.join(".")));
            }
            // The first name is the operator's own, with its capitals; what is below is ours.
            path.push(if is_free { lower } else { part.to_owned() });
            is_free = true;
            continue;
        };
        let section: Vec<&str> = path.iter().map(String::as_str).collect();
        here = names.get(&lower).ok_or_else(|| why(&lower, &section, names, known))?;
        path.push(lower);
    }
    if settings(here).is_some() {
        return Err(format!("[{}] is a section; name one of its settings", path.join(".")));
    }
    static OWN: Value = Value::String(String::new());
    Ok((path, if is_free { &OWN } else { here }))
}

/// What a variable says: text where text is known to belong, and else as in the file, or text after all.
fn parsed<'a>(text: &'a str, setting: &Value, span: &Range<usize>) -> DeValue<'a> {
    if setting.is_string() {
        return DeValue::String(Cow::Borrowed(text));
    }
    match DeValue::parse(text) {
        Ok(value) => moved(value, span).into_inner(),
        Err(_) => DeValue::String(Cow::Borrowed(text)),
    }
}

/// The same value in another place.
fn moved<'a>(value: Spanned<DeValue<'a>>, span: &Range<usize>) -> Spanned<DeValue<'a>> {
    let value = match value.into_inner() {
        DeValue::Array(items) => {
            DeValue::Array(items.into_iter().map(|item| moved(item, span)).collect())
        }
        DeValue::Table(table) => {
            let pairs = table.into_iter().map(|(key, value)| {
                (Spanned::new(span.clone(), key.into_inner()), moved(value, span))
            });
            DeValue::Table(pairs.collect())
        }
        single => single,
    };
    Spanned::new(span.clone(), value)
}
