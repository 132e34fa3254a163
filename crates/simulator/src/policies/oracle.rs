//! The oracle: knows the load and divides the table so that nothing is throttled, as cheaply as it can.
//!
//! The weeks are cut into stretches of whole hours, none longer than [`STRETCH_HOURS_MAX`], and for each
//! the fewest partitions are taken that carry every five minutes of it; a dynamic program finds the
//! stretches with the least partition-hours, each change costing [`CHANGE_HOURS`]. It acts ahead of each
//! stretch that needs more, after the end of one that needed more, and spends no burst credit on
//! purpose: a policy that does can be cheaper. A cell that exceeds capacity alone is borne.

use crate::case::Case;
use crate::matrix::{CELLS, Kind, cell_of_boundary, cells_of_range};
use crate::minutes::HistoryBins;
use ::workload::HISTORY_BIN_MS;
use bytes::Bytes;
use planner::{Action, Kind as ActionKind, Plan, Policy, TableView, Trigger, load};
use std::ops::Range;
use types::{KeyRange, Units};

/// The longest stretch without a change, in hours.
pub(super) const STRETCH_HOURS_MAX: usize = 12;
/// What a change costs, in partition-hours: enough not to change for nothing.
pub(super) const CHANGE_HOURS: f64 = 0.1;
/// How long before a stretch the changes for it are finished, beyond what they take.
const MARGIN_MS: i64 = 30_000;

const HOUR_MS: i64 = 3_600_000;
const HOUR_BINS: usize = (HOUR_MS / HISTORY_BIN_MS) as usize;

/// Acts by a timetable made of the future.
pub struct Oracle {
    duration_ms: i64,
    cells: Vec<KeyRange>,
    /// From when on which first cells.
    timetable: Vec<(i64, Vec<usize>)>,
}

impl Oracle {
    /// The timetable for a case.
    pub fn new(case: &Case, bins: &HistoryBins, duration_ms: i64) -> Self {
        let first = bins.closed(case.start_ms);
        let end = bins.closed(case.end_ms);
        let hours: Vec<Range<usize>> =
            (first..end).step_by(HOUR_BINS).map(|bin| bin..(bin + HOUR_BINS).min(end)).collect();
        let division = |bins_of: Range<usize>| fewest(bins, bins_of, case.capacity);
        let timetable = stretches(&hours, division)
            .into_iter()
            .map(|(hour, starts)| (bins.start_ms(hours[hour].start), starts))
            .collect();
        Self { duration_ms, cells: crate::matrix::cell_ranges(), timetable }
    }

    /// The partitions it begins with.
    pub fn initial(&self) -> Vec<Range<usize>> {
        let starts = self.timetable.first().map_or(&[0][..], |(_, starts)| starts);
        let ends = starts.iter().skip(1).copied().chain([CELLS]);
        starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
    }

    /// The division for `at_ms`.
    fn due(&self, at_ms: i64) -> &[usize] {
        let next = self.timetable.partition_point(|(from_ms, _)| *from_ms <= at_ms);
        self.timetable.get(next.saturating_sub(1)).map_or(&[0], |(_, starts)| starts)
    }
}

impl Policy for Oracle {
    fn name(&self) -> &'static str {
        "oracle"
    }

    fn decide(&mut self, view: &TableView) -> Plan {
        if view.busy {
            return Plan::hold("an earlier plan is still being carried out");
        }
        let now = changes(view, self.due(view.now_ms));
        if !now.is_empty() {
            return self.plan(view, &now);
        }
        // As many changes as it may take, each in turn, and a minute until it looks again.
        let most = self.duration_ms * (1 + view.partitions.len() as i64) + 60_000 + MARGIN_MS;
        let ahead = self.due(view.now_ms + most);
        let mut coming = changes(view, ahead);
        coming.retain(|change| change.starts.len() >= change.sources.len());
        self.plan(view, &coming)
    }
}

/// Partitions to be replaced, and the first cells of what replaces them.
struct Change {
    sources: Range<usize>,
    starts: Vec<usize>,
}

/// What must change for the table to be divided like this.
fn changes(view: &TableView, target: &[usize]) -> Vec<Change> {
    let have: Vec<usize> =
        view.partitions.iter().map(|p| cell_of_boundary(&p.range.start)).collect();
    let mut changes = Vec::new();
    let (mut at, mut to) = (0, 0);
    while at < have.len() {
        // From one boundary that stays to the next.
        let (mut next, mut goal) = (at + 1, to + 1);
        while have.get(next) != target.get(goal) {
            let (mine, theirs) = (have.get(next), target.get(goal));
            if theirs.is_none() || mine.is_some_and(|mine| theirs.is_some_and(|t| mine < t)) {
                next += 1;
            } else {
                goal += 1;
            }
        }
        if next - at > 1 || goal - to > 1 {
            changes.push(Change { sources: at..next, starts: target[to..goal].to_vec() });
        }
        (at, to) = (next, goal);
    }
    changes
}

impl Oracle {
    fn plan(&self, view: &TableView, changes: &[Change]) -> Plan {
        let action = |change: &Change| {
            let sources = &view.partitions[change.sources.clone()];
            let range = KeyRange {
                start: sources[0].range.start.clone(),
                end: sources[sources.len() - 1].range.end.clone(),
            };
            let boundaries: Vec<Bytes> =
                change.starts[1..].iter().map(|&cell| self.cells[cell].start.clone()).collect();
            let children = range.cut(&boundaries).unwrap_or_default();
            let shares = children.iter().map(|child| {
                let inside = cells_of_range(child);
                let cells = sources.iter().flat_map(|source| &source.cells);
                let within = cells.filter(|c| inside.contains(&cell_of_boundary(&c.range.start)));
                within.map(|cell| cell.recent).sum()
            });
            Action {
                sources: sources.iter().map(|source| source.id).collect(),
                kind: ActionKind::of(sources.len(), change.starts.len()),
                trigger: Trigger::Forecast,
                shares: shares.collect::<Vec<Units>>(),
                boundaries,
                range,
                crossing_ms: None,
                benefit: 0.0,
                cost: 0.0,
                reason: "it knows".into(),
            }
        };
        let actions: Vec<Action> = changes.iter().map(action).collect();
        if actions.is_empty() {
            return Plan::hold("it will do");
        }
        Plan { actions, alternatives: Vec::new(), reason: "it knows".into() }
    }
}

/// The cheapest sequence of stretches: the hour each begins with, and its division.
fn stretches(
    hours: &[Range<usize>],
    division: impl Fn(Range<usize>) -> Vec<usize>,
) -> Vec<(usize, Vec<usize>)> {
    // cost[i]: of the hours from i on; and where its first stretch ends, with its division.
    let mut cost = vec![0.0; hours.len() + 1];
    let mut first: Vec<(usize, Vec<usize>)> = vec![(0, Vec::new()); hours.len()];
    for begin in (0..hours.len()).rev() {
        cost[begin] = f64::INFINITY;
        for end in begin + 1..=hours.len().min(begin + STRETCH_HOURS_MAX) {
            let starts = division(hours[begin].start..hours[end - 1].end);
            let bins = (hours[end - 1].end - hours[begin].start) as f64;
            let hours_paid = starts.len() as f64 * bins / HOUR_BINS as f64;
            let whole = hours_paid + CHANGE_HOURS + cost[end];
            if whole < cost[begin] {
                cost[begin] = whole;
                first[begin] = (end, starts);
            }
        }
    }
    let mut sequence = Vec::new();
    let mut hour = 0;
    while hour < hours.len() {
        let (end, starts) = std::mem::take(&mut first[hour]);
        sequence.push((hour, starts));
        hour = end;
    }
    sequence
}

/// The first cells of the fewest partitions that carry these bins: a partition is extended until some
/// bin would exceed capacity.
fn fewest(bins: &HistoryBins, within: Range<usize>, capacity: Units) -> Vec<usize> {
    let fits = |cells: Range<usize>| {
        within.clone().all(|bin| {
            let load = |kind| bins.load(kind, bin, &cells);
            let load = Units { read: load(Kind::Read), write: load(Kind::Write) };
            load::utilisation(load, capacity) <= 1.0
        })
    };
    let mut starts = vec![0];
    let mut start = 0;
    loop {
        // Fitting is inherited by every part of a run, so the longest can be searched by halving.
        let (mut least, mut most) = (start + 1, CELLS + 1);
        while most - least > 1 {
            let middle = (least + most) / 2;
            if fits(start..middle) { least = middle } else { most = middle }
        }
        if least == CELLS {
            return starts;
        }
        start = least;
        starts.push(start);
    }
}
