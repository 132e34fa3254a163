//! What can be wrong with a value, a key or a stored record.

/// The one error type of this crate.
///
/// The texts about numbers are DynamoDB's own: the protocol passes them on unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is no decimal number.
    #[error("The parameter cannot be converted to a numeric value: {0}")]
    NotANumber(String),
    /// More than 38 significant digits.
    #[error("Attempting to store more than 38 significant digits in a Number")]
    NumberTooPrecise,
    /// Beyond ±9.99…E+125.
    #[error(
        "Number overflow. Attempting to store a number with magnitude larger than supported range"
    )]
    NumberOverflow,
    /// Closer to zero than ±1E-130, but not zero.
    #[error(
        "Number underflow. Attempting to store a number with magnitude smaller than supported range"
    )]
    NumberUnderflow,
    /// An item lacks an attribute of its primary key.
    #[error("the key attribute {name} is missing")]
    KeyMissing {
        /// The attribute's name.
        name: String,
    },
    /// A key attribute has a type other than the schema's.
    #[error("the key attribute {name} must have type {expected}, not {actual}")]
    KeyType {
        /// The attribute's name.
        name: String,
        /// The type in the key schema.
        expected: crate::KeyType,
        /// The type descriptor of the value given.
        actual: &'static str,
    },
    /// Stored bytes are a record of another kind.
    #[error("this is no {expected}: its first byte is {found:#04x}")]
    RecordKind {
        /// The kind that was expected.
        expected: &'static str,
        /// The tag that was found.
        found: u8,
    },
    /// Stored bytes were written by a later version than this one.
    #[error("this {kind} has version {version}; this program reads versions up to {newest}")]
    RecordVersion {
        /// The kind of record.
        kind: &'static str,
        /// The version found.
        version: u8,
        /// The newest version that can be read.
        newest: u8,
    },
    /// Stored bytes do not decode: they were damaged, or are something else.
    #[error("damaged {kind}: {problem}")]
    Damaged {
        /// The kind of record.
        kind: &'static str,
        /// What does not fit.
        problem: &'static str,
    },
}
