//! What another strategy makes of keys and definitions, for storage, which knows neither.

use bytes::Bytes;
use dynamodb::ChosenBy;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use storage::NewOrder;
use types::{Strategy, storage_key};

/// From one strategy to one with another key order. Kept in the catalog as the rekey's target; who has
/// chosen it is left out where it is the owner, as before there was anybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reordered {
    pub(super) from: Strategy,
    pub(super) to: Strategy,
    #[serde(default)]
    pub(super) by: ChosenBy,
}

impl Reordered {
    pub(super) fn target(self) -> Json {
        let mut target = serde_json::json!({ "from": self.from, "to": self.to });
        if self.by != ChosenBy::Owner {
            target["by"] = serde_json::json!(self.by);
        }
        target
    }

    pub(super) fn from_target(target: &Json) -> Option<Self> {
        serde_json::from_value(target.clone()).ok()
    }
}

impl NewOrder for Reordered {
    fn key(&self, old: &[u8]) -> Result<Bytes, String> {
        let key = storage_key::decode(self.from, old).map_err(|error| error.to_string())?;
        Ok(storage_key::encode(self.to, &key))
    }

    fn definition(&self, old: &Json) -> Json {
        dynamodb::with_strategy(old, self.to, self.by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{KeyValue, PrimaryKey};

    #[test]
    fn there_and_back_is_where_it_was() {
        let key =
            PrimaryKey { partition: KeyValue::S("a".into()), sort: Some(KeyValue::N(7.into())) };
        let by = ChosenBy::Owner;
        let there = Reordered { from: Strategy::Composite, to: Strategy::Range, by };
        let back = Reordered { from: Strategy::Range, to: Strategy::Composite, by };
        let stored = storage_key::encode(Strategy::Composite, &key);
        let ranged = there.key(&stored).unwrap();
        assert_eq!(ranged, storage_key::encode(Strategy::Range, &key));
        assert_eq!(back.key(&ranged).unwrap(), stored);
        assert!(back.key(&stored).is_err(), "a key of another order");
        assert_eq!(there.target(), serde_json::json!({"from": "composite", "to": "range"}));
        for order in [there, Reordered { by: ChosenBy::Service, ..there }] {
            assert_eq!(Reordered::from_target(&order.target()), Some(order));
        }
    }
}
