//! Primary keys: their schema, their values, and the order a table keeps them in.

use crate::error::Error;
use crate::item::Item;
use crate::number::Number;
use crate::value::Value;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a table's items are ordered on the key axis, and where boundaries may fall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// By hash of the partition key; boundaries only between hashes.
    #[default]
    Hash,
    /// By partition key.
    Range,
    /// By hash of the partition key; boundaries also inside one item collection, by sort key.
    Composite,
}

impl Strategy {
    /// Whether the key axis is ordered by hash: then it is the same for `Hash` and `Composite`.
    pub fn is_hash_order(self) -> bool {
        matches!(self, Self::Hash | Self::Composite)
    }

    /// The name in settings and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Range => "range",
            Self::Composite => "composite",
        }
    }
}

impl std::str::FromStr for Strategy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Hash, Self::Range, Self::Composite];
        let found = all.into_iter().find(|strategy| strategy.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is none of hash, range and composite"))
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The types a key attribute may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyType {
    /// String.
    S,
    /// Number.
    N,
    /// Bytes.
    B,
}

impl KeyType {
    /// DynamoDB's descriptor of the type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::N => "N",
            Self::B => "B",
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One attribute of a primary key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyAttribute {
    /// The attribute's name.
    pub name: String,
    /// The attribute's type.
    pub key_type: KeyType,
}

impl KeyAttribute {
    /// A key attribute.
    pub fn new(name: impl Into<String>, key_type: KeyType) -> Self {
        Self { name: name.into(), key_type }
    }

    /// This attribute's value in `item`.
    fn value_in(&self, item: &Item) -> Result<KeyValue, Error> {
        let value =
            item.get(&self.name).ok_or_else(|| Error::KeyMissing { name: self.name.clone() })?;
        KeyValue::from_value(value).filter(|key| key.key_type() == self.key_type).ok_or_else(|| {
            Error::KeyType {
                name: self.name.clone(),
                expected: self.key_type,
                actual: value.type_name(),
            }
        })
    }
}

/// Which attributes are a table's primary key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeySchema {
    /// The partition key.
    pub partition: KeyAttribute,
    /// The sort key, if the table has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<KeyAttribute>,
}

impl KeySchema {
    /// The key attributes, the partition key first.
    pub fn attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        std::iter::once(&self.partition).chain(&self.sort)
    }

    /// Whether `name` is one of the key attributes.
    pub fn is_key(&self, name: &str) -> bool {
        self.attributes().any(|attribute| attribute.name == name)
    }

    /// The primary key of `item`, which may have more attributes.
    ///
    /// # Errors
    /// If a key attribute is missing or has another type.
    pub fn key_of(&self, item: &Item) -> Result<PrimaryKey, Error> {
        let partition = self.partition.value_in(item)?;
        let sort = self.sort.as_ref().map(|sort| sort.value_in(item)).transpose()?;
        Ok(PrimaryKey { partition, sort })
    }

    /// An item that has only `key`: what DynamoDB calls a `Key`.
    pub fn item_of(&self, key: &PrimaryKey) -> Item {
        let mut item = Item::new();
        item.0.insert(self.partition.name.clone(), key.partition.to_value());
        if let (Some(attribute), Some(sort)) = (&self.sort, &key.sort) {
            item.0.insert(attribute.name.clone(), sort.to_value());
        }
        item
    }
}

/// The value of a key attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyValue {
    /// A string.
    S(String),
    /// A number.
    N(Number),
    /// Bytes.
    B(Bytes),
}

impl KeyValue {
    /// The key value that `value` is, if its type may be a key's.
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::S(text) => Some(Self::S(text.clone())),
            Value::N(number) => Some(Self::N(*number)),
            Value::B(bytes) => Some(Self::B(bytes.clone())),
            _ => None,
        }
    }

    /// The same as an attribute value.
    pub fn to_value(&self) -> Value {
        match self {
            Self::S(text) => Value::S(text.clone()),
            Self::N(number) => Value::N(*number),
            Self::B(bytes) => Value::B(bytes.clone()),
        }
    }

    /// The type.
    pub fn key_type(&self) -> KeyType {
        match self {
            Self::S(_) => KeyType::S,
            Self::N(_) => KeyType::N,
            Self::B(_) => KeyType::B,
        }
    }

    /// The size as DynamoDB counts it, for the limits on keys.
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::S(text) => text.len(),
            Self::N(number) => number.size_bytes(),
            Self::B(bytes) => bytes.len(),
        }
    }
}

/// The primary key of an item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrimaryKey {
    /// The partition key's value.
    pub partition: KeyValue,
    /// The sort key's value, if the table has a sort key.
    pub sort: Option<KeyValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> KeySchema {
        KeySchema {
            partition: KeyAttribute::new("p", KeyType::S),
            sort: Some(KeyAttribute::new("s", KeyType::N)),
        }
    }

    #[test]
    fn a_key_is_taken_from_an_item_and_made_one_again() {
        let item = Item::from([("p", Value::from("a")), ("s", 7.into()), ("x", true.into())]);
        let key = schema().key_of(&item).unwrap();
        assert_eq!(key.partition, KeyValue::S("a".into()));
        assert_eq!(key.sort, Some(KeyValue::N(7.into())));
        let only_key = Item::from([("p", Value::from("a")), ("s", 7.into())]);
        assert_eq!(schema().item_of(&key), only_key);
    }

    #[test]
    fn missing_and_mistyped_keys_are_refused() {
        let item = Item::from([("p", Value::from("a")), ("s", "7".into())]);
        let expected = Error::KeyType { name: "s".into(), expected: KeyType::N, actual: "S" };
        assert_eq!(schema().key_of(&item), Err(expected));
        let missing = Error::KeyMissing { name: "p".into() };
        assert_eq!(schema().key_of(&Item::from([("s", 7)])), Err(missing));
    }
}
