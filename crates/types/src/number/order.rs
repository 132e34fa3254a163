//! The numeric order, and bytes that sort in it.
//!
//! Layout: a class byte (negative, zero, positive); for numbers other than zero the base-100
//! exponent of the first pair of digits, the pairs as 1 to 100, and a terminating 0. All bytes
//! after the class are inverted for negative numbers. Written into storage keys: never change it.

use super::Number;
use crate::error::Error;
use std::cmp::Ordering;

const NEGATIVE: u8 = 0x00;
const ZERO: u8 = 0x01;
const POSITIVE: u8 = 0x02;
/// Added to the base-100 exponent (-65 to 62) so that it is a positive byte.
const EXPONENT_BIAS: i32 = 128;
/// Ends the digits; smaller than any pair, so that a number sorts before its extensions.
const END: u8 = 0x00;

/// 38 digits that begin in the middle of a pair fill 20 pairs; class, exponent and end around.
const ENCODED_BYTES_MAX: usize = 23;

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.is_zero(), number.negative) {
            (true, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        };
        sign(self).cmp(&sign(other)).then_with(|| {
            let sizes = self.cmp_size(other);
            if self.negative { sizes.reverse() } else { sizes }
        })
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Number {
    /// Compares distances from zero.
    fn cmp_size(&self, other: &Self) -> Ordering {
        self.magnitude().cmp(&other.magnitude()).then_with(|| {
            // Same first place, so both fit 38 digits when they end in the same place too.
            let shift = |a: i16, b: i16| 10u128.pow(u32::from(a.saturating_sub(b).max(0) as u16));
            let left = self.coefficient * shift(self.exponent, other.exponent);
            let right = other.coefficient * shift(other.exponent, self.exponent);
            left.cmp(&right)
        })
    }

    /// Appends bytes that sort as the numbers do and say themselves where they end.
    pub fn encode_ordered(&self, out: &mut Vec<u8>) {
        if self.is_zero() {
            out.push(ZERO);
            return;
        }
        let first = self.magnitude().div_euclid(2);
        let last = i32::from(self.exponent).div_euclid(2);
        let flip = if self.negative { 0xff } else { 0x00 };
        out.push(if self.negative { NEGATIVE } else { POSITIVE });
        out.push((first + EXPONENT_BIAS) as u8 ^ flip);
        // An odd exponent leaves the last pair half filled: 7·10^1 is the pair 70. Ten times a
        // coefficient of 38 digits exceeds 128 bits, so that pair is split off first.
        let mut rest = self.coefficient;
        let mut pairs = [0u8; ENCODED_BYTES_MAX];
        let mut at = (first - last + 1) as usize;
        let count = at;
        if self.exponent.rem_euclid(2) == 1 {
            at -= 1;
            pairs[at] = (rest % 10) as u8 * 10;
            rest /= 10;
        }
        while at > 0 {
            at -= 1;
            pairs[at] = (rest % 100) as u8;
            rest /= 100;
        }
        out.extend(pairs[..count].iter().map(|pair| (pair + 1) ^ flip));
        out.push(END ^ flip);
    }

    /// Reads a number from the beginning of `bytes`; also returns how many bytes it took.
    ///
    /// # Errors
    /// If the bytes were not written by [`Number::encode_ordered`].
    pub fn decode_ordered(bytes: &[u8]) -> Result<(Self, usize), Error> {
        let damaged = |problem| Error::Damaged { kind: "number", problem };
        let negative = match bytes.first() {
            Some(&ZERO) => return Ok((Self::ZERO, 1)),
            Some(&NEGATIVE) => true,
            Some(&POSITIVE) => false,
            _ => return Err(damaged("unknown class byte")),
        };
        let flip = if negative { 0xff } else { 0x00 };
        let first = i32::from(bytes.get(1).ok_or(damaged("no exponent"))? ^ flip) - EXPONENT_BIAS;
        let pairs = bytes[2..].iter().position(|byte| byte ^ flip == END);
        let pairs = pairs.ok_or(damaged("digits without end"))?;
        let (mut coefficient, mut exponent) = (0u128, (first + 1 - pairs as i32) * 2);
        for (index, byte) in bytes[2..2 + pairs].iter().enumerate() {
            let pair = u128::from((byte ^ flip) - 1);
            if pair > 99 {
                return Err(damaged("a pair of digits above 99"));
            }
            let half = index + 1 == pairs && pair % 10 == 0;
            let (factor, digits) = if half { (10, pair / 10) } else { (100, pair) };
            exponent += i32::from(half);
            coefficient = coefficient
                .checked_mul(factor)
                .and_then(|shifted| shifted.checked_add(digits))
                .ok_or(damaged("too many digits"))?;
        }
        let number = Self::from_parts(negative, coefficient, exponent)
            .map_err(|_| damaged("outside the range of numbers"))?;
        Ok((number, pairs + 3))
    }
}
