use super::*;
use crate::arbitrary::numbers;
use proptest::prelude::*;

fn number(text: &str) -> Number {
    text.parse().unwrap()
}

fn encoded(number: &Number) -> Vec<u8> {
    let mut out = Vec::new();
    number.encode_ordered(&mut out);
    out
}

#[test]
fn text_is_read_and_answered_in_plain_normal_form() {
    for (text, plain) in [
        ("0", "0"),
        ("-0", "0"),
        ("0.000", "0"),
        ("0e500", "0"),
        ("+5", "5"),
        ("007", "7"),
        ("1.50", "1.5"),
        ("-.5", "-0.5"),
        ("5.", "5"),
        ("1e3", "1000"),
        ("1E+3", "1000"),
        ("12.34e1", "123.4"),
        ("123e-5", "0.00123"),
        ("100", "100"),
        ("-0.0010", "-0.001"),
    ] {
        assert_eq!(number(text).to_string(), plain, "{text}");
    }
    assert_eq!(number("1e-130").to_string().len(), 132);
    assert_eq!(number("9.9e125").to_string().len(), 126);
}

#[test]
fn text_that_is_no_number_is_refused() {
    for text in
        ["", " 1", "1 ", "-", "+", ".", "e5", "1e", "1e+", "1.2.3", "0x1", "NaN", "1,5", "١"]
    {
        let error = text.parse::<Number>().unwrap_err();
        assert_eq!(error, Error::NotANumber(text.into()));
    }
}

#[test]
fn numbers_beyond_the_limits_are_refused_each_with_its_own_error() {
    let nines = "9".repeat(38);
    assert_eq!(format!("{nines}e89").parse::<Number>(), Err(Error::NumberOverflow));
    assert!(format!("{nines}e88").parse::<Number>().is_ok());
    assert_eq!("1e126".parse::<Number>(), Err(Error::NumberOverflow));
    assert_eq!("1e-131".parse::<Number>(), Err(Error::NumberUnderflow));
    assert_eq!("1e99999999999999999999".parse::<Number>(), Err(Error::NumberOverflow));
    assert_eq!("-1e-99999999999999999999".parse::<Number>(), Err(Error::NumberUnderflow));
    assert_eq!(format!("1{nines}").parse::<Number>(), Err(Error::NumberTooPrecise));
    let zeros = "0".repeat(60);
    assert_eq!(format!("1{zeros}1").parse::<Number>(), Err(Error::NumberTooPrecise));
    assert_eq!(number(&format!("0.{zeros}1{zeros}")), number("1e-61"));
}

#[test]
fn sizes_are_counted_in_pairs_of_digits() {
    for (text, bytes) in [
        ("0", 1),
        ("1", 2),
        ("-1", 3),
        ("10", 2),
        ("12", 2),
        ("123", 3),
        ("1234", 3),
        ("1.234", 4),
        ("12.34", 3),
        ("100", 2),
        ("0.1", 2),
        ("0.01", 2),
        ("99999999999999999999999999999999999999", 20),
        ("9999999999999999999999999999999999999.9", 21),
    ] {
        assert_eq!(number(text).size_bytes(), bytes, "{text}");
    }
}

#[test]
fn sums_are_exact_or_refused() {
    let sum = |a: &str, b: &str| number(a).checked_add(&number(b));
    assert_eq!(sum("0.1", "0.2"), Ok(number("0.3")));
    assert_eq!(sum("1e125", "-1e125"), Ok(Number::ZERO));
    assert_eq!(sum("1e38", "-1"), Ok(number(&"9".repeat(38))));
    assert_eq!(sum("1e38", "1"), Err(Error::NumberTooPrecise));
    assert_eq!(sum("1e125", "1e-130"), Err(Error::NumberTooPrecise));
    assert_eq!(sum("3e38", "-1"), Err(Error::NumberTooPrecise));
    assert_eq!(sum("9e125", "9e125"), Err(Error::NumberOverflow));
    assert_eq!(sum("1.1e-130", "-1e-130"), Err(Error::NumberUnderflow));
    assert_eq!(number("5").checked_sub(&number("5.5")), Ok(number("-0.5")));
    assert_eq!(number("0").checked_sub(&number("7")), Ok(number("-7")));
    assert_eq!(number("7").checked_sub(&number("0")), Ok(number("7")));
}

#[test]
fn integers_convert() {
    assert_eq!(Number::from(-1200i64).to_string(), "-1200");
    assert_eq!(Number::from(u64::MAX).to_string(), u64::MAX.to_string());
    assert_eq!(Number::from(0), Number::ZERO);
}

#[test]
fn ordered_bytes_of_version_one_stay_readable() {
    for (text, bytes) in [
        ("0", &[1u8][..]),
        ("7", &[2, 128, 8, 0]),
        ("70", &[2, 128, 71, 0]),
        ("123.4", &[2, 129, 2, 24, 41, 0]),
        ("-123.4", &[0, 126, 253, 231, 214, 255]),
        ("1e-130", &[2, 63, 2, 0]),
    ] {
        assert_eq!(encoded(&number(text)), bytes, "{text}");
        assert_eq!(Number::decode_ordered(bytes), Ok((number(text), bytes.len())));
    }
}

#[test]
fn damaged_ordered_bytes_are_refused() {
    for bytes in [&[][..], &[3], &[2], &[2, 128], &[2, 128, 8], &[2, 255, 100, 0]] {
        assert!(Number::decode_ordered(bytes).is_err(), "{bytes:?}");
    }
    let mut endless = vec![2, 128];
    endless.extend([101; 60]);
    endless.push(0);
    assert!(Number::decode_ordered(&endless).is_err());
}

proptest! {
    #[test]
    fn text_round_trips(number in numbers()) {
        prop_assert_eq!(number.to_string().parse::<Number>(), Ok(number));
    }

    #[test]
    fn ordered_bytes_round_trip_with_anything_behind(number in numbers(), tail: Vec<u8>) {
        let mut bytes = encoded(&number);
        let length = bytes.len();
        prop_assert!(length <= 23);
        bytes.extend(tail);
        prop_assert_eq!(Number::decode_ordered(&bytes), Ok((number, length)));
    }

    #[test]
    fn encoded_order_is_number_order(a in numbers(), b in numbers()) {
        prop_assert_eq!(a.cmp(&b), encoded(&a).cmp(&encoded(&b)));
    }

    #[test]
    fn order_agrees_with_subtraction(a in numbers(), b in numbers()) {
        if let Ok(difference) = a.checked_sub(&b) {
            prop_assert_eq!(a.cmp(&b), difference.cmp(&Number::ZERO));
            prop_assert_eq!(difference.checked_add(&b), Ok(a));
        }
    }

    #[test]
    fn small_numbers_behave_as_integers(a in -10_000..10_000i64, b in -10_000..10_000i64) {
        prop_assert_eq!(Number::from(a).cmp(&Number::from(b)), a.cmp(&b));
        prop_assert_eq!(Number::from(a).checked_add(&Number::from(b)), Ok(Number::from(a + b)));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[-+0-9.eE]{0,60}") {
        if let Ok(number) = text.parse::<Number>() {
            prop_assert!(number.digits() <= NUMBER_DIGITS_MAX);
        }
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes: Vec<u8>) {
        let _ = Number::decode_ordered(&bytes);
    }
}
