//! `KeyConditions`: conditions on the key attributes by name.

use super::RawConditions;
use super::conditions::{Checked, Operator};
use crate::error::ApiError;
use crate::expression::KeyConditionExpression;
use crate::expression::key_condition::{KeyTest, Term};

impl RawConditions {
    /// The key condition that they are.
    ///
    /// # Errors
    /// What DynamoDB refuses.
    pub(crate) fn key_condition(self) -> Result<KeyConditionExpression, ApiError> {
        let terms: Vec<_> = self.checked()?.into_iter().map(term).collect();
        if !(1..=2).contains(&terms.len()) {
            return Err(ApiError::validation("Conditions can be of length 1 or 2 only"));
        }
        Ok(KeyConditionExpression::of(terms))
    }
}

fn term(condition: Checked) -> Term {
    let Checked { attribute, operator, values } = condition;
    let mut values = values.into_iter();
    let test = match (operator, values.next(), values.next()) {
        (Operator::Compare(comparator), Some(value), _) => KeyTest::Compare(comparator, value),
        (Operator::Between, Some(low), Some(high)) => KeyTest::Between(low, high),
        (Operator::BeginsWith, Some(start), _) => KeyTest::BeginsWith(start),
        _ => KeyTest::NotIndexable,
    };
    Term { attribute, test }
}
