//! Which storage keys a key written as JSON means: an item collection, or one item.

use super::TableDefinition;
use crate::error::ApiError;
use crate::json::decode_item;
use crate::keys;
use crate::params;
use serde_json::Value as Json;
use types::{KeyRange, storage_key};

impl TableDefinition {
    /// The storage keys of the item with this key, or, with the partition key alone, of its collection.
    ///
    /// # Errors
    /// If it is no key of this table.
    pub fn key_range(&self, key: &Json) -> Result<KeyRange, ApiError> {
        let key = decode_item(params::object(key.clone())?)?;
        let collection = self.key_schema.sort.is_some() && key.0.len() == 1;
        if !collection {
            let item = storage_key::encode(self.strategy, &keys::of_key(&self.key_schema, &key)?);
            let mut next = item.to_vec();
            next.push(0);
            return Ok(KeyRange { start: item, end: Some(next.into()) });
        }
        let mut schema = self.key_schema.clone();
        schema.sort = None;
        let key = keys::of_key(&schema, &key)?;
        Ok(storage_key::collection_range(self.strategy, &key.partition))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{refusal, table};
    use serde_json::json;

    #[test]
    fn a_partition_key_is_a_collection_and_both_are_an_item() {
        let table = table();
        let collection = table.key_range(&json!({"p": {"S": "a"}})).unwrap();
        let item = table.key_range(&json!({"p": {"S": "a"}, "s": {"N": "1"}})).unwrap();
        assert!(collection.covers(&item) && !item.covers(&collection));
        assert_eq!(item.end.as_ref().unwrap().len(), item.start.len() + 1);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let table = table();
        for wrong in [json!({"p": {"N": "1"}}), json!({"x": {"S": "a"}}), json!({})] {
            assert!(
                refusal(table.key_range(&wrong)).contains("does not match the schema"),
                "{wrong}"
            );
        }
        assert!(table.key_range(&json!("a")).is_err());
    }
}
