//! Exact addition and subtraction; a result that needs more than 38 digits is refused.

use super::Number;
use crate::error::Error;

impl Number {
    /// `self + other`.
    ///
    /// # Errors
    /// If the exact sum is no DynamoDB number: too many digits, or out of range.
    pub fn checked_add(&self, other: &Self) -> Result<Self, Error> {
        if self.is_zero() {
            return Ok(*other);
        }
        if other.is_zero() {
            return Ok(*self);
        }
        let exponent = self.exponent.min(other.exponent);
        let (left, right) = (self.scaled_to(exponent)?, other.scaled_to(exponent)?);
        let (negative, coefficient) = if self.negative == other.negative {
            (self.negative, left.checked_add(right).ok_or(Error::NumberTooPrecise)?)
        } else if left >= right {
            (self.negative, left - right)
        } else {
            (other.negative, right - left)
        };
        Self::from_parts(negative, coefficient, i32::from(exponent))
    }

    /// `self - other`.
    ///
    /// # Errors
    /// As [`Number::checked_add`].
    pub fn checked_sub(&self, other: &Self) -> Result<Self, Error> {
        self.checked_add(&other.negated())
    }

    fn negated(&self) -> Self {
        Self { negative: !self.negative && !self.is_zero(), ..*self }
    }

    /// The coefficient for a smaller `exponent`.
    ///
    /// If it does not fit 128 bits, no sum of it and a number that ends at `exponent` has 38
    /// digits or fewer: such a sum ends in a digit other than zero and exceeds 2·10^38.
    fn scaled_to(&self, exponent: i16) -> Result<u128, Error> {
        let shift = u32::from(self.exponent.abs_diff(exponent));
        10u128
            .checked_pow(shift)
            .and_then(|factor| self.coefficient.checked_mul(factor))
            .ok_or(Error::NumberTooPrecise)
    }
}
