//! What is wrong with an expression, and which of several faults is reported.
//!
//! DynamoDB reports a syntax error if there is one, otherwise the fault of the highest rank, and
//! of those the first; tests of applications compare the messages, so we do the same.

/// Kinds of faults, those that DynamoDB reports first coming first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Syntax,
    RedundantParentheses,
    UnknownFunction,
    MisusedFunction,
    Reserved,
    DuplicateSection,
    Undefined,
    OperandCount,
    PathOverlap,
    PathConflict,
    Distinct,
    OperandType,
    Limit,
}

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    rank: Rank,
    message: String,
}

impl Fault {
    pub(super) fn new(rank: Rank, message: String) -> Self {
        Self { rank, message }
    }

    pub(super) fn syntax(message: String) -> Self {
        Self::new(Rank::Syntax, message)
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

/// The fault to report of those met so far.
#[derive(Debug, Default)]
pub(super) struct Faults(Option<Fault>);

impl Faults {
    /// Notes a fault that does not stop the parser.
    pub(super) fn note(&mut self, rank: Rank, message: impl FnOnce() -> String) {
        if self.0.as_ref().is_none_or(|known| rank < known.rank) {
            self.0 = Some(Fault::new(rank, message()));
        }
    }

    /// What was noted, as an error.
    pub(super) fn check(self) -> Result<(), Fault> {
        self.0.map_or(Ok(()), Err)
    }
}
