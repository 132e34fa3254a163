//! Names that nothing reads, and what was probably meant.
//!
//! The names that are known are those of the default configuration as it would be written: there is no
//! second list that could be forgotten.

use serde_json::{Map, Value};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// A section with at most this many settings is told in full when none of them is near.
const TOLD_MAX: usize = 12;

/// A name that is not known, and what to do about it.
#[derive(Debug)]
pub(super) struct Unknown {
    /// Where it stands.
    pub(super) span: Range<usize>,
    /// What is wrong, and what was probably meant.
    pub(super) why: String,
}

/// The first name in the file that nothing reads.
pub(super) fn unknown(document: &DeTable<'_>, known: &Value) -> Option<Unknown> {
    let mut found = Vec::new();
    collect(document, known, known, &mut Vec::new(), &mut found);
    found.into_iter().min_by_key(|unknown| unknown.span.start)
}

fn collect<'a>(
    table: &'a DeTable<'_>,
    known: &Value,
    root: &Value,
    section: &mut Vec<&'a str>,
    found: &mut Vec<Unknown>,
) {
    let Some(names) = settings(known) else { return };
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        match (names.get(name), value.get_ref()) {
            (None, _) => {
                found.push(Unknown { span: key.span(), why: why(name, section, names, root) })
            }
            (Some(inner), DeValue::Table(table)) => {
                section.push(name);
                collect(table, inner, root, section, found);
                section.pop();
            }
            _ => {}
        }
    }
}

/// The names of a section; none if it is a single setting, or if it takes names of the operator's own.
pub(super) fn settings(known: &Value) -> Option<&Map<String, Value>> {
    known.as_object().filter(|names| !names.is_empty())
}

/// What is wrong with `name` in `section`.
pub(super) fn why(
    name: &str,
    section: &[&str],
    names: &Map<String, Value>,
    root: &Value,
) -> String {
    let place = match section {
        [] => "there is no section".to_owned(),
        _ => format!("[{}] has no setting", section.join(".")),
    };
    let told = || names.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let hint = if let Some(near) = nearest(name, names.keys()) {
        format!("did you mean {near:?}?")
    } else if let Some(elsewhere) = section_of(name, root, &mut Vec::new()) {
        format!("it belongs under [{elsewhere}]")
    } else if names.len() <= TOLD_MAX {
        format!("there are {}", told())
    } else {
        "`foreshard config check` shows all there are".to_owned()
    };
    format!("{place} {name:?}; {hint}")
}

/// The name that differs least from `name`, if it differs in a third of its letters at the most.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a String>) -> Option<&'a str> {
    let distance = |known: &str| strsim::osa_distance(&name.to_lowercase(), known);
    // "tick" for "tick_ms": the unit is forgotten more often than a letter is mistyped.
    let is_begun = |known: &str| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('_'));
    let near =
        names.map(|known| (if is_begun(known) { 1 } else { distance(known) }, known.as_str()));
    let (distance, known) = near.min_by_key(|(distance, known)| (*distance, known.len()))?;
    (distance <= (name.chars().count() / 3).max(1)).then_some(known)
}

/// The section that has a setting of exactly this name.
fn section_of<'a>(name: &str, known: &'a Value, path: &mut Vec<&'a str>) -> Option<String> {
    let names = settings(known)?;
    if names.contains_key(name) && !path.is_empty() {
        return Some(path.join("."));
    }
    for (section, inner) in names {
        path.push(section);
        let found = section_of(name, inner, path);
        path.pop();
        if found.is_some() {
            return found;
        }
    }
    None
}
