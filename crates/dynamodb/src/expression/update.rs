//! Update expressions: `SET`, `REMOVE`, `ADD`, `DELETE`.
//!
//! All values are computed from the item as it was before the update; then the changes are made.
//! Paths cannot overlap, so the order of changes shows in lists only: elements set beyond the end
//! are appended in the order of their positions, and removals come last, from the back, because
//! all positions are those of the item as it was.

mod apply;
mod parse;

use super::document::PathTree;
use super::fault::Faults;
use super::parser;
use super::path::Path;
use super::placeholders::Placeholders;
use crate::error::ApiError;
use std::sync::Arc;
use types::{Item, KeySchema, Value};

/// A parsed `UpdateExpression`.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    actions: Vec<Action>,
    tree: PathTree,
    /// Whether it was written as `AttributeUpdates`, which shows in one message.
    legacy: bool,
}

/// An item before and after an update, as far as the update's paths lead into it.
#[derive(Clone, Debug, PartialEq)]
pub struct Updated {
    /// The whole new item.
    pub item: Item,
    /// The parts that the update names, as they were (`UPDATED_OLD`).
    pub old_parts: Item,
    /// The parts that the update names, as they are now (`UPDATED_NEW`).
    pub new_parts: Item,
}

/// A change at one path.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Action {
    pub(super) path: Path,
    pub(super) change: Change,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    Set(Expression),
    Remove,
    /// Adds a number, or elements to a set.
    Add(Arc<Value>),
    /// Takes elements out of a set.
    Delete(Arc<Value>),
}

/// The right side of `SET`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Operand(Operand),
    Plus(Operand, Operand),
    Minus(Operand, Operand),
    /// `list_append`
    Append(Operand, Operand),
}

/// As deep as function calls nest, which is bounded.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Path(Path),
    Value(Arc<Value>),
    IfNotExists(Path, Box<Operand>),
}

impl Update {
    /// Parses the expression.
    ///
    /// # Errors
    /// If it is no update, or two of its paths overlap.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Self, ApiError> {
        parser::parse("UpdateExpression", text, placeholders, |parser| {
            let actions = parse::actions(parser)?;
            let paths = actions.iter().map(|action| &action.path);
            let tree = PathTree::of(paths, &mut parser.faults);
            Ok(Self { actions, tree, legacy: false })
        })
    }

    /// The update that is written as `AttributeUpdates`, one action for an attribute.
    pub(super) fn of_legacy(actions: Vec<Action>) -> Self {
        let paths = actions.iter().map(|action| &action.path);
        let tree = PathTree::of(paths, &mut Faults::default());
        Self { actions, tree, legacy: true }
    }

    /// Refuses updates of the primary key, which is what says which item is updated.
    ///
    /// # Errors
    /// If a path of the update is, or leads into, a key attribute.
    pub fn check_keys(&self, schema: &KeySchema) -> Result<(), ApiError> {
        let named = |name: &str| self.actions.iter().any(|action| action.path.attribute == name);
        match schema.attributes().find(|attribute| named(&attribute.name)) {
            None => Ok(()),
            Some(attribute) => Err(ApiError::invalid_parameter(format!(
                "Cannot update attribute {}. This attribute is part of the key",
                attribute.name
            ))),
        }
    }

    /// Whether the update only takes away: then it does not create an item that is missing.
    pub fn only_removes(&self) -> bool {
        let removes = |action: &Action| matches!(action.change, Change::Remove | Change::Delete(_));
        self.actions.iter().all(removes)
    }

    /// The updated item.
    ///
    /// # Errors
    /// If values have the wrong types, do not exist, or are numbers out of range.
    pub fn apply(&self, item: &Item) -> Result<Updated, ApiError> {
        let updated =
            apply::apply(&self.actions, item).map_err(|misfit| misfit.refusal(self.legacy))?;
        Ok(Updated {
            old_parts: self.tree.project(item),
            new_parts: self.tree.project(&updated),
            item: updated,
        })
    }

    /// All document paths that the update changes.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.actions.iter().map(|action| &action.path)
    }
}

#[cfg(test)]
mod tests;
