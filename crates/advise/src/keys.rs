//! Which keys are, or will be, more than one partition serves.
//!
//! One partition serves 1,000 write and 3,000 read units per second whatever the table has, and no
//! split divides a single key. A key's future is its share of the table's forecast: where it is
//! expected to cross, it says so.

use crate::LoadAdvice;
use crate::input::{Keys, Kind};
use serde::Serialize;

/// The most keys that are reported.
const KEYS_MAX: usize = 20;
/// Keys with less than this share are only reported if they are too hot.
const SHARE_MIN: f64 = 0.01;

/// What there is to say about a key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeyAdvice {
    /// Its name.
    pub name: String,
    /// Its share of all units.
    pub share: f64,
    /// Units per second in its busiest period, if periods are known.
    pub peak: Option<f64>,
    /// For which kind its busiest period was more than one partition serves, were it all of that kind.
    pub too_hot_as: Vec<Kind>,
    /// The first hour in which its share of the .99 forecast is more than one partition serves, and of
    /// which kind.
    pub too_hot_from: Option<(Kind, i64)>,
}

/// The keys that matter.
pub fn keys(keys: &Keys, loads: &[LoadAdvice]) -> Vec<KeyAdvice> {
    let mut found: Vec<KeyAdvice> = keys
        .top
        .iter()
        .map(|key| {
            let share = if keys.all > 0.0 { key.units / keys.all } else { 0.0 };
            let above = |kind: &Kind| key.peak.is_some_and(|peak| peak > kind.partition_limit());
            KeyAdvice {
                name: key.name.clone(),
                share,
                peak: key.peak,
                too_hot_as: Kind::ALL.into_iter().filter(above).collect(),
                too_hot_from: too_hot_from(share, loads),
            }
        })
        .filter(|key| {
            key.share >= SHARE_MIN || !key.too_hot_as.is_empty() || key.too_hot_from.is_some()
        })
        .collect();
    found.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.name.cmp(&b.name)));
    found.truncate(KEYS_MAX);
    found
}

fn too_hot_from(share: f64, loads: &[LoadAdvice]) -> Option<(Kind, i64)> {
    let crossing = |load: &LoadAdvice| {
        let limit = load.kind.partition_limit();
        let hour = load.ahead.hours.iter().find(|hour| hour.q99 * share > limit)?;
        Some((load.kind, hour.start_ms))
    };
    loads.iter().filter_map(crossing).min_by_key(|(_, at_ms)| *at_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Key;

    #[test]
    fn a_key_above_one_partition_is_named_with_its_kind() {
        let key = |name: &str, units, peak| Key { name: name.into(), units, peak: Some(peak) };
        let all = Keys {
            all: 100.0,
            top: vec![key("a", 50.0, 1_500.0), key("b", 0.5, 10.0), key("c", 0.5, 4_000.0)],
        };
        let found = keys(&all, &[]);
        let names: Vec<&str> = found.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["a", "c"], "b is neither large nor hot");
        assert_eq!(found[0].too_hot_as, [Kind::Write]);
        assert_eq!(found[1].too_hot_as, [Kind::Read, Kind::Write]);
    }
}
