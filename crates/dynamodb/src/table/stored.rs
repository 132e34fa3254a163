//! A table's definition as the catalog keeps it: JSON with a version.
//!
//! Version 1 had no `version` member, no class and no times of changes. Version 3 may say that the table's past is
//! kept, and what it was restored from. A
//! definition of a later version is refused rather than read in part: what this build does not
//! know of would be lost at the next change.

use super::{FAN_OUT, RANGE_QUERIES_TAG, STRATEGY_TAG, TableDefinition};
use serde_json::{Value as Json, json};
use types::Strategy;

/// The version that is written.
const VERSION: u64 = 3;

/// Why a stored definition cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableDefinition {
    /// It was written by a later version of this program.
    #[error("it has version {0}, and this program knows versions up to {VERSION}")]
    Later(u64),
    /// It is not what a definition is.
    #[error(transparent)]
    Malformed(#[from] serde_json::Error),
}

impl TableDefinition {
    /// What the catalog stores.
    pub fn to_stored(&self) -> Json {
        let mut stored = serde_json::to_value(self).expect("a definition has text keys only");
        stored["version"] = json!(VERSION);
        stored
    }

    /// What the catalog has stored, also by earlier versions.
    ///
    /// # Errors
    /// If it is none, or of a later version.
    pub fn from_stored(stored: &Json) -> Result<Self, UnreadableDefinition> {
        match stored.get("version").map_or(Some(1), Json::as_u64) {
            Some(version) if version > VERSION => Err(UnreadableDefinition::Later(version)),
            _ => Ok(serde_json::from_value(stored.clone())?),
        }
    }
}

/// Who wants a table to have a strategy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChosenBy {
    /// Its owner, or an operator for them: the tag says so from then on.
    #[default]
    Owner,
    /// The service by itself, for a table that has no tag; it gets none.
    Service,
}

/// A stored definition with another strategy: what else it says, and what this build does not know of,
/// stays. What the owner has chosen is said by the tag of the strategy, also if there was none.
pub fn with_strategy(stored: &Json, strategy: Strategy, by: ChosenBy) -> Json {
    let mut changed = stored.clone();
    changed["strategy"] = json!(strategy);
    if by == ChosenBy::Owner && !changed["tags"].is_array() {
        changed["tags"] = json!([]);
    }
    if let Some(tags) = changed.get_mut("tags").and_then(Json::as_array_mut) {
        match tags.iter_mut().find(|tag| tag["Key"] == STRATEGY_TAG) {
            Some(tag) => tag["Value"] = json!(strategy.as_str()),
            None if by == ChosenBy::Service => {}
            None => tags.push(json!({"Key": STRATEGY_TAG, "Value": strategy.as_str()})),
        }
    }
    changed
}

/// Whether the table's owner has chosen its strategy.
pub fn has_chosen_strategy(stored: &Json) -> bool {
    tags(stored).any(|tag| tag["Key"] == STRATEGY_TAG)
}

/// Whether the table answers queries over a range of partition keys in hash order, too.
pub fn allows_fan_out(stored: &Json) -> bool {
    tags(stored).any(|tag| tag["Key"] == RANGE_QUERIES_TAG && tag["Value"] == FAN_OUT)
}

fn tags(stored: &Json) -> impl Iterator<Item = &Json> {
    stored["tags"].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Billing, Changes, PointInTime, Restored, Tag, WarmThroughput};
    use crate::{TableClass, testing};
    use proptest::prelude::{Strategy as Draw, *};
    use types::Strategy as Order;

    /// Definitions with everything that changes in a table's life.
    fn definitions() -> impl Draw<Value = TableDefinition> {
        let rates = (0..u64::MAX, 0..u64::MAX);
        let times = prop::option::of(any::<i64>());
        (
            prop::option::of(rates.clone()),
            prop::option::of(rates),
            any::<bool>(),
            prop::collection::vec((".*", ".*"), 0..3),
            prop::option::of(prop::sample::select(vec![
                TableClass::Standard,
                TableClass::InfrequentAccess,
            ])),
            (times.clone(), times.clone(), times.clone(), times),
            prop::option::of((any::<i64>(), 1u32..36)),
            prop::option::of((".*", prop::option::of(".*"), any::<i64>())),
        )
            .prop_map(
                |(rates, warm, deletion_protection, tags, class, times, kept, restored)| {
                    let rates = rates.map(|(read_units, write_units)| Billing::Provisioned {
                        read_units,
                        write_units,
                    });
                    let warm = warm.map(|(read_units, write_units)| WarmThroughput {
                        read_units,
                        write_units,
                    });
                    let (on_demand_ms, increase_ms, decrease_ms, class_ms) = times;
                    TableDefinition {
                        billing: rates.unwrap_or(Billing::PayPerRequest),
                        warm_throughput: warm,
                        deletion_protection,
                        tags: tags.into_iter().map(|(key, value)| Tag { key, value }).collect(),
                        class,
                        changes: Changes { on_demand_ms, increase_ms, decrease_ms, class_ms },
                        point_in_time: kept.map(|(since_ms, days)| PointInTime { since_ms, days }),
                        restored: restored.map(|(table_arn, backup_arn, instant_ms)| Restored {
                            table_arn,
                            backup_arn,
                            instant_ms,
                        }),
                        ..testing::table()
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn definitions_round_trip(table in definitions()) {
            let text = table.to_stored().to_string();
            let stored = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(TableDefinition::from_stored(&stored).unwrap(), table);
        }
    }

    fn fixture(text: &str) -> TableDefinition {
        TableDefinition::from_stored(&serde_json::from_str(text).unwrap()).unwrap()
    }

    #[test]
    fn a_definition_of_version_1_stays_readable() {
        let table = fixture(include_str!("../../fixtures/table_definition_1.json"));
        assert_eq!(table.billing, Billing::Provisioned { read_units: 5, write_units: 6 });
        assert_eq!(table.strategy, Order::Range);
        assert_eq!((table.class, table.changes), (None, Changes::default()));
    }

    #[test]
    fn a_definition_of_version_2_stays_readable() {
        let table = fixture(include_str!("../../fixtures/table_definition_2.json"));
        assert_eq!(table.class, Some(TableClass::InfrequentAccess));
        assert_eq!(table.changes.on_demand_ms, Some(1_700_000_000_500));
        assert_eq!(table.tags.len(), 1);
    }

    #[test]
    fn a_definition_of_version_3_stays_readable() {
        let table = fixture(include_str!("../../fixtures/table_definition_3.json"));
        assert_eq!(table.point_in_time, Some(PointInTime { since_ms: 1_700_000_000_600, days: 7 }));
        let restored = table.restored.unwrap();
        assert_eq!(restored.instant_ms, 1_700_000_000_400);
        assert!(restored.backup_arn.unwrap().ends_with("/backup/01700000000300-0000002a"));
    }

    #[test]
    fn another_strategy_is_said_by_the_tag_too_and_changes_nothing_else() {
        let tag = |key: &str, value: &str| Tag { key: key.into(), value: value.into() };
        let tags = vec![tag("a", "range"), tag(STRATEGY_TAG, "hash")];
        let table = TableDefinition { tags, ..testing::table() };
        let mut stored = table.to_stored();
        stored["later"] = json!(1);
        let changed = with_strategy(&stored, Order::Range, ChosenBy::Owner);
        assert_eq!(changed["later"], 1);
        let expected = TableDefinition {
            strategy: Order::Range,
            tags: vec![tag("a", "range"), tag(STRATEGY_TAG, "range")],
            ..table
        };
        assert_eq!(TableDefinition::from_stored(&changed).unwrap(), expected);
    }

    #[test]
    fn another_strategy_is_said_by_a_tag_if_there_was_none() {
        for without in [json!([]), Json::Null] {
            let mut stored = testing::table().to_stored();
            stored["tags"] = without;
            let changed = with_strategy(&stored, Order::Range, ChosenBy::Owner);
            assert!(has_chosen_strategy(&changed) && !has_chosen_strategy(&stored));
            let changed = TableDefinition::from_stored(&changed).unwrap();
            let tag = Tag { key: STRATEGY_TAG.into(), value: "range".into() };
            assert_eq!(changed.tags, [tag]);
        }
    }

    #[test]
    fn what_the_service_chooses_is_nobodys_choice() {
        let stored = testing::table().to_stored();
        let changed = with_strategy(&stored, Order::Range, ChosenBy::Service);
        assert!(!has_chosen_strategy(&changed));
        let expected = TableDefinition { strategy: Order::Range, ..testing::table() };
        assert_eq!(TableDefinition::from_stored(&changed).unwrap(), expected);
    }

    #[test]
    fn only_its_own_value_of_the_tag_allows_to_fan_out() {
        for (value, allowed) in [(FAN_OUT, true), ("no", false)] {
            let tag = Tag { key: RANGE_QUERIES_TAG.into(), value: value.into() };
            let table = TableDefinition { tags: vec![tag], ..testing::table() };
            assert_eq!(allows_fan_out(&table.to_stored()), allowed);
        }
        assert!(!allows_fan_out(&Json::Null));
    }

    #[test]
    fn a_later_version_is_refused() {
        let mut stored = testing::table().to_stored();
        stored["version"] = json!(4);
        let refused = TableDefinition::from_stored(&stored).unwrap_err();
        assert!(refused.to_string().starts_with("it has version 4"), "{refused}");
    }
}
