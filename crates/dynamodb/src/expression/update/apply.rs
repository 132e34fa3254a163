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
pub(super) fn apply(actions: &[Action], item: &Item) -> Result<Item, ApiError> {
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

fn incorrect_type() -> ApiError {
    ApiError::validation("An operand in the update expression has an incorrect data type")
}

fn invalid_path() -> ApiError {
    ApiError::validation(
        "The document path provided in the update expression is invalid for update",
    )
}

fn out_of_range(error: Error) -> ApiError {
    ApiError::validation(error.to_string())
}

fn evaluate(expression: &Expression, item: &Item) -> Result<Value, ApiError> {
    let number = |operand: &Operand| match resolve(operand, item)? {
        Value::N(number) => Ok(number),
        _ => Err(incorrect_type()),
    };
    let sum = match expression {
        Expression::Operand(operand) => return resolve(operand, item),
        Expression::Append(first, second) => {
            return match (resolve(first, item)?, resolve(second, item)?) {
                (Value::L(mut list), Value::L(more)) => {
                    list.extend(more);
                    Ok(Value::L(list))
                }
                _ => Err(incorrect_type()),
            };
        }
        Expression::Plus(left, right) => number(left)?.checked_add(&number(right)?),
        Expression::Minus(left, right) => number(left)?.checked_sub(&number(right)?),
    };
    sum.map(Value::N).map_err(out_of_range)
}

fn resolve(operand: &Operand, item: &Item) -> Result<Value, ApiError> {
    match operand {
        Operand::Value(value) => Ok(Value::clone(value)),
        Operand::Path(path) => path.resolve(item).cloned().ok_or_else(|| {
            ApiError::validation(
                "The provided expression refers to an attribute that does not exist in the item",
            )
        }),
        Operand::IfNotExists(path, default) => match path.resolve(item) {
            Some(value) => Ok(value.clone()),
            None => resolve(default, item),
        },
    }
}

/// `ADD`: what is missing counts as zero or as an empty set.
fn added(old: Option<&Value>, value: &Value) -> Result<Value, ApiError> {
    match (old, value) {
        (None, value) => Ok(value.clone()),
        (Some(Value::N(old)), Value::N(number)) => {
            old.checked_add(number).map(Value::N).map_err(out_of_range)
        }
        (Some(Value::Ss(old)), Value::Ss(set)) => Ok(Value::Ss(old | set)),
        (Some(Value::Ns(old)), Value::Ns(set)) => Ok(Value::Ns(old | set)),
        (Some(Value::Bs(old)), Value::Bs(set)) => Ok(Value::Bs(old | set)),
        _ => Err(incorrect_type()),
    }
}

/// `DELETE`: the rest of the set; none if nothing is left, because sets are never empty.
fn deleted(old: Option<&Value>, value: &Value) -> Result<Option<Value>, ApiError> {
    fn rest<T: Ord + Clone>(old: &BTreeSet<T>, set: &BTreeSet<T>) -> Option<BTreeSet<T>> {
        Some(old - set).filter(|rest| !rest.is_empty())
    }
    match (old, value) {
        (None, _) => Ok(None),
        (Some(Value::Ss(old)), Value::Ss(set)) => Ok(rest(old, set).map(Value::Ss)),
        (Some(Value::Ns(old)), Value::Ns(set)) => Ok(rest(old, set).map(Value::Ns)),
        (Some(Value::Bs(old)), Value::Bs(set)) => Ok(rest(old, set).map(Value::Bs)),
        _ => Err(incorrect_type()),
    }
}

/// The value that a path's last step leads out of.
enum Parent<'a> {
    Map(&'a mut BTreeMap<String, Value>, &'a str),
    List(&'a mut Vec<Value>, usize),
}

fn parent<'a>(item: &'a mut Item, path: &'a Path) -> Result<Parent<'a>, ApiError> {
    let Some((last, way)) = path.steps.split_last() else {
        return Ok(Parent::Map(&mut item.0, &path.attribute));
    };
    let mut value = item.0.get_mut(&path.attribute).ok_or_else(invalid_path)?;
    for step in way {
        value = match (value, step) {
            (Value::M(map), Step::Key(key)) => map.get_mut(key),
            (Value::L(list), Step::Index(index)) => list.get_mut(*index),
            _ => None,
        }
        .ok_or_else(invalid_path)?;
    }
    match (value, last) {
        (Value::M(map), Step::Key(key)) => Ok(Parent::Map(map, key)),
        (Value::L(list), Step::Index(index)) => Ok(Parent::List(list, *index)),
        _ => Err(invalid_path()),
    }
}

fn place(item: &mut Item, write: Write<'_>) -> Result<(), ApiError> {
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

fn remove(item: &mut Item, path: &Path) -> Result<(), ApiError> {
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
