//! The limits of DynamoDB's data model, by name.
//!
//! Source: "Service, account, and table quotas in Amazon DynamoDB" and "Supported data types and
//! naming rules" in the DynamoDB Developer Guide. Limits of requests (page sizes, batch sizes,
//! expression lengths) belong to the protocol and live in crate `dynamodb`.

/// Largest item, names and values together.
pub const ITEM_BYTES_MAX: usize = 400 * 1024;
/// Longest partition key value.
pub const PARTITION_KEY_BYTES_MAX: usize = 2048;
/// Longest sort key value.
pub const SORT_KEY_BYTES_MAX: usize = 1024;
/// Longest name of an attribute.
pub const ATTRIBUTE_NAME_BYTES_MAX: usize = 65_535;
/// Longest name of a key attribute.
pub const KEY_NAME_BYTES_MAX: usize = 255;
/// Deepest nesting of lists and maps, as `Value::depth` counts.
pub const NESTING_DEPTH_MAX: usize = 32;
/// Most significant decimal digits of a number.
pub const NUMBER_DIGITS_MAX: u32 = 38;
/// Largest exponent of a number's first digit: 9.99…E+125 is the largest number.
pub const NUMBER_MAGNITUDE_MAX: i32 = 125;
/// Smallest exponent of a number's first digit: 1E-130 is the smallest positive number.
pub const NUMBER_MAGNITUDE_MIN: i32 = -130;
/// Bytes that one read unit pays for.
pub const READ_UNIT_BYTES: usize = 4096;
/// Bytes that one write unit pays for.
pub const WRITE_UNIT_BYTES: usize = 1024;
