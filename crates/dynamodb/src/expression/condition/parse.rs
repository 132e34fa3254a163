//! Parsing conditions with an explicit stack of pending operators, so that no nesting of
//! parentheses can exhaust ours.
//!
//! Precedence: comparisons, then NOT, AND, OR. Parentheses may stand around conditions and around
//! operands; which of the two only shows behind them, so both are kept on the same stack.

use super::evaluate;
use super::function::{Term, function};
use super::{Comparator, Op, Operand, Test};
use crate::expression::IN_OPERANDS_MAX;
use crate::expression::fault::{Fault, Rank};
use crate::expression::lexer::Kind;
use crate::expression::parser::Parser;
use base64::Engine;
use std::cmp::Ordering;
use types::Value;

/// What waits for its right side, or for its closing parenthesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pending {
    Or,
    And,
    Not,
    /// An opening parenthesis, at this token.
    Open(usize),
}

#[derive(Default)]
struct Builder {
    program: Vec<Op>,
    pending: Vec<Pending>,
    /// The last pair of parentheses, to notice one around another.
    closed: Option<(usize, usize)>,
}

/// Parses a condition to its postfix program.
pub(super) fn program(parser: &mut Parser<'_>) -> Result<Vec<Op>, Fault> {
    let mut builder = Builder::default();
    loop {
        let term = builder.term(parser)?;
        builder.test(parser, term)?;
        while builder.at_closing(parser) {
            builder.close(parser);
        }
        if parser.eat_keyword("AND") {
            builder.push_operator(parser, Pending::And)?;
        } else if parser.eat_keyword("OR") {
            builder.push_operator(parser, Pending::Or)?;
        } else {
            break;
        }
    }
    builder.reduce(Pending::Or);
    if builder.pending.is_empty() { Ok(builder.program) } else { Err(parser.unexpected()) }
}

impl Builder {
    /// Opening parentheses and NOTs, then an operand or function, then those closing parentheses
    /// that belong around it alone.
    fn term(&mut self, parser: &mut Parser<'_>) -> Result<Term, Fault> {
        loop {
            if parser.peek().is_symbol("(") {
                self.pending.push(Pending::Open(parser.position()));
                parser.next();
            } else if parser.eat_keyword("NOT") {
                parser.count_operator()?;
                self.pending.push(Pending::Not);
            } else {
                break;
            }
        }
        let term = operand_or_function(parser, 0)?;
        if matches!(term, Term::Operand(_) | Term::Size(_)) {
            while matches!(self.pending.last(), Some(Pending::Open(_)))
                && parser.peek().is_symbol(")")
            {
                self.close(parser);
            }
        }
        Ok(term)
    }

    /// What follows a term and makes it a condition.
    fn test(&mut self, parser: &mut Parser<'_>, term: Term) -> Result<(), Fault> {
        let compared = at_comparison(parser);
        match term {
            Term::Call { test, .. } if !compared => self.program.push(Op::Test(test)),
            Term::Size(_) if !compared => parser.misused_function("size"),
            term => {
                let left = operand_of(parser, term);
                let test = comparison(parser, left)?;
                self.program.push(Op::Test(test));
            }
        }
        Ok(())
    }

    fn at_closing(&self, parser: &Parser<'_>) -> bool {
        let open = self.pending.iter().any(|pending| matches!(pending, Pending::Open(_)));
        open && parser.peek().is_symbol(")")
    }

    fn close(&mut self, parser: &mut Parser<'_>) {
        self.reduce(Pending::Or);
        let Some(Pending::Open(open)) = self.pending.pop() else {
            return;
        };
        let close = parser.position();
        parser.next();
        if self.closed == Some((open + 1, close.saturating_sub(1))) {
            parser.redundant_parentheses();
        }
        self.closed = Some((open, close));
    }

    fn push_operator(&mut self, parser: &mut Parser<'_>, operator: Pending) -> Result<(), Fault> {
        parser.count_operator()?;
        self.reduce(operator);
        self.pending.push(operator);
        Ok(())
    }

    /// Applies pending operators that bind at least as tightly as `operator`.
    fn reduce(&mut self, operator: Pending) {
        while let Some(last) = self.pending.last() {
            let op = match last {
                Pending::Not => Op::Not,
                Pending::And => Op::And,
                Pending::Or if operator == Pending::Or => Op::Or,
                Pending::Or | Pending::Open(_) => break,
            };
            self.program.push(op);
            self.pending.pop();
        }
    }
}

/// A path, value, or function call; `depth` counts the calls around it.
pub(super) fn operand_or_function(parser: &mut Parser<'_>, depth: usize) -> Result<Term, Fault> {
    if parser.peek().kind == Kind::ValueRef {
        parser.value().map(|value| Term::Operand(Operand::Value(value)))
    } else if parser.at_function() {
        function(parser, depth)
    } else if parser.at_path() {
        parser.path().map(|path| Term::Operand(Operand::Path(path)))
    } else {
        Err(parser.unexpected())
    }
}

/// An operand, which parentheses may surround.
fn operand(parser: &mut Parser<'_>) -> Result<Operand, Fault> {
    let around = parser.open_around();
    let term = operand_or_function(parser, 0)?;
    parser.close_around(around)?;
    Ok(operand_of(parser, term))
}

/// The operand that a term is; only `size` among the functions is one.
pub(super) fn operand_of(parser: &mut Parser<'_>, term: Term) -> Operand {
    match term {
        Term::Operand(operand) | Term::Size(operand) => operand,
        Term::Call { name, .. } => {
            parser.misused_function(&name);
            Operand::Value(Value::Null.into())
        }
    }
}

fn at_comparison(parser: &Parser<'_>) -> bool {
    let next = parser.peek();
    comparator(parser).is_some() || next.is_keyword("BETWEEN") || next.is_keyword("IN")
}

fn comparator(parser: &Parser<'_>) -> Option<Comparator> {
    let next = parser.peek();
    let found = Comparator::ALL.iter().find(|(symbol, _)| next.is_symbol(symbol));
    found.map(|(_, comparator)| *comparator)
}

/// The rest of a comparison, behind its left operand.
fn comparison(parser: &mut Parser<'_>, left: Operand) -> Result<Test, Fault> {
    if let Some(comparator) = comparator(parser) {
        parser.next();
        parser.count_operator()?;
        let right = operand(parser)?;
        check_compared(parser, &left, comparator, &right);
        return Ok(Test::Compare(left, comparator, right));
    }
    if parser.eat_keyword("BETWEEN") {
        parser.count_operator()?;
        let low = operand(parser)?;
        if !parser.eat_keyword("AND") {
            return Err(parser.unexpected());
        }
        let high = operand(parser)?;
        check_list(parser, "BETWEEN", &left, &[&low, &high]);
        check_ordered(parser, "BETWEEN", &[&left, &low, &high]);
        check_bounds(parser, &low, &high);
        return Ok(Test::Between(left, low, high));
    }
    if parser.eat_keyword("IN") {
        parser.count_operator()?;
        return in_list(parser, left);
    }
    Err(parser.unexpected())
}

fn in_list(parser: &mut Parser<'_>, left: Operand) -> Result<Test, Fault> {
    parser.expect("(")?;
    let mut list = vec![operand(parser)?];
    while parser.eat(",") {
        list.push(operand(parser)?);
    }
    parser.expect(")")?;
    check_list(parser, "IN", &left, &list.iter().collect::<Vec<_>>());
    if list.len() > IN_OPERANDS_MAX {
        parser.faults.note(Rank::Limit, || {
            format!(
                "The IN operator is provided with too many operands; number of operands: {}",
                list.len()
            )
        });
    }
    Ok(Test::In(left, list))
}

fn check_compared(parser: &mut Parser<'_>, left: &Operand, by: Comparator, right: &Operand) {
    check_distinct(parser, by.symbol(), left, right);
    if !matches!(by, Comparator::Equal | Comparator::NotEqual) {
        check_ordered(parser, by.symbol(), &[left, right]);
    }
}

/// Operands of operators that compare must have a type that has an order.
fn check_ordered(parser: &mut Parser<'_>, operator: &str, operands: &[&Operand]) {
    for operand in operands {
        if let Some(kind) = operand.known_type().filter(|kind| !is_ordered(kind)) {
            parser.wrong_operand_type(operator, kind);
        }
    }
}

/// Whether values of this type have an order.
fn is_ordered(kind: &str) -> bool {
    matches!(kind, "S" | "N" | "B")
}

/// A path compared with itself is refused.
pub(super) fn check_distinct(
    parser: &mut Parser<'_>,
    operator: &str,
    left: &Operand,
    right: &Operand,
) {
    if let (Operand::Path(path), true) = (left, left == right) {
        parser.not_distinct(operator, path);
    }
}

fn check_list(parser: &mut Parser<'_>, operator: &str, left: &Operand, rest: &[&Operand]) {
    for operand in rest {
        check_distinct(parser, operator, left, operand);
    }
}

/// The bounds of BETWEEN, if both are values, must be of one type and in order.
fn check_bounds(parser: &mut Parser<'_>, low: &Operand, high: &Operand) {
    let (Operand::Value(low), Operand::Value(high)) = (low, high) else {
        return;
    };
    let requires = if low.type_name() != high.type_name() {
        "same data type for lower and upper bounds"
    } else if evaluate::compare(low, high).is_some_and(Ordering::is_gt) {
        "upper bound to be greater than or equal to lower bound"
    } else {
        return;
    };
    parser.faults.note(Rank::OperandType, || {
        format!(
            "The BETWEEN operator requires {requires}; lower bound operand: AttributeValue: \
             {{{}}}, upper bound operand: AttributeValue: {{{}}}",
            shown(low),
            shown(high)
        )
    });
}

/// A scalar as DynamoDB's messages show it: `S:x`.
fn shown(value: &Value) -> String {
    let content = match value {
        Value::S(text) => text.clone(),
        Value::N(number) => number.to_string(),
        Value::B(bytes) => base64::engine::general_purpose::STANDARD.encode(bytes),
        Value::Bool(truth) => truth.to_string(),
        _ => "…".into(),
    };
    format!("{}:{content}", value.type_name())
}
