//! Canary partitions: where a change of thresholds is live first.
//!
//! A canary is the first partitions of the key axis, up to a boundary that is there already, with about
//! the wanted share of the load. Thresholds act on neighbours together, so the canary is planned as a
//! table of its own as long as it lasts ([`crate::policy::Zoned`]): its border stays, nothing is cut or
//! merged across it, and both sides' costs are their own. That may cost one partition more than the table
//! would have. A canary of every tenth partition, say, would share all its borders with the rest, and no
//! cost could be told apart.

use super::record::Proposal;
use crate::load::utilisation;
use crate::view::{PartitionView, TableView};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use types::Units;

/// With less of the load a canary says nothing, with more it is none.
const SHARE: RangeInclusive<f64> = 0.05..=0.5;

/// Where a canary ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Border {
    /// The first key that is not in it.
    pub key: Bytes,
    /// What share of the load it had when it began.
    pub share: f64,
}

/// A change that is tried on a share of a table's partitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// What is tried, with what the simulator said of it.
    pub proposal: Proposal,
    /// Where it is live; `None` as long as the table has no boundary for it.
    pub border: Option<Border>,
    /// The first day of data that is the canary's from its beginning.
    pub since_day: i64,
    /// How many days it has stood.
    pub days: u32,
}

impl Canary {
    /// One that is live nowhere yet.
    pub(super) fn waiting(proposal: Proposal) -> Self {
        Self { proposal, border: None, since_day: i64::MAX, days: 0 }
    }
}

/// The boundary below which there is about the `wanted` share of the load, by the busiest five minutes that
/// each partition had within a day; `None` if none is near enough, or if the table is to be ready for some
/// throughput, which all its partitions share.
pub fn border(view: &TableView, wanted: f64) -> Option<Border> {
    let weight =
        |partition: &PartitionView| utilisation(partition.load_day_max, partition.capacity);
    let total: f64 = view.partitions.iter().map(weight).sum();
    if total <= 0.0 || view.warm != Units::ZERO {
        return None;
    }
    let mut below = 0.0;
    let mut best: Option<Border> = None;
    for pair in view.partitions.windows(2) {
        below += weight(&pair[0]);
        let share = below / total;
        let nearer = |known: &Border| (share - wanted).abs() < (known.share - wanted).abs();
        if SHARE.contains(&share) && best.as_ref().is_none_or(nearer) {
            best = Some(Border { key: pair[1].range.start.clone(), share });
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{key_at, partition_in, range_between, table};

    fn view(full: &[f64]) -> TableView {
        let width = 1.0 / full.len() as f64;
        let range = |at: usize| range_between(at as f64 * width, (at + 1) as f64 * width);
        let parts =
            full.iter().enumerate().map(|(at, full)| partition_in(at as u64, range(at), *full));
        table(parts.collect())
    }

    #[test]
    fn a_canary_ends_at_the_boundary_nearest_to_its_share() {
        let ends =
            |full: &[f64]| border(&view(full), 0.25).map(|border| (border.key, border.share));
        assert_eq!(ends(&[0.5; 8]), Some((key_at(0.25), 0.25)));
        assert_eq!(ends(&[0.4, 0.4]), Some((key_at(0.5), 0.5)));
        assert_eq!(
            ends(&[0.1, 0.2, 0.3, 0.4]),
            Some((key_at(0.5), 0.1 + 0.2)).map(|(k, s)| (k, s / 1.0))
        );
    }

    #[test]
    fn where_no_boundary_is_near_there_is_no_canary() {
        for full in [&[0.9][..], &[0.01, 0.9], &[0.9, 0.1], &[0.0, 0.0]] {
            assert_eq!(border(&view(full), 0.25), None, "{full:?}");
        }
        let warm = TableView { warm: Units::write(100.0), ..view(&[0.5; 8]) };
        assert_eq!(border(&warm, 0.25), None);
    }
}
