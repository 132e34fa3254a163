//! The functions of conditions.

use super::parse::{check_distinct, operand_of, operand_or_function};
use super::{Operand, Test, evaluate};
use crate::expression::fault::{Fault, Rank};
use crate::expression::parser::Parser;
use crate::expression::path::Path;
use std::sync::Arc;
use types::{Number, Value};

/// Calls inside calls are wrong from the second level on; this bounds the search for the error
/// that DynamoDB would report.
const CALL_DEPTH_MAX: usize = 8;

/// In the order of DynamoDB's message.
const TYPES: [&str; 10] = ["B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M"];

/// What a condition begins with.
pub(super) enum Term {
    Operand(Operand),
    /// A call of `size`, which is an operand but not a condition.
    Size(Operand),
    /// A call that is a condition by itself.
    Call {
        name: String,
        test: Test,
    },
}

/// Parses a call: `name "(" operand ("," operand)* ")"`.
pub(super) fn function(parser: &mut Parser<'_>, depth: usize) -> Result<Term, Fault> {
    let name = parser.next().text.to_owned();
    if depth >= CALL_DEPTH_MAX {
        return Err(Fault::new(
            Rank::MisusedFunction,
            format!(
                "The function is not allowed to be used this way in an expression; function: {name}"
            ),
        ));
    }
    parser.expect("(")?;
    let mut operands = Vec::new();
    loop {
        let around = parser.open_around();
        let term = operand_or_function(parser, depth + 1)?;
        parser.close_around(around)?;
        operands.push(operand_of(parser, term));
        if !parser.eat(",") {
            break;
        }
    }
    parser.expect(")")?;
    Ok(call(parser, name, &operands))
}

fn call(parser: &mut Parser<'_>, name: String, operands: &[Operand]) -> Term {
    let wrong_count = |parser: &mut Parser<'_>| {
        parser.wrong_operand_count(&name, operands.len());
        nothing()
    };
    let test = match (name.as_str(), operands) {
        ("size", [operand]) => return Term::Size(size(parser, operand)),
        ("size", _) => {
            parser.wrong_operand_count(&name, operands.len());
            return Term::Size(Operand::Value(Value::Null.into()));
        }
        ("attribute_exists", [operand]) => Test::Exists(path(parser, &name, operand)),
        ("attribute_not_exists", [operand]) => Test::NotExists(path(parser, &name, operand)),
        ("attribute_type", [operand, kind]) => attribute_type(parser, operand, kind),
        ("begins_with", [operand, start]) => begins_with(parser, operand, start),
        ("contains", [operand, element]) => {
            check_distinct(parser, "contains", operand, element);
            Test::Contains(operand.clone(), element.clone())
        }
        (
            "attribute_exists"
            | "attribute_not_exists"
            | "attribute_type"
            | "begins_with"
            | "contains",
            _,
        ) => wrong_count(parser),
        _ => {
            parser.unknown_function(&name, "a condition");
            nothing()
        }
    };
    Term::Call { name, test }
}

/// Stands in for a test whose fault is noted.
fn nothing() -> Test {
    Test::In(Operand::Value(Value::Null.into()), Vec::new())
}

fn path(parser: &mut Parser<'_>, function: &str, operand: &Operand) -> Path {
    match operand {
        Operand::Path(path) => path.clone(),
        _ => {
            parser.path_required(function);
            Path { attribute: String::new(), steps: Vec::new() }
        }
    }
}

fn size(parser: &mut Parser<'_>, operand: &Operand) -> Operand {
    match operand {
        Operand::Path(path) => Operand::Size(path.clone()),
        other => {
            let size = match other {
                Operand::Value(value) => evaluate::size(value),
                _ => None,
            };
            if size.is_none() {
                let kind = other.known_type().unwrap_or_default();
                parser.wrong_operand_type("size", kind);
            }
            Operand::Value(Arc::new(Value::N(size.unwrap_or(Number::ZERO))))
        }
    }
}

fn attribute_type(parser: &mut Parser<'_>, operand: &Operand, kind: &Operand) -> Test {
    let name = match kind {
        Operand::Value(value) => match &**value {
            Value::S(name) => name.clone(),
            other => {
                parser.wrong_operand_type("attribute_type", other.type_name());
                return nothing();
            }
        },
        _ => {
            parser.wrong_operand_type("attribute_type", "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}");
            return nothing();
        }
    };
    if !TYPES.contains(&name.as_str()) {
        parser.faults.note(Rank::OperandType, || {
            let types = TYPES.join(",");
            format!("Invalid attribute type name found; type: {name}, valid types: {{{types}}}")
        });
    }
    Test::HasType(operand.clone(), name)
}

fn begins_with(parser: &mut Parser<'_>, operand: &Operand, start: &Operand) -> Test {
    check_distinct(parser, "begins_with", operand, start);
    for operand in [operand, start] {
        if let Some(kind) = operand.known_type().filter(|kind| !matches!(*kind, "S" | "B")) {
            parser.wrong_operand_type("begins_with", kind);
        }
    }
    Test::BeginsWith(operand.clone(), start.clone())
}
