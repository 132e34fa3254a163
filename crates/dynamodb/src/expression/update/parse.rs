//! Parsing updates: sections, each with its list of actions.

use super::{Action, Change, Expression, Operand};
use crate::expression::fault::{Fault, Rank};
use crate::expression::lexer::Kind;
use crate::expression::parser::Parser;
use crate::expression::path::Path;
use std::sync::Arc;
use types::Value;

/// Deepest nesting of function calls; DynamoDB's own limit is not documented, and calls in calls
/// are of use in one or two levels.
const CALL_DEPTH_MAX: usize = 16;

/// Words that cannot begin an operand.
const KEYWORDS: &[&str] = &["SET", "REMOVE", "ADD", "DELETE"];

type ParseAction = fn(&mut Parser<'_>) -> Result<Action, Fault>;

const SECTIONS: [(&str, ParseAction); 4] = [
    ("SET", set),
    ("REMOVE", remove),
    ("ADD", add),
    ("DELETE", delete),
];

/// Parses all sections.
pub(super) fn actions(parser: &mut Parser<'_>) -> Result<Vec<Action>, Fault> {
    let mut actions = Vec::new();
    let mut seen = [false; SECTIONS.len()];
    while parser.peek().kind != Kind::End {
        let section = SECTIONS
            .iter()
            .position(|(name, _)| parser.peek().is_keyword(name));
        let section = section.ok_or_else(|| parser.unexpected())?;
        parser.next();
        let (name, action) = SECTIONS[section];
        if seen[section] {
            parser.faults.note(Rank::DuplicateSection, || {
                format!("The \"{name}\" section can only be used once in an update expression;")
            });
        }
        seen[section] = true;
        actions.push(action(parser)?);
        while parser.eat(",") {
            actions.push(action(parser)?);
        }
    }
    Ok(actions)
}

fn path(parser: &mut Parser<'_>) -> Result<Path, Fault> {
    if parser.at_path(KEYWORDS) {
        parser.path()
    } else {
        Err(parser.unexpected())
    }
}

fn set(parser: &mut Parser<'_>) -> Result<Action, Fault> {
    let path = path(parser)?;
    parser.expect("=")?;
    parser.count_operator()?;
    let around = if encloses_sum(parser) {
        parser.open_around()
    } else {
        0
    };
    let left = operand(parser, 0)?;
    let sum = if parser.eat("+") {
        Some(("+", Expression::Plus as fn(Operand, Operand) -> Expression))
    } else if parser.eat("-") {
        Some(("-", Expression::Minus as fn(Operand, Operand) -> Expression))
    } else {
        None
    };
    let expression = match sum {
        None => Expression::Operand(left),
        Some((symbol, sum)) => {
            parser.count_operator()?;
            let right = operand(parser, 0)?;
            for operand in [&left, &right] {
                if let Some(kind) = operand.known_type().filter(|kind| *kind != "N") {
                    parser.wrong_operand_type("operator or function", symbol, kind);
                }
            }
            sum(left, right)
        }
    };
    parser.close_around(around)?;
    Ok(Action {
        path,
        change: Change::Set(expression),
    })
}

/// Whether the parenthesis that comes next stands around the whole right side, a sum, and not just
/// around the first operand.
fn encloses_sum(parser: &Parser<'_>) -> bool {
    parser.peek().is_symbol("(") && parser.sum_before_closing()
}

fn remove(parser: &mut Parser<'_>) -> Result<Action, Fault> {
    parser.count_operator()?;
    Ok(Action {
        path: path(parser)?,
        change: Change::Remove,
    })
}

fn add(parser: &mut Parser<'_>) -> Result<Action, Fault> {
    let (path, value) = path_and_value(parser)?;
    let numbers_too = matches!(*value, Value::N(_));
    check_set(parser, "ADD", &value, numbers_too);
    Ok(Action {
        path,
        change: Change::Add(value),
    })
}

fn delete(parser: &mut Parser<'_>) -> Result<Action, Fault> {
    let (path, value) = path_and_value(parser)?;
    check_set(parser, "DELETE", &value, false);
    Ok(Action {
        path,
        change: Change::Delete(value),
    })
}

fn path_and_value(parser: &mut Parser<'_>) -> Result<(Path, Arc<Value>), Fault> {
    parser.count_operator()?;
    Ok((path(parser)?, parser.value()?))
}

fn check_set(parser: &mut Parser<'_>, section: &str, value: &Value, otherwise_fine: bool) {
    let kind = match value {
        Value::S(_) => "STRING",
        Value::N(_) => "NUMBER",
        Value::B(_) => "BINARY",
        Value::Null => "NULL",
        Value::Bool(_) => "BOOLEAN",
        Value::L(_) => "LIST",
        Value::M(_) => "MAP",
        Value::Ss(_) | Value::Ns(_) | Value::Bs(_) => return,
    };
    if !otherwise_fine {
        parser.wrong_operand_type("operator", section, kind);
    }
}

/// A path, a value or a call, which parentheses may surround.
fn operand(parser: &mut Parser<'_>, depth: usize) -> Result<Operand, Fault> {
    let around = parser.open_around();
    let operand = if parser.peek().kind == Kind::ValueRef {
        Operand::Value(parser.value()?)
    } else if parser.at_function() && parser.at_path(KEYWORDS) {
        function(parser, depth)?
    } else {
        Operand::Path(path(parser)?)
    };
    parser.close_around(around)?;
    Ok(operand)
}

fn function(parser: &mut Parser<'_>, depth: usize) -> Result<Operand, Fault> {
    let name = parser.next().text;
    parser.count_operator()?;
    if depth >= CALL_DEPTH_MAX {
        let message = format!("Function calls are nested too deeply; function: {name}");
        return Err(Fault::new(Rank::Limit, message));
    }
    parser.expect("(")?;
    let mut operands = vec![operand(parser, depth + 1)?];
    while parser.eat(",") {
        operands.push(operand(parser, depth + 1)?);
    }
    parser.expect(")")?;
    let count = operands.len();
    let pair = <[Operand; 2]>::try_from(operands).ok();
    Ok(match (name, pair) {
        ("if_not_exists", Some([Operand::Path(path), default])) => {
            Operand::IfNotExists(path, Box::new(default))
        }
        ("if_not_exists", Some(_)) => {
            parser.path_required(name);
            nothing()
        }
        ("list_append", Some([first, second])) => {
            for operand in [&first, &second] {
                if let Some(kind) = operand.known_type().filter(|kind| *kind != "L") {
                    parser.wrong_operand_type("operator or function", name, kind);
                }
            }
            Operand::ListAppend(Box::new(first), Box::new(second))
        }
        ("if_not_exists" | "list_append", None) => {
            parser.wrong_operand_count(name, count);
            nothing()
        }
        _ => {
            parser.unknown_function(name);
            nothing()
        }
    })
}

/// Stands in for an operand whose fault is noted.
fn nothing() -> Operand {
    Operand::Value(Value::Null.into())
}

impl Operand {
    /// The type, as far as it is known without an item.
    fn known_type(&self) -> Option<&'static str> {
        match self {
            Self::Value(value) => Some(value.type_name()),
            Self::ListAppend(..) => Some("L"),
            Self::Path(_) | Self::IfNotExists(..) => None,
        }
    }
}
