//! Conditions and filters: parsed to a postfix program, judged on an item.

mod evaluate;
mod function;
mod parse;

pub(super) use evaluate::compare;

use super::parser;
use super::path::Path;
use super::placeholders::Placeholders;
use crate::error::ApiError;
use std::sync::Arc;
use types::{Item, Value};

/// A condition on an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    program: Vec<Op>,
}

/// One step of the program: a test pushes its result, an operator combines the last ones.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Op {
    Test(Test),
    Not,
    And,
    Or,
}

/// A condition without AND, OR and NOT.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    Compare(Operand, Comparator, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    NotExists(Path),
    /// The value's type, by DynamoDB's descriptor.
    HasType(Operand, String),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
}

/// Something that has a value, for a given item.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Path(Path),
    Value(Arc<Value>),
    Size(Path),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparator {
    const ALL: [(&'static str, Self); 6] = [
        ("=", Self::Equal),
        ("<>", Self::NotEqual),
        ("<", Self::Less),
        ("<=", Self::LessOrEqual),
        (">", Self::Greater),
        (">=", Self::GreaterOrEqual),
    ];

    pub(super) fn symbol(self) -> &'static str {
        let symbol = Self::ALL.iter().find(|(_, comparator)| *comparator == self);
        symbol.map_or("", |(symbol, _)| symbol)
    }
}

impl Condition {
    /// Parses `text`; `parameter` is what messages call it, as in `ConditionExpression`.
    ///
    /// # Errors
    /// If it is no condition, or uses placeholders that are not defined.
    pub fn parse(
        parameter: &str,
        text: &str,
        placeholders: &mut Placeholders,
    ) -> Result<Self, ApiError> {
        parser::parse(parameter, text, placeholders, parse::program).map(|program| Self { program })
    }

    /// Whether `item` meets the condition; a missing item counts as one without attributes.
    pub fn matches(&self, item: &Item) -> bool {
        evaluate::program(&self.program, item)
    }

    /// A condition of another kind, in postfix order.
    pub(super) fn of(program: Vec<Op>) -> Self {
        Self { program }
    }

    pub(super) fn into_program(self) -> Vec<Op> {
        self.program
    }

    /// All document paths that the condition looks at.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.program.iter().flat_map(|op| match op {
            Op::Test(test) => test.paths(),
            _ => Vec::new(),
        })
    }
}

impl Test {
    fn paths(&self) -> Vec<&Path> {
        match self {
            Self::Compare(a, _, b) | Self::BeginsWith(a, b) | Self::Contains(a, b) => {
                [a, b].into_iter().filter_map(Operand::path).collect()
            }
            Self::Between(a, b, c) => [a, b, c].into_iter().filter_map(Operand::path).collect(),
            Self::In(a, rest) => std::iter::once(a).chain(rest).filter_map(Operand::path).collect(),
            Self::HasType(operand, _) => operand.path().into_iter().collect(),
            Self::Exists(path) | Self::NotExists(path) => vec![path],
        }
    }
}

impl Operand {
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) | Self::Size(path) => Some(path),
            Self::Value(_) => None,
        }
    }

    /// The type, as far as it is known without an item.
    fn known_type(&self) -> Option<&'static str> {
        match self {
            Self::Path(_) => None,
            Self::Value(value) => Some(value.type_name()),
            Self::Size(_) => Some("N"),
        }
    }
}

#[cfg(test)]
mod tests;
