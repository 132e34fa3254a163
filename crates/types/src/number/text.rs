//! Numbers as text: what DynamoDB accepts, and the plain form in which it answers.

use super::Number;
use crate::error::Error;
use crate::limits::NUMBER_DIGITS_MAX;
use std::fmt;
use std::str::FromStr;

/// Exponents beyond this overflow or underflow whatever the digits are, so it is safe to stop
/// counting here.
const EXPONENT_CAP: i64 = 1 << 24;

impl FromStr for Number {
    type Err = Error;

    /// Reads `[+-]digits[.digits][e[+-]digits]`; a digit must stand on one side of the point.
    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = || Error::NotANumber(text.to_owned());
        let (negative, unsigned) = split_sign(text);
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], parse_exponent(&unsigned[at + 1..]).ok_or_else(refused)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = || whole.bytes().chain(fraction.bytes());
        if whole.len() + fraction.len() == 0 || !digits().all(|byte| byte.is_ascii_digit()) {
            return Err(refused());
        }
        let significant = Significant::collect(digits())?;
        // The last significant digit's place, counted from the point.
        let places = significant.trailing_zeros as i64 - fraction.len() as i64;
        let exponent = (exponent + places).clamp(-EXPONENT_CAP, EXPONENT_CAP);
        Number::from_parts(negative, significant.coefficient, exponent as i32)
    }
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn parse_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits
        .bytes()
        .fold(0i64, |sum, byte| (sum * 10 + i64::from(byte - b'0')).min(EXPONENT_CAP));
    Some(if negative { -size } else { size })
}

/// The digits between the first and the last that is not zero.
struct Significant {
    coefficient: u128,
    trailing_zeros: usize,
}

impl Significant {
    fn collect(digits: impl Iterator<Item = u8>) -> Result<Self, Error> {
        let mut coefficient = 0u128;
        let mut count = 0;
        let mut zeros = 0usize;
        for digit in digits {
            if digit == b'0' {
                zeros += 1;
                continue;
            }
            // Zeros count once a digit follows them, and only after the first digit.
            let taken = if count == 0 { 0 } else { zeros };
            count += taken + 1;
            if count > NUMBER_DIGITS_MAX as usize {
                return Err(Error::NumberTooPrecise);
            }
            coefficient = coefficient * 10u128.pow(taken as u32 + 1) + u128::from(digit - b'0');
            zeros = 0;
        }
        Ok(Self { coefficient, trailing_zeros: zeros })
    }
}

/// Plain notation without exponent, as DynamoDB answers: `1E+3` comes back as `1000`.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.coefficient.to_string();
        let exponent = i32::from(self.exponent);
        let mut text = String::with_capacity(digits.len() + exponent.unsigned_abs() as usize + 3);
        if self.negative {
            text.push('-');
        }
        let point = digits.len() as i32 + exponent;
        if exponent >= 0 {
            text.push_str(&digits);
            text.extend(std::iter::repeat_n('0', exponent as usize));
        } else if point > 0 {
            text.push_str(&digits[..point as usize]);
            text.push('.');
            text.push_str(&digits[point as usize..]);
        } else {
            text.push_str("0.");
            text.extend(std::iter::repeat_n('0', point.unsigned_abs() as usize));
            text.push_str(&digits);
        }
        f.write_str(&text)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
