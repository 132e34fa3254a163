//! Applying an update to an item.

use super::{Action, Change, Expression, Operand};
use crate::error::ApiError;
use crate::expression::path::{Path, Step};
use std::collections::{BTreeMap, BTreeSet};
use types::{Error, Item, Value};

/// A value to write, and where.
struct Write<'a> {
    path: &'a Path,
    value: Value,
}

/// The item after all actions.
pub(super) fn apply(actions: &[Action], item: &Item) -> Result<Item, Misfit> {
    let mut writes = Vec::new();
    let mut removals: Vec<&Path> = Vec::new();
    for action in actions {
        let path = &action.path;
        let old = path.resolve(item);
        let new = match &action.change {
            Change::Set(expression) => Some(evaluate(expression, item)?),
            Change::Remove => None,
            Change::Add(value) => Some(added(old, value)?),
            Change::Delete(value) => deleted(old, value)?,
        };
        match new {
            Some(value) => writes.push(Write { path, value }),
            None => removals.push(path),
        }
    }
    let mut item = item.clone();
    // In the order of list positions; what is beyond the end is appended.
    writes.sort_by(|a, b| a.path.cmp(b.path));
    for write in writes {
        place(&mut item, write)?;
    }
    removals.sort();
    for path in removals.into_iter().rev() {
        remove(&mut item, path)?;
    }
    Ok(item)
}

/// Why an update does not fit an item.
#[derive(Debug, PartialEq)]
pub(super) enum Misfit {
    /// A value has a type that the action is not defined for.
    Type,
    /// A path leads through something that is not there, or is no map or list.
    Path,
    /// A path leads to no value.
    Missing,
    /// A number is out of range.
    Range(Error),
}

impl Misfit {
    /// DynamoDB's words, which for `AttributeUpdates` are sometimes others.
    pub(super) fn refusal(self, legacy: bool) -> ApiError {
        ApiError::validation(match self {
            Self::Type if legacy => "Type mismatch for attribute to update".to_owned(),
            Self::Type => {
                "An operand in the update expression has an incorrect data type".to_owned()
            }
            Self::Path => "The document path provided in the update expression is invalid for \
                           update"
                .to_owned(),
            Self::Missing => "The provided expression refers to an attribute that does not exist \
                              in the item"
                .to_owned(),
            Self::Range(error) => error.to_string(),
        })
    }
}

fn evaluate(expression: &Expression, item: &Item) -> Result<Value, Misfit> {
    let number = |operand: &Operand| match resolve(operand, item)? {
        Value::N(number) => Ok(number),
        _ => Err(Misfit::Type),
    };
    let sum = match expression {
        Expression::Operand(operand) => return resolve(operand, item),
        Expression::Append(first, second) => {
            return match (resolve(first, item)?, resolve(second, item)?) {
                (Value::L(mut list), Value::L(more)) => {
                    list.extend(more);
                    Ok(Value::L(list))
                }
                _ => Err(Misfit::Type),
            };
        }
        Expression::Plus(left, right) => number(left)?.checked_add(&number(right)?),
        Expression::Minus(left, right) => number(left)?.checked_sub(&number(right)?),
    };
    sum.map(Value::N).map_err(Misfit::Range)
}

fn resolve(operand: &Operand, item: &Item) -> Result<Value, Misfit> {
    match operand {
        Operand::Value(value) => Ok(Value::clone(value)),
        Operand::Path(path) => path.resolve(item).cloned().ok_or(Misfit::Missing),
        Operand::IfNotExists(path, default) => match path.resolve(item) {
            Some(value) => Ok(value.clone()),
            None => resolve(default, item),
        },
    }
}

/// `ADD`: what is missing counts as zero or as an empty set.
fn added(old: Option<&Value>, value: &Value) -> Result<Value, Misfit> {
    match (old, value) {
        (None, value) => Ok(value.clone()),
        (Some(Value::N(old)), Value::N(number)) => {
            old.checked_add(number).map(Value::N).map_err(Misfit::Range)
        }
        (Some(Value::Ss(old)), Value::Ss(set)) => Ok(Value::Ss(old | set)),
        (Some(Value::Ns(old)), Value::Ns(set)) => Ok(Value::Ns(old | set)),
        (Some(Value::Bs(old)), Value::Bs(set)) => Ok(Value::Bs(old | set)),
        _ => Err(Misfit::Type),
    }
}

/// `DELETE`: the rest of the set; none if nothing is left, because sets are never empty.
fn deleted(old: Option<&Value>, value: &Value) -> Result<Option<Value>, Misfit> {
    fn rest<T: Ord + Clone>(old: &BTreeSet<T>, set: &BTreeSet<T>) -> Option<BTreeSet<T>> {
        Some(old - set).filter(|rest| !rest.is_empty())
    }
    match (old, value) {
        (None, _) => Ok(None),
        (Some(Value::Ss(old)), Value::Ss(set)) => Ok(rest(old, set).map(Value::Ss)),
        (Some(Value::Ns(old)), Value::Ns(set)) => Ok(rest(old, set).map(Value::Ns)),
        (Some(Value::Bs(old)), Value::Bs(set)) => Ok(rest(old, set).map(Value::Bs)),
        _ => Err(Misfit::Type),
    }
}

/// The value that a path's last step leads out of.
enum Parent<'a> {
    Map(&'a mut BTreeMap<String, Value>, &'a str),
    List(&'a mut Vec<Value>, usize),
}

fn parent<'a>(item: &'a mut Item, path: &'a Path) -> Result<Parent<'a>, Misfit> {
    let Some((last, way)) = path.steps.split_last() else {
        return Ok(Parent::Map(&mut item.0, &path.attribute));
    };
    let mut value = item.0.get_mut(&path.attribute).ok_or(Misfit::Path)?;
    for step in way {
        value = match (value, step) {
            (Value::M(map), Step::Key(key)) => map.get_mut(key),
            (Value::L(list), Step::Index(index)) => list.get_mut(*index),
            _ => None,
        }
        .ok_or(Misfit::Path)?;
    }
    match (value, last) {
        (Value::M(map), Step::Key(key)) => Ok(Parent::Map(map, key)),
        (Value::L(list), Step::Index(index)) => Ok(Parent::List(list, *index)),
        _ => Err(Misfit::Path),
    }
}

fn place(item: &mut Item, write: Write<'_>) -> Result<(), Misfit> {
    match parent(item, write.path)? {
        Parent::Map(map, key) => {
            map.insert(key.to_owned(), write.value);
        }
        Parent::List(list, index) => match list.get_mut(index) {
            Some(element) => *element = write.value,
            None => list.push(write.value),
        },
    }
    Ok(())
}

fn remove(item: &mut Item, path: &Path) -> Result<(), Misfit> {
    match parent(item, path)? {
        Parent::Map(map, key) => {
            map.remove(key);
        }
        Parent::List(list, index) if index < list.len() => {
            list.remove(index);
        }
        Parent::List(..) => {}
    }
    Ok(())
}
