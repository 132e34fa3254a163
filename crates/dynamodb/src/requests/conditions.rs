//! The condition of a write, which comes as an expression or as legacy parameters.

use crate::error::ApiError;
use crate::expression::legacy::{Junction, RawConditions, take_junction};
use crate::expression::{Condition, Placeholders};
use crate::params::Params;

/// The parameters of a condition, not yet read.
#[derive(Debug)]
pub(super) struct RawCondition {
    text: Option<String>,
    expected: Option<RawConditions>,
    junction: Option<Junction>,
}

impl RawCondition {
    pub(super) fn take(params: &mut Params) -> Result<Self, ApiError> {
        Ok(Self {
            text: params.string("ConditionExpression")?,
            expected: RawConditions::take_expected(params)?,
            junction: take_junction(params)?,
        })
    }

    /// The expression's parameter, and whether it is present.
    pub(super) fn expression(&self) -> (&'static str, bool) {
        ("ConditionExpression", self.text.is_some())
    }

    /// The legacy parameters, and whether they are present.
    pub(super) fn legacy(&self) -> [(&'static str, bool); 2] {
        [("Expected", self.expected.is_some()), ("ConditionalOperator", self.junction.is_some())]
    }

    pub(super) fn parse(
        self,
        placeholders: &mut Placeholders,
    ) -> Result<Option<Condition>, ApiError> {
        match self.text {
            Some(text) => Condition::parse("ConditionExpression", &text, placeholders).map(Some),
            None => RawConditions::condition(self.expected, self.junction),
        }
    }
}
