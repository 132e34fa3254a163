//! What the parsers of all expressions share: the cursor, paths, and placeholders.

use super::OPERATORS_MAX;
use super::fault::{Fault, Faults, Rank};
use super::lexer::{self, Kind, Token};
use super::path::{PATH_STEPS_MAX, Path, Step};
use super::placeholders::Placeholders;
use super::reserved::is_reserved;
use crate::error::ApiError;
use std::sync::Arc;
use types::Value;

/// The functions of all kinds of expressions.
const FUNCTIONS: [&str; 8] = [
    "attribute_exists",
    "attribute_not_exists",
    "attribute_type",
    "begins_with",
    "contains",
    "if_not_exists",
    "list_append",
    "size",
];

/// A position in an expression, and what was found wrong so far.
pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
    operators: usize,
    placeholders: &'a mut Placeholders,
    pub(super) faults: Faults,
}

/// Parses the whole of `text` with `parse`; `parameter` is the expression's name in messages.
pub(super) fn parse<T>(
    parameter: &str,
    text: &str,
    placeholders: &mut Placeholders,
    parse: impl FnOnce(&mut Parser<'_>) -> Result<T, Fault>,
) -> Result<T, ApiError> {
    let whole = || {
        if text.is_empty() {
            return Err(Fault::syntax("The expression can not be empty;".into()));
        }
        let tokens = lexer::tokens(text)?;
        let faults = Faults::default();
        let mut parser = Parser { text, tokens, at: 0, operators: 0, placeholders, faults };
        let parsed = parse(&mut parser)?;
        if parser.peek().kind != Kind::End {
            return Err(parser.unexpected());
        }
        parser.faults.check()?;
        Ok(parsed)
    };
    whole().map_err(|fault: Fault| {
        ApiError::validation(format!("Invalid {parameter}: {}", fault.message()))
    })
}

impl<'a> Parser<'a> {
    pub(super) fn peek(&self) -> Token<'a> {
        self.tokens[self.at]
    }

    /// The token behind the next one.
    pub(super) fn peek_second(&self) -> Token<'a> {
        self.tokens[(self.at + 1).min(self.tokens.len() - 1)]
    }

    /// How many tokens were taken: where the next one stands.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    /// Takes the next token if it is `symbol`.
    pub(super) fn eat(&mut self, symbol: &str) -> bool {
        let found = self.peek().is_symbol(symbol);
        if found {
            self.next();
        }
        found
    }

    /// Takes the next token if it is `keyword`.
    pub(super) fn eat_keyword(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_keyword(keyword);
        if found {
            self.next();
        }
        found
    }

    pub(super) fn expect(&mut self, symbol: &str) -> Result<(), Fault> {
        if self.eat(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The complaint about the next token.
    pub(super) fn unexpected(&self) -> Fault {
        lexer::syntax_error(self.text, &self.tokens, self.at)
    }

    /// Counts an operator; functions are none.
    pub(super) fn count_operator(&mut self) -> Result<(), Fault> {
        self.operators += 1;
        if self.operators > OPERATORS_MAX {
            return Err(Fault::new(
                Rank::Limit,
                format!(
                    "The expression contains too many operators; operator count: {}",
                    self.operators
                ),
            ));
        }
        Ok(())
    }

    /// Whether a function call comes next.
    pub(super) fn at_function(&self) -> bool {
        self.peek().kind == Kind::Word && self.peek_second().is_symbol("(")
    }

    /// Whether a path can come next.
    pub(super) fn at_path(&self) -> bool {
        matches!(self.peek().kind, Kind::NameRef | Kind::Word)
    }

    /// `name ( "." name | "[" index "]" )*`
    pub(super) fn path(&mut self) -> Result<Path, Fault> {
        let mut path = Path { attribute: self.name()?, steps: Vec::new() };
        loop {
            if self.eat(".") {
                path.steps.push(Step::Key(self.name()?));
            } else if self.peek().is_symbol("[") {
                self.next();
                path.steps.push(Step::Index(self.index()?));
                self.expect("]")?;
            } else {
                break;
            }
        }
        let levels = path.steps.len() + 1;
        if levels > PATH_STEPS_MAX {
            self.faults.note(Rank::Limit, || {
                format!("The document path has too many nesting levels; nesting levels: {levels}")
            });
        }
        Ok(path)
    }

    fn name(&mut self) -> Result<String, Fault> {
        let token = self.peek();
        match token.kind {
            Kind::Word => {
                self.next();
                if is_reserved(token.text) {
                    self.faults.note(Rank::Reserved, || {
                        format!(
                            "Attribute name is a reserved keyword; reserved keyword: {}",
                            token.text
                        )
                    });
                }
                Ok(token.text.to_owned())
            }
            Kind::NameRef => {
                self.next();
                let name = self.placeholders.name(token.text);
                if name.is_none() {
                    self.faults.note(Rank::Undefined, || {
                        format!(
                            "An expression attribute name used in the document path is not \
                             defined; attribute name: {}",
                            token.text
                        )
                    });
                }
                Ok(name.unwrap_or_default())
            }
            _ => Err(self.unexpected()),
        }
    }

    fn index(&mut self) -> Result<usize, Fault> {
        let token = self.peek();
        if token.kind != Kind::Integer {
            return Err(self.unexpected());
        }
        self.next();
        match token.text.parse::<u32>() {
            Ok(index) => Ok(index as usize),
            Err(_) => Err(Fault::new(
                Rank::Limit,
                format!("List index is not within the allowable range; index: [{}]", token.text),
            )),
        }
    }

    /// `:value`; null if it is not defined, which is noted.
    pub(super) fn value(&mut self) -> Result<Arc<Value>, Fault> {
        let token = self.peek();
        if token.kind != Kind::ValueRef {
            return Err(self.unexpected());
        }
        self.next();
        let value = self.placeholders.value(token.text);
        if value.is_none() {
            self.faults.note(Rank::Undefined, || {
                format!(
                    "An expression attribute value used in expression is not defined; attribute \
                     value: {}",
                    token.text
                )
            });
        }
        Ok(value.unwrap_or_else(|| Arc::new(Value::Null)))
    }

    /// Takes opening parentheses around a single operand; closes them with `close_around`.
    pub(super) fn open_around(&mut self) -> usize {
        let mut count = 0;
        while self.eat("(") {
            count += 1;
        }
        count
    }

    /// Takes the closing parentheses of `open_around`. More than one pair is redundant.
    pub(super) fn close_around(&mut self, count: usize) -> Result<(), Fault> {
        for _ in 0..count {
            self.expect(")")?;
        }
        if count > 1 {
            self.redundant_parentheses();
        }
        Ok(())
    }

    /// How many of the opening parentheses that come next enclose a whole sum.
    pub(super) fn parentheses_around_sum(&self) -> usize {
        let mut depth = 0_usize;
        for token in &self.tokens[self.at..] {
            if token.is_symbol("(") {
                depth += 1;
            } else if token.is_symbol("+") || token.is_symbol("-") {
                return depth;
            } else if token.is_symbol(")") {
                // One that closes nothing is a syntax error, which is for others to find.
                depth = depth.saturating_sub(1);
            }
            if depth == 0 {
                break;
            }
        }
        0
    }

    /// Takes `count` opening parentheses, which are there.
    pub(super) fn open(&mut self, count: usize) {
        self.at += count;
    }

    pub(super) fn redundant_parentheses(&mut self) {
        self.faults.note(Rank::RedundantParentheses, || {
            "The expression has redundant parentheses;".into()
        });
    }

    pub(super) fn wrong_operand_count(&mut self, function: &str, count: usize) {
        self.faults.note(Rank::OperandCount, || {
            format!(
                "Incorrect number of operands for operator or function; \
                 operator or function: {function}, number of operands: {count}"
            )
        });
    }

    pub(super) fn wrong_operand_type(&mut self, operator: &str, kind: &str) {
        self.faults.note(Rank::OperandType, || {
            format!(
                "Incorrect operand type for operator or function; operator or function: \
                 {operator}, operand type: {kind}"
            )
        });
    }

    pub(super) fn path_required(&mut self, function: &str) {
        self.faults.note(Rank::OperandType, || {
            format!(
                "Operator or function requires a document path; operator or function: {function}"
            )
        });
    }

    /// The complaint about a function that `kind` of expression does not have.
    pub(super) fn unknown_function(&mut self, name: &str, kind: &str) {
        self.faults.note(Rank::UnknownFunction, || {
            if FUNCTIONS.contains(&name) {
                format!("The function is not allowed in {kind} expression; function: {name}")
            } else {
                format!("Invalid function name; function: {name}")
            }
        });
    }

    pub(super) fn misused_function(&mut self, name: &str) {
        self.faults.note(Rank::MisusedFunction, || {
            format!(
                "The function is not allowed to be used this way in an expression; function: {name}"
            )
        });
    }

    /// The complaint about `path` standing for two operands of one operator.
    pub(super) fn not_distinct(&mut self, operator: &str, path: &Path) {
        self.faults.note(Rank::Distinct, || {
            format!(
                "The first operand must be distinct from the remaining operands for this operator \
                 or function; operator: {operator}, first operand: {path}"
            )
        });
    }
}
