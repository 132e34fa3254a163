//! Attribute values and items as DynamoDB's JSON, written straight into the response.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use std::collections::BTreeMap;
use types::{Item, Value};

/// An item in a response.
pub(crate) struct ItemJson<'a>(pub(crate) &'a Item);

/// An attribute value in an item.
struct ValueJson<'a>(&'a Value);

impl Serialize for ItemJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        attributes(&self.0.0, serializer)
    }
}

fn attributes<S: Serializer>(
    attributes: &BTreeMap<String, Value>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(attributes.iter().map(|(name, value)| (name, ValueJson(value))))
}

impl Serialize for ValueJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        let name = self.0.type_name();
        match self.0 {
            Value::S(text) => map.serialize_entry(name, text)?,
            Value::N(number) => map.serialize_entry(name, &number.to_string())?,
            Value::B(bytes) => map.serialize_entry(name, &BASE64.encode(bytes))?,
            Value::Bool(truth) => map.serialize_entry(name, truth)?,
            Value::Null => map.serialize_entry(name, &true)?,
            Value::M(nested) => map.serialize_entry(name, &Attributes(nested))?,
            Value::L(list) => map.serialize_entry(name, &List(list.iter().map(ValueJson)))?,
            Value::Ss(set) => map.serialize_entry(name, set)?,
            Value::Ns(set) => {
                map.serialize_entry(name, &List(set.iter().map(|number| number.to_string())))?;
            }
            Value::Bs(set) => {
                map.serialize_entry(name, &List(set.iter().map(|bytes| BASE64.encode(bytes))))?;
            }
        }
        map.end()
    }
}

/// The attributes of a map.
struct Attributes<'a>(&'a BTreeMap<String, Value>);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        attributes(self.0, serializer)
    }
}

/// A list whose elements are made while it is written.
struct List<I>(I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for List<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for element in self.0.clone() {
            list.serialize_element(&element)?;
        }
        list.end()
    }
}
