//! DynamoDB's number: up to 38 significant decimal digits, exact, ±1E-130 to ±9.99…E+125.
//!
//! A coefficient below 10^38 fits `u128`, so sign, coefficient and exponent are the whole type.
//! Numbers are kept in normal form (no trailing zeros in the coefficient, one zero), so that equal
//! numbers are equal structs. It is no general decimal: there is nothing but what expressions need,
//! which is comparison, addition and subtraction, and these are exact or refused.

mod arithmetic;
mod order;
mod text;

use crate::error::Error;
use crate::limits::{NUMBER_DIGITS_MAX, NUMBER_MAGNITUDE_MAX, NUMBER_MAGNITUDE_MIN};

/// 10^38: the first coefficient that is too large.
const COEFFICIENT_END: u128 = 10u128.pow(NUMBER_DIGITS_MAX);

/// A decimal number in normal form: `±coefficient · 10^exponent`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number {
    negative: bool,
    /// Below 10^38 and not divisible by ten; 0 only in zero itself.
    coefficient: u128,
    exponent: i16,
}

impl Number {
    /// Zero.
    pub const ZERO: Self = Self { negative: false, coefficient: 0, exponent: 0 };

    /// The number `±coefficient · 10^exponent`, brought to normal form.
    ///
    /// # Errors
    /// If it has more than 38 significant digits or lies outside DynamoDB's range.
    pub fn from_parts(negative: bool, coefficient: u128, exponent: i32) -> Result<Self, Error> {
        if coefficient == 0 {
            return Ok(Self::ZERO);
        }
        let (coefficient, dropped) = strip_zeros(coefficient);
        if coefficient >= COEFFICIENT_END {
            return Err(Error::NumberTooPrecise);
        }
        let exponent = exponent.saturating_add(dropped as i32);
        let magnitude = exponent.saturating_add(coefficient.ilog10() as i32);
        if magnitude > NUMBER_MAGNITUDE_MAX {
            return Err(Error::NumberOverflow);
        }
        if magnitude < NUMBER_MAGNITUDE_MIN {
            return Err(Error::NumberUnderflow);
        }
        Ok(Self { negative, coefficient, exponent: exponent as i16 })
    }

    /// Sign (true for negative), coefficient and exponent of the normal form.
    pub fn parts(&self) -> (bool, u128, i16) {
        (self.negative, self.coefficient, self.exponent)
    }

    /// Whether this is zero.
    pub fn is_zero(&self) -> bool {
        self.coefficient == 0
    }

    /// How many significant digits there are; none in zero.
    pub fn digits(&self) -> u32 {
        self.coefficient.checked_ilog10().map_or(0, |log| log + 1)
    }

    /// The exponent of the first digit: 0 for 1 to 9.99…; meaningless for zero.
    fn magnitude(&self) -> i32 {
        i32::from(self.exponent) + self.coefficient.checked_ilog10().unwrap_or(0) as i32
    }

    /// What DynamoDB counts for the number: a byte for every two significant digits (pairs lie
    /// on even exponents), one more, and one more for a sign.
    pub fn size_bytes(&self) -> usize {
        if self.is_zero() {
            return 1;
        }
        let first = self.magnitude().div_euclid(2);
        let last = i32::from(self.exponent).div_euclid(2);
        1 + (first - last + 1) as usize + usize::from(self.negative)
    }
}

/// Divides by ten while that leaves no remainder; returns also how often it did.
fn strip_zeros(mut coefficient: u128) -> (u128, u32) {
    let mut dropped = 0;
    // Most coefficients fit 64 bits, where division is an order of magnitude cheaper.
    while let Ok(mut small) = u64::try_from(coefficient) {
        if small == 0 || !small.is_multiple_of(10) {
            return (coefficient, dropped);
        }
        small /= 10;
        coefficient = u128::from(small);
        dropped += 1;
    }
    while coefficient.is_multiple_of(10) {
        coefficient /= 10;
        dropped += 1;
    }
    (coefficient, dropped)
}

macro_rules! from_integer {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Number {
            fn from(value: $integer) -> Self {
                let (coefficient, dropped) = strip_zeros(i128::from(value).unsigned_abs());
                Self { negative: i128::from(value) < 0, coefficient, exponent: dropped as i16 }
            }
        }
    )*};
}
from_integer!(i32, i64, u32, u64);

#[cfg(test)]
mod tests;
