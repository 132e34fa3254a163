//! A configuration as a file would have it, each setting that was told with where.

use super::Origins;
use super::names::settings;
use serde_json::{Map, Value};
use std::fmt::Write;

/// All settings of `tree`, section by section.
pub(super) fn toml(tree: &Value, origins: &Origins) -> String {
    let mut text = String::new();
    if let Some(names) = settings(tree) {
        section(names, "", origins, &mut text);
    }
    text
}

fn section(names: &Map<String, Value>, path: &str, origins: &Origins, text: &mut String) {
    let own: Vec<(&String, &Value)> =
        names.iter().filter(|(_, value)| !value.is_object()).collect();
    if !own.is_empty() {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{}[{path}]", if text.is_empty() { "" } else { "\n" });
    }
    for (name, value) in own {
        let origin = origins.get(&format!("{path}.{name}"));
        let told = origin.map_or(String::new(), |place| format!("  # {place}"));
        let _ = match value {
            Value::Null => writeln!(text, "# {} is not set", key(name)),
            value => writeln!(text, "{} = {value}{told}", key(name)),
        };
    }
    for (name, value) in names {
        if let Value::Object(inner) = value {
            let path = if path.is_empty() { key(name) } else { format!("{path}.{}", key(name)) };
            section(inner, &path, origins, text);
        }
    }
}

/// A name as TOML has it: in quotes if it is not plain.
fn key(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !name.is_empty() && name.chars().all(plain) {
        true => name.to_owned(),
        false => Value::from(name).to_string(),
    }
}
