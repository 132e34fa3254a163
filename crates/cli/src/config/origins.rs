//! Where a setting was told: which line of the file, or which variable of the environment.
//!
//! The parser says where in the file a value stands. Values from the environment are given positions
//! behind the end of the file, one for each variable, so that one number tells all of them apart.

use super::environment::Variable;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use toml::de::{DeTable, DeValue};

/// One place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A line of the file.
    Line { path: String, line: usize },
    /// A variable.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { path, line } => write!(f, "{path}:{line}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

impl Serialize for Place {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where settings were told, by their names with dots between.
pub(crate) type Origins = BTreeMap<String, Place>;

/// Turns positions into places.
pub(super) struct Places<'a> {
    path: String,
    text: &'a str,
    variables: &'a [Variable],
}

impl<'a> Places<'a> {
    pub(super) fn new(
        path: Option<&std::path::Path>,
        text: &'a str,
        variables: &'a [Variable],
    ) -> Self {
        let path = path.map_or_else(String::new, |path| path.display().to_string());
        Self { path, text, variables }
    }

    /// The position that stands for a variable: the file itself ends one before the first.
    pub(super) fn position(&self, variable: usize) -> usize {
        self.text.len() + 1 + variable
    }

    /// The place of a position.
    pub(super) fn place(&self, position: usize) -> Place {
        let behind = position.checked_sub(self.position(0));
        match behind.and_then(|index| self.variables.get(index)) {
            Some(variable) => Place::Variable(variable.name.clone()),
            None => {
                let before = self.text.as_bytes().iter().take(position);
                let line = 1 + before.filter(|byte| **byte == b'\n').count();
                Place::Line { path: self.path.clone(), line }
            }
        }
    }

    /// The places of all settings of a document.
    pub(super) fn origins(&self, document: &DeTable<'_>) -> Origins {
        let mut origins = Origins::new();
        self.collect(document, "", &mut origins);
        origins
    }

    fn collect(&self, table: &DeTable<'_>, section: &str, origins: &mut Origins) {
        for (key, value) in table {
            let name = format!("{section}{}", key.get_ref());
            match value.get_ref() {
                DeValue::Table(table) => self.collect(table, &format!("{name}."), origins),
                _ => {
                    origins.insert(name, self.place(value.span().start));
                }
            }
        }
    }
}
