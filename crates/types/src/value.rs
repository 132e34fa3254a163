//! An attribute value: DynamoDB's ten types.
//!
//! The JSON form (`{"S": "x"}`) belongs to the protocol, the stored form to `item::codec`.

use crate::number::Number;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// Overhead that DynamoDB counts for a list or map.
const COLLECTION_BYTES: usize = 3;
/// Overhead that DynamoDB counts for each element of a list or map.
const ELEMENT_BYTES: usize = 1;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// A string (`S`).
    S(String),
    /// A number (`N`).
    N(Number),
    /// Bytes (`B`).
    B(Bytes),
    /// A truth value (`BOOL`).
    Bool(bool),
    /// The null value (`NULL`).
    Null,
    /// A map (`M`).
    M(BTreeMap<String, Value>),
    /// A list (`L`).
    L(Vec<Value>),
    /// A set of strings (`SS`), never empty.
    Ss(BTreeSet<String>),
    /// A set of numbers (`NS`), never empty.
    Ns(BTreeSet<Number>),
    /// A set of byte strings (`BS`), never empty.
    Bs(BTreeSet<Bytes>),
}

impl Value {
    /// DynamoDB's descriptor of the type: `S`, `N`, `B`, `BOOL`, `NULL`, `M`, `L`, `SS`, `NS`, `BS`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::Bool(_) => "BOOL",
            Self::Null => "NULL",
            Self::M(_) => "M",
            Self::L(_) => "L",
            Self::Ss(_) => "SS",
            Self::Ns(_) => "NS",
            Self::Bs(_) => "BS",
        }
    }

    /// Whether this is a set.
    pub fn is_set(&self) -> bool {
        matches!(self, Self::Ss(_) | Self::Ns(_) | Self::Bs(_))
    }

    /// The size as DynamoDB counts it for item sizes and capacity, without the attribute's name.
    ///
    /// Source: "DynamoDB item sizes and formats" in the DynamoDB Developer Guide.
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::S(text) => text.len(),
            Self::N(number) => number.size_bytes(),
            Self::B(bytes) => bytes.len(),
            Self::Bool(_) | Self::Null => 1,
            Self::M(map) => {
                let element = |(name, value): (&String, &Self)| {
                    ELEMENT_BYTES + name.len() + value.size_bytes()
                };
                COLLECTION_BYTES + map.iter().map(element).sum::<usize>()
            }
            Self::L(list) => {
                let element = |value: &Self| ELEMENT_BYTES + value.size_bytes();
                COLLECTION_BYTES + list.iter().map(element).sum::<usize>()
            }
            Self::Ss(set) => set.iter().map(String::len).sum(),
            Self::Ns(set) => set.iter().map(Number::size_bytes).sum(),
            Self::Bs(set) => set.iter().map(Bytes::len).sum(),
        }
    }

    /// How deep lists and maps are nested: 1 for a value without any, one more for each level of
    /// them, whether there is something inside or not.
    pub fn depth(&self) -> usize {
        let deepest = match self {
            Self::M(map) => map.values().map(Self::depth).max(),
            Self::L(list) => list.iter().map(Self::depth).max(),
            _ => return 1,
        };
        1 + deepest.unwrap_or(1)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::S(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::S(text)
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::N(number)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::N(number.into())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_dynamodbs() {
        let map = |pairs: &[(&str, Value)]| {
            Value::M(pairs.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
        };
        for (value, bytes) in [
            (Value::from("grüße"), 7),
            (Value::from(1234), 3),
            (Value::B(Bytes::from_static(b"\0\x01\x02")), 3),
            (Value::from(true), 1),
            (Value::Null, 1),
            (Value::L(vec![]), 3),
            (Value::L(vec![Value::Null, Value::from("ab")]), 3 + 2 + 3),
            (map(&[]), 3),
            (map(&[("key", Value::from("v")), ("k", Value::L(vec![]))]), 3 + 5 + 5),
            (Value::Ss(["a".into(), "bc".into()].into()), 3),
            (Value::Ns([1.into(), 100.into()].into()), 4),
            (Value::Bs([Bytes::from_static(b"abc")].into()), 3),
        ] {
            assert_eq!(value.size_bytes(), bytes, "{value:?}");
        }
    }

    #[test]
    fn depth_counts_levels() {
        assert_eq!(Value::Null.depth(), 1);
        assert_eq!(Value::L(vec![]).depth(), 2);
        assert_eq!(Value::L(vec![Value::Null]).depth(), 2);
        assert_eq!(Value::L(vec![Value::L(vec![Value::Null]), Value::Null]).depth(), 3);
    }
}
