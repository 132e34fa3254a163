//! What a policy answers: the actions to take now, what was weighed against them, and why.
//!
//! A plan is data. It names partitions and boundaries, so that the manager (or the simulator) can
//! hand each action to `reslice` as it is, and it carries its explanation, because nothing is
//! changed here that is not explained.

use crate::load::{excess, utilisation};
use crate::score::Score;
use crate::view::PartitionView;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use types::{KeyRange, PartitionId, Units};

/// A policy's answer to one view.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What to do, most urgent first; empty to leave the table as it is.
    pub actions: Vec<Action>,
    /// What was considered and not chosen.
    pub alternatives: Vec<Alternative>,
    /// Why this and nothing else, in one line.
    pub reason: String,
}

impl Plan {
    /// Leave the table as it is.
    pub fn hold(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..Self::default() }
    }

    /// Whether nothing is to be done.
    pub fn is_hold(&self) -> bool {
        self.actions.is_empty()
    }
}

/// One reslice: adjacent partitions are replaced by others with new boundaries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// The partitions that go, adjacent and in key order.
    pub sources: Vec<PartitionId>,
    /// The keys they own together.
    pub range: KeyRange,
    /// The boundaries of what replaces them, strictly inside that range.
    pub boundaries: Vec<Bytes>,
    /// Its kind, as journal and API name it.
    pub kind: Kind,
    /// What made the policy act.
    pub trigger: Trigger,
    /// The forecast (or, without one, observed) load of each new partition at its fullest step:
    /// what burst credit is divided by.
    pub shares: Vec<Units>,
    /// When the load is expected to exceed the sources' capacity.
    pub crossing_ms: Option<i64>,
    /// The overload it avoids, in unit-seconds over the horizon.
    pub benefit: f64,
    /// What it costs, in the same measure.
    pub cost: f64,
    /// Why, in one line.
    pub reason: String,
}

/// What an action does to the table (the mission's words).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The number of partitions changes across the table: a merge, several into more.
    Horizontal,
    /// One partition is split.
    Vertical,
    /// As many partitions as before, with other boundaries.
    RangeAdjustment,
}

impl Kind {
    /// The kind of a reslice of `sources` partitions into `children`.
    pub fn of(sources: usize, children: usize) -> Self {
        match (sources, children) {
            (a, b) if a == b => Self::RangeAdjustment,
            (1, _) => Self::Vertical,
            _ => Self::Horizontal,
        }
    }
}

/// What made a policy act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The forecast.
    Forecast,
    /// The last seconds, where the forecast missed them.
    Floor,
    /// Load that was observed for some time: a reactive policy.
    Observed,
    /// Too little load for so many partitions.
    Idle,
    /// Somebody asked for it.
    Manual,
    /// Somebody asked for the throughput that it makes room for.
    Warm,
}

impl Action {
    /// How many partitions it makes.
    pub fn children(&self) -> usize {
        self.boundaries.len() + 1
    }

    /// The ranges of the partitions it makes; `None` if its boundaries are not valid.
    pub fn ranges(&self) -> Option<Vec<KeyRange>> {
        self.range.cut(&self.boundaries)
    }
}

/// Something that was considered and not done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// What.
    pub what: String,
    /// Why not.
    pub rejected: String,
    /// The overload it would have avoided, in unit-seconds.
    pub benefit: f64,
    /// What it would have cost.
    pub cost: f64,
}

/// The overload, in unit-seconds, that loads per step of `step_s` seconds put on `capacity`.
pub fn overload(loads: &[Units], capacity: Units, step_s: f64) -> f64 {
    loads.iter().map(|&load| excess(load, capacity) * step_s).sum()
}

/// Whether the score, the forecast and the partition call for an action, as the journal shows it.
pub(crate) fn summary(partition: &PartitionView, score: &Score) -> String {
    format!(
        "{}: score {:.0}, {:.0} % full now, degradation probability {:.2}; {}",
        partition.id,
        score.total,
        utilisation(partition.load_now, partition.capacity) * 100.0,
        score.degradation_probability,
        score.rate.because,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        assert_eq!(Kind::of(1, 2), Kind::Vertical);
        assert_eq!(Kind::of(1, 3), Kind::Vertical);
        assert_eq!(Kind::of(2, 2), Kind::RangeAdjustment);
        assert_eq!(Kind::of(3, 1), Kind::Horizontal);
        assert_eq!(Kind::of(2, 3), Kind::Horizontal);
    }

    #[test]
    fn overload_counts_only_what_is_above() {
        let capacity = Units { read: 30.0, write: 10.0 };
        let loads = [Units::write(9.0), Units::write(12.0), Units { read: 31.0, write: 0.0 }];
        assert_eq!(overload(&loads, capacity, 300.0), 900.0);
    }
}
