//! The table while it is played: partitions with their buckets, as flows instead of requests.
//!
//! Within a minute load is constant, so a bucket's level is a straight line and the moment it runs
//! empty is known. While it is empty, requests are refused in such a share that what is served is the
//! capacity. **Retries**: an invocation is tried up to `attempts` times within seconds; if each try is
//! refused with probability p, it is lost with pᵃ, and what is not lost is what is served: pᵃ = 1 −
//! capacity / load. So p = (1 − capacity / load)^(1 / attempts) of all invocations are throttled at
//! least once; that is more than the excess, as retries compete with fresh requests.

use crate::matrix::{CELLS, Kind, LoadMatrix, cell_of_boundary};
use planner::bucket::divide;
use planner::{Action, load};
use std::ops::Range;
use types::{PartitionId, Units};

/// One partition.
#[derive(Clone, Debug)]
pub(super) struct Partition {
    pub(super) id: PartitionId,
    pub(super) cells: Range<usize>,
    pub(super) made_ms: i64,
    pub(super) level: Units,
    /// Until then it serves less, because its caches are cold.
    pub(super) cold_until_ms: i64,
    /// The load of this minute.
    pub(super) load: Units,
    /// For how long it has been at its limit without interruption, full minutes.
    pub(super) at_limit_ms: i64,
    /// Invocations throttled in this minute.
    pub(super) throttled: f64,
}

impl Partition {
    /// For how many seconds its burst credit lasts at this minute's load.
    pub(super) fn lasts_s(&self, capacity: Units) -> f64 {
        let lasts = |kind: Kind| {
            let excess = kind.of(self.load) - kind.of(capacity);
            if excess > 0.0 { kind.of(self.level).max(0.0) / excess } else { f64::INFINITY }
        };
        lasts(Kind::Read).min(lasts(Kind::Write))
    }
}

/// What a table is and costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) capacity: Units,
    pub(super) burst_s: f64,
    pub(super) attempts: f64,
    pub(super) cold_ms: i64,
    pub(super) cold_capacity: f64,
    pub(super) units_per_request: Units,
}

/// Invocations that passed by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Flowed {
    pub(super) requests: f64,
    pub(super) throttled: f64,
    pub(super) given_up: f64,
}

/// All partitions, in key order.
#[derive(Clone, Debug)]
pub(super) struct Table {
    terms: Terms,
    next_id: u64,
    pub(super) partitions: Vec<Partition>,
}

impl Table {
    pub(super) fn new(cells: &[Range<usize>], terms: Terms, now_ms: i64) -> Self {
        let partition = |(id, cells): (u64, &Range<usize>)| Partition {
            id: PartitionId(id),
            cells: cells.clone(),
            made_ms: now_ms,
            level: load::scale(terms.capacity, terms.burst_s),
            cold_until_ms: i64::MIN,
            load: Units::ZERO,
            at_limit_ms: 0,
            throttled: 0.0,
        };
        let partitions: Vec<Partition> = (1..).zip(cells).map(partition).collect();
        Self { terms, next_id: partitions.len() as u64 + 1, partitions }
    }

    /// Takes the loads of a minute.
    pub(super) fn set_loads(&mut self, matrix: &LoadMatrix, minute: usize) {
        for partition in &mut self.partitions {
            partition.load = matrix.load(minute, partition.cells.clone());
        }
    }

    /// A minute of `length_ms` is over: whether partitions were at their limit.
    pub(super) fn close_minute(&mut self, full: f64, length_ms: i64) {
        for partition in &mut self.partitions {
            let utilisation = load::utilisation(partition.load, self.terms.capacity);
            let limited = utilisation >= full || partition.throttled > 0.0;
            partition.at_limit_ms = if limited { partition.at_limit_ms + length_ms } else { 0 };
            partition.throttled = 0.0;
        }
    }

    /// Lets load flow from `from_ms` to `to_ms`.
    pub(super) fn flow(&mut self, from_ms: i64, to_ms: i64) -> Flowed {
        let seconds = (to_ms - from_ms) as f64 / 1000.0;
        let mut sum = Flowed::default();
        for partition in &mut self.partitions {
            let cold = from_ms < partition.cold_until_ms;
            let capacity = if cold { self.terms.cold_capacity } else { 1.0 };
            let before = partition.throttled;
            for kind in Kind::ALL {
                let capacity = kind.of(self.terms.capacity) * capacity;
                let most = kind.of(self.terms.capacity) * self.terms.burst_s;
                let flow = Flow { load: kind.of(partition.load), capacity, most, seconds };
                let (level, empty_s) = flow.pass(kind.of(partition.level));
                match kind {
                    Kind::Read => partition.level.read = level,
                    Kind::Write => partition.level.write = level,
                }
                let requests = flow.load / kind.of(self.terms.units_per_request);
                let lost = if flow.load > 0.0 { 1.0 - capacity / flow.load } else { 0.0 };
                let refused = lost.max(0.0).powf(1.0 / self.terms.attempts);
                sum.requests += requests * seconds;
                sum.given_up += requests * empty_s * lost.max(0.0);
                partition.throttled += requests * empty_s * refused;
            }
            sum.throttled += partition.throttled - before;
        }
        sum
    }

    /// The writes in a second to the partitions that an action replaces.
    pub(super) fn writes_per_s(&self, action: &Action) -> f64 {
        let sources = self.partitions.iter().filter(|one| action.sources.contains(&one.id));
        sources.map(|source| source.load.write).sum::<f64>() / self.terms.units_per_request.write
    }

    /// Carries out an action; `false` if its sources are no longer there.
    pub(super) fn apply(&mut self, action: &Action, now_ms: i64) -> bool {
        let first = action.sources.first().copied();
        let at = self.partitions.iter().position(|partition| Some(partition.id) == first);
        let Some(at) = at else { return false };
        let end = at + action.sources.len();
        let there = self.partitions.get(at..end).is_some_and(|sources| {
            sources.iter().map(|source| source.id).eq(action.sources.iter().copied())
        });
        if !there {
            return false;
        }
        let sources = &self.partitions[at..end];
        let (from, to) = (sources[0].cells.start, sources[sources.len() - 1].cells.end);
        let mut cuts = vec![from];
        cuts.extend(action.boundaries.iter().map(cell_of_boundary));
        cuts.push(to);
        if !cuts.is_sorted_by(|a, b| a < b) || to > CELLS || action.shares.len() + 1 != cuts.len() {
            return false;
        }
        let credit: Units = sources.iter().map(|source| source.level).sum();
        let most = load::scale(self.terms.capacity, self.terms.burst_s);
        let parts = divide(credit, &action.shares);
        let children: Vec<Partition> = cuts
            .windows(2)
            .zip(parts)
            .map(|(cut, level)| {
                self.next_id += 1;
                Partition {
                    id: PartitionId(self.next_id),
                    cells: cut[0]..cut[1],
                    made_ms: now_ms,
                    level: Units {
                        read: level.read.min(most.read),
                        write: level.write.min(most.write),
                    },
                    cold_until_ms: now_ms + self.terms.cold_ms,
                    load: Units::ZERO,
                    at_limit_ms: 0,
                    throttled: 0.0,
                }
            })
            .collect();
        self.partitions.splice(at..end, children);
        true
    }
}

/// One kind of load through one bucket, for so many seconds.
struct Flow {
    load: f64,
    capacity: f64,
    most: f64,
    seconds: f64,
}

impl Flow {
    /// The level at the end, and for how long the bucket was empty.
    fn pass(&self, level: f64) -> (f64, f64) {
        let gain = self.capacity - self.load;
        let end = level + gain * self.seconds;
        if end > 0.0 || gain >= 0.0 {
            return (end.min(self.most), 0.0);
        }
        let lasts_s = (level / -gain).clamp(0.0, self.seconds);
        (0.0, self.seconds - lasts_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use planner::{Kind as ActionKind, Trigger};
    use types::KeyRange;

    const TERMS: Terms = Terms {
        capacity: Units { read: 30.0, write: 10.0 },
        burst_s: 10.0,
        attempts: 3.0,
        cold_ms: 5_000,
        cold_capacity: 0.5,
        units_per_request: Units { read: 1.0, write: 2.0 },
    };

    fn table(write: f64) -> Table {
        let mut table = Table::new(&crate::case::even(CELLS, 1), TERMS, 0);
        table.partitions[0].load = Units::write(write);
        table
    }

    #[test]
    fn burst_carries_until_it_is_used_up() {
        let mut table = table(20.0);
        // 100 saved up, 10 too many per second: ten seconds.
        assert_eq!(table.flow(0, 10_000).throttled, 0.0);
        let flowed = table.flow(10_000, 20_000);
        assert_eq!(flowed.requests, 100.0);
        assert!((flowed.given_up - 50.0).abs() < 1e-9, "half of it finds no capacity");
        assert!((flowed.throttled - 100.0 * 0.5_f64.cbrt()).abs() < 1e-9, "three attempts each");
        table.partitions[0].load = Units::ZERO;
        assert_eq!(table.flow(20_000, 90_000).throttled, 0.0);
        assert_eq!(table.partitions[0].level.write, 100.0, "no more than it holds");
    }

    #[test]
    fn a_split_divides_credit_and_begins_cold() {
        let mut table = table(0.0);
        let action = Action {
            sources: vec![PartitionId(1)],
            range: KeyRange::full(),
            boundaries: vec![Bytes::from_static(&[64, 0, 0, 0, 0, 0, 0, 0])],
            kind: ActionKind::Vertical,
            trigger: Trigger::Manual,
            shares: vec![Units::write(3.0), Units::write(1.0)],
            crossing_ms: None,
            benefit: 0.0,
            cost: 0.0,
            reason: String::new(),
        };
        assert!(table.apply(&action, 1_000));
        let cells: Vec<_> = table.partitions.iter().map(|p| p.cells.clone()).collect();
        assert_eq!(cells, [0..64, 64..CELLS]);
        assert_eq!(table.partitions[0].level.write, 75.0);
        table.partitions[1].load = Units::write(10.0);
        table.flow(1_000, 2_000);
        assert_eq!(table.partitions[1].level.write, 20.0, "25 and five too few");
        assert!(!table.apply(&action, 3_000), "its source is gone");
    }

    #[test]
    fn minutes_at_the_limit_are_counted_without_interruption() {
        let mut table = table(9.6);
        table.close_minute(0.95, 60_000);
        table.close_minute(0.95, 60_000);
        assert_eq!(table.partitions[0].at_limit_ms, 120_000);
        table.partitions[0].load = Units::write(1.0);
        table.close_minute(0.95, 60_000);
        assert_eq!(table.partitions[0].at_limit_ms, 0);
    }
}
