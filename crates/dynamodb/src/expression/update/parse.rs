//! Parsing updates: sections, each with its list of actions.

use super::{Action, Change, Expression, Operand};
use crate::expression::fault::{Fault, Rank};
use crate::expression::lexer::Kind;
use crate::expression::parser::Parser;
use types::Value;

/// Deepest nesting of function calls; DynamoDB's own limit is not documented, and calls in calls
/// are of use in one or two levels.
const CALL_DEPTH_MAX: usize = 16;

type Sum = fn(Operand, Operand) -> Expression;
type ParseAction = fn(&mut Parser<'_>) -> Result<Action, Fault>;

const SECTIONS: [(&str, ParseAction); 4] =
    [("SET", set), ("REMOVE", remove), ("ADD", add), ("DELETE", delete)];

/// Parses all sections.
pub(super) fn actions(parser: &mut Parser<'_>) -> Result<Vec<Action>, Fault> {
    let mut actions = Vec::new();
    let mut seen = [false; SECTIONS.len()];
    while parser.peek().kind != Kind::End {
        let section = SECTIONS.iter().position(|(name, _)| parser.peek().is_keyword(name));
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

fn set(parser: &mut Parser<'_>) -> Result<Action, Fault> {
    let path = parser.path()?;
    parser.expect("=")?;
    let around = parser.parentheses_around_sum();
    parser.open(around);
    let left = expression(parser, 0)?;
    let sum: Option<(&str, Sum)> = if parser.eat("+") {
        Some(("+", Expression::Plus))
    } else if parser.eat("-") {
        Some(("-", Expression::Minus))
    } else {
        None
    };
    let expression = match sum {
        None => left,
        Some((symbol, sum)) => {
            parser.count_operator()?;
            let left = operand_of(parser, left);
            let right = operand(parser, 0)?;
            check_types(parser, symbol, "N", [&left, &right]);
            sum(left, right)
        }
    };
    parser.close_around(around)?;
    Ok(Action { path, change: Change::Set(expression) })
}

fn remove(parser: &mut Parser<'_>) -> Result<Action, Fault> {
    Ok(Action { path: parser.path()?, change: Change::Remove })
}

fn add(parser: &mut Parser<'_>) -> Result<Action, Fault> {
    let (path, value) = (parser.path()?, parser.value()?);
    if !matches!(*value, Value::N(_)) {
        check_set(parser, "ADD", &value);
    }
    Ok(Action { path, change: Change::Add(value) })
}

fn delete(parser: &mut Parser<'_>) -> Result<Action, Fault> {
    let (path, value) = (parser.path()?, parser.value()?);
    check_set(parser, "DELETE", &value);
    Ok(Action { path, change: Change::Delete(value) })
}

fn check_set(parser: &mut Parser<'_>, section: &str, value: &Value) {
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
    parser.faults.note(Rank::OperandType, || {
        format!(
            "Incorrect operand type for operator or function; operator: {section}, operand type: \
             {kind}, typeSet: ALLOWED_FOR_{section}_OPERAND"
        )
    });
}

/// A path, a value or a call, which parentheses may surround; `depth` counts the calls around it.
fn expression(parser: &mut Parser<'_>, depth: usize) -> Result<Expression, Fault> {
    let around = parser.open_around();
    let expression = if parser.peek().kind == Kind::ValueRef {
        Expression::Operand(Operand::Value(parser.value()?))
    } else if parser.at_function() {
        function(parser, depth)?
    } else {
        Expression::Operand(Operand::Path(parser.path()?))
    };
    parser.close_around(around)?;
    Ok(expression)
}

fn operand(parser: &mut Parser<'_>, depth: usize) -> Result<Operand, Fault> {
    let expression = expression(parser, depth)?;
    Ok(operand_of(parser, expression))
}

/// The operand that an expression is; `list_append` only stands alone.
fn operand_of(parser: &mut Parser<'_>, expression: Expression) -> Operand {
    match expression {
        Expression::Operand(operand) => operand,
        _ => {
            parser.misused_function("list_append");
            nothing()
        }
    }
}

fn function(parser: &mut Parser<'_>, depth: usize) -> Result<Expression, Fault> {
    let name = parser.next().text;
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
        ("if_not_exists", Some([first, default])) => {
            Expression::Operand(if_not_exists(parser, first, default))
        }
        ("list_append", Some([first, second])) => {
            check_types(parser, name, "L", [&first, &second]);
            Expression::Append(first, second)
        }
        ("if_not_exists" | "list_append", None) => {
            parser.wrong_operand_count(name, count);
            Expression::Operand(nothing())
        }
        _ => {
            parser.unknown_function(name, "an update");
            Expression::Operand(nothing())
        }
    })
}

fn if_not_exists(parser: &mut Parser<'_>, first: Operand, default: Operand) -> Operand {
    let Operand::Path(path) = first else {
        parser.path_required("if_not_exists");
        return nothing();
    };
    if matches!(&default, Operand::Path(other) if *other == path) {
        parser.not_distinct("if_not_exists", &path);
    }
    Operand::IfNotExists(path, Box::new(default))
}

/// Operands that are values must have the type `expected`.
fn check_types(parser: &mut Parser<'_>, operator: &str, expected: &str, operands: [&Operand; 2]) {
    for operand in operands {
        if let Operand::Value(value) = operand
            && value.type_name() != expected
        {
            parser.wrong_operand_type(operator, value.type_name());
        }
    }
}

/// Stands in for an operand whose fault is noted.
fn nothing() -> Operand {
    Operand::Value(Value::Null.into())
}
