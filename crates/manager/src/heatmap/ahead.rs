//! What partitions will have to carry: as it is planned, and if nothing were done.
//!
//! "Nothing done" are the partitions as they were one horizon ago: what was changed since was changed
//! for the hour that is shown. "Planned" are today's with the actions of a dry run, or of what is being
//! carried out. Loads are the forecasts of cells, put together by the keys that they begin with.

use super::expected::refused_of;
use super::{Axis, rounded, share};
use crate::Manager;
use crate::journal::State;
use crate::maps::MapHistory;
use forecast::{Outlook, Quantile};
use planner::TableView;
use planner::plan::{Action, Kind, Trigger};
use serde::Serialize;
use storage::Table;
use types::{KeyRange, PartitionId, Units};

/// The partitions of the coming hour.
#[derive(Debug, Default, Serialize)]
pub struct AheadDocument {
    /// How long a step is.
    pub step_ms: i64,
    /// When each step begins.
    pub times_ms: Vec<i64>,
    /// With what is planned.
    pub planned: Vec<AheadPartition>,
    /// Without what was done since `unchanged_since_ms`, and without what is planned.
    pub unchanged: Vec<AheadPartition>,
    /// Whose partitions `unchanged` are.
    pub unchanged_since_ms: i64,
    /// What is planned, or being carried out.
    pub actions: Vec<PlannedAction>,
}

/// A partition with what it will have to carry.
#[derive(Debug, PartialEq, Serialize)]
pub struct AheadPartition {
    /// Its id, if it is there now.
    pub id: Option<PartitionId>,
    /// Where it begins on the key axis.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Per step, its load as a share of its capacity; `null` where nothing is forecast.
    pub share: Vec<Option<f32>>,
    /// Per step, the part of its load that capacity and burst credit would refuse; `null` where nothing
    /// is forecast or nobody can tell.
    pub refused: Vec<Option<f32>>,
}

/// Something that is about to be done.
#[derive(Debug, Serialize)]
pub struct PlannedAction {
    /// The mission's word for it.
    pub kind: Kind,
    /// What made the policy want it.
    pub trigger: Trigger,
    /// The partitions that go.
    pub sources: Vec<PartitionId>,
    /// Where what replaces them meets, between 0 and 1.
    pub boundaries: Vec<f64>,
    /// Whether it is being carried out.
    pub running: bool,
    /// When the load is expected to exceed what there is.
    pub crossing_ms: Option<i64>,
    /// Why.
    pub reason: String,
}

impl Manager {
    pub(super) fn ahead(
        &self,
        table: &Table,
        view: Option<&TableView>,
        axis: &Axis<'_>,
        decided_at: Quantile,
        quantile: Quantile,
    ) -> AheadDocument {
        let Some(view) = view else { return AheadDocument::default() };
        let times_ms = steps(view);
        let step_ms = view.partitions.iter().map(|p| p.step_seconds()).fold(0.0, f64::max) * 1e3;
        let horizon_ms = step_ms as i64 * times_ms.len() as i64;
        let since_ms = view.now_ms - horizon_ms;
        let (wanted, before) = {
            let mut tables = self.shared.tables.lock();
            let state = tables.get_mut(&table.id());
            let before = state.as_ref().and_then(|state| ranges_at(&state.maps, since_ms));
            let wanted =
                state.map(|state| state.controller.dry_run().0.actions).unwrap_or_default();
            (wanted, before)
        };
        let running = self.running(table);
        let under_way = !running.is_empty();
        let actions = if under_way { running } else { wanted };
        let today: Vec<KeyRange> = view.partitions.iter().map(|p| p.range.clone()).collect();
        let planned = after(&today, &actions);
        let draw = |ranges: &[KeyRange]| -> Vec<AheadPartition> {
            let one = |range| partition(view, range, axis, times_ms.len(), decided_at, quantile);
            ranges.iter().map(one).collect()
        };
        AheadDocument {
            step_ms: step_ms as i64,
            planned: draw(&planned),
            unchanged: draw(before.as_deref().unwrap_or(&today)),
            unchanged_since_ms: since_ms,
            actions: actions.iter().map(|action| describe(action, axis, under_way)).collect(),
            times_ms,
        }
    }

    fn running(&self, table: &Table) -> Vec<Action> {
        let journal = self.shared.journal.lock();
        let of_table = journal.entries().filter(|e| e.decision.table == table.id());
        let running = of_table.filter(|entry| entry.state == State::Running);
        running.map(|entry| entry.decision.action.clone()).collect()
    }
}

/// When each step of the forecast begins.
pub(super) fn steps(view: &TableView) -> Vec<i64> {
    let steps = |p: &&planner::view::PartitionView| p.steps();
    let Some(longest) = view.partitions.iter().max_by_key(steps) else { return Vec::new() };
    (0..longest.steps()).filter_map(|step| longest.step_start_ms(step)).collect()
}

/// The forecast load on a range in a step at `quantile`: that of the cells that begin in it, which
/// are forecast at `decided_at` and rise and fall as their partition does. `None` if none is forecast.
pub(super) fn load(
    view: &TableView,
    range: &KeyRange,
    step: usize,
    decided_at: Quantile,
    quantile: Quantile,
) -> Option<Units> {
    let concerned = view.partitions.iter().filter(|p| p.range.intersection(range).is_some());
    let loads = concerned.flat_map(|partition| {
        let factor = |outlook: &Outlook| {
            let step = outlook.forecast().and_then(|forecast| forecast.steps.get(step));
            let of = step.map(|step| (step.at(decided_at), step.at(quantile)));
            of.map_or(1.0, |(decided, wanted)| if decided > 0.0 { wanted / decided } else { 1.0 })
        };
        let (read, write) = (factor(&partition.read), factor(&partition.write));
        let cells = partition.cells.iter().filter(|cell| range.contains(&cell.range.start));
        cells.filter_map(move |cell| {
            let load = cell.forecast.get(step)?;
            Some(Units { read: load.read * read, write: load.write * write })
        })
    });
    loads.reduce(|sum, load| sum + load)
}

fn partition(
    view: &TableView,
    range: &KeyRange,
    axis: &Axis<'_>,
    steps: usize,
    decided_at: Quantile,
    quantile: Quantile,
) -> AheadPartition {
    let (from, to) = axis.span(range);
    let known = view.partitions.iter().find(|partition| partition.range == *range);
    let capacity = view.partitions.first().map_or(Units::ZERO, |partition| partition.capacity);
    let loads: Vec<Option<Units>> =
        (0..steps).map(|step| load(view, range, step, decided_at, quantile)).collect();
    let full = |load: &Option<Units>| load.map(|load| rounded(share(load, capacity)));
    let part = |(load, refused): (&Option<Units>, Option<Units>)| {
        let (of, refused) = ((*load)?.total(), refused?.total());
        Some(rounded(if of > 0.0 { refused / of } else { 0.0 }))
    };
    AheadPartition {
        id: known.map(|partition| partition.id),
        from,
        to,
        share: loads.iter().map(full).collect(),
        refused: loads.iter().zip(refused_of(view, range, &loads)).map(part).collect(),
    }
}

/// The partitions in force at a time; `None` if that is not remembered.
fn ranges_at(maps: &MapHistory, at_ms: i64) -> Option<Vec<KeyRange>> {
    let in_force = maps.iter().take_while(|(since_ms, _)| *since_ms <= at_ms).last();
    let (_, boundaries) = in_force.or_else(|| maps.iter().next())?;
    KeyRange::full().cut(boundaries)
}

/// What partitions become by actions.
fn after(ranges: &[KeyRange], actions: &[Action]) -> Vec<KeyRange> {
    let mut boundaries: Vec<_> = ranges.iter().skip(1).map(|range| range.start.clone()).collect();
    for action in actions {
        let inside = |key: &bytes::Bytes| action.range.contains(key) && *key != action.range.start;
        boundaries.retain(|key| !inside(key));
        boundaries.extend(action.boundaries.iter().cloned());
    }
    boundaries.sort();
    boundaries.dedup();
    KeyRange::full().cut(&boundaries).unwrap_or_else(|| ranges.to_vec())
}

fn describe(action: &Action, axis: &Axis<'_>, running: bool) -> PlannedAction {
    PlannedAction {
        kind: action.kind,
        trigger: action.trigger,
        sources: action.sources.clone(),
        boundaries: action.boundaries.iter().map(|key| axis.position(key)).collect(),
        running,
        crossing_ms: action.crossing_ms,
        reason: action.reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn keys(keys: &[&'static str]) -> Vec<Bytes> {
        keys.iter().map(|key| Bytes::from(*key)).collect()
    }

    fn action(range: KeyRange, boundaries: &[&'static str]) -> Action {
        Action {
            sources: Vec::new(),
            range,
            boundaries: keys(boundaries),
            kind: Kind::Vertical,
            trigger: Trigger::Forecast,
            shares: Vec::new(),
            crossing_ms: None,
            benefit: 0.0,
            cost: 0.0,
            reason: String::new(),
        }
    }

    #[test]
    fn splits_and_merges_change_the_boundaries_they_name() {
        let today = KeyRange::full().cut(&keys(&["d", "m"])).unwrap();
        let split = action(today[1].clone(), &["g"]);
        let merge = action(KeyRange::new("d", None), &[]);
        let starts = |ranges: Vec<KeyRange>| {
            ranges.into_iter().skip(1).map(|range| range.start).collect::<Vec<_>>()
        };
        assert_eq!(starts(after(&today, &[split])), keys(&["d", "g", "m"]));
        assert_eq!(starts(after(&today, &[merge])), keys(&["d"]));
        assert_eq!(after(&today, &[]), today);
    }

    #[test]
    fn the_partitions_of_a_time_are_those_of_the_last_map_before_it() {
        let mut maps = MapHistory::new(8);
        for (at_ms, cuts) in [(100, vec!["m"]), (200, vec!["d", "m"])] {
            let ranges = KeyRange::full().cut(&keys(&cuts)).unwrap();
            let info = |(id, range): (u64, KeyRange)| storage::PartitionInfo {
                id: PartitionId(id),
                range,
                created_ms: at_ms,
            };
            let partitions = (1..).zip(ranges).map(info).collect();
            let map = storage::PartitionMap { table: types::TableId(1), epoch: 1, partitions };
            maps.push(at_ms, &map);
        }
        let count = |at_ms| ranges_at(&maps, at_ms).map(|ranges| ranges.len());
        assert_eq!((count(50), count(150), count(900)), (Some(2), Some(2), Some(3)));
        assert_eq!(ranges_at(&MapHistory::new(1), 5), None);
    }
}
