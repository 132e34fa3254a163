//! Cutting partitions anew: from their cells to an action, by forecast or by what was observed.
//!
//! Neighbours that will be too full at the same time are cut together: five of them at 105 % become
//! seven at 75 %, not ten at 53 %.

use super::wording;
use crate::layout;
use crate::load::{larger, scale, utilisation};
use crate::plan::{Action, Kind, Trigger, overload};
use crate::settings::PlannerSettings;
use crate::slice::{Constraints, LoadCell, Slice, fewest, slices};
use crate::view::{CellView, PartitionView, TableView};
use bytes::Bytes;
use types::{KeyRange, Units};

/// A cut that was found, before anybody decided on it.
pub(crate) struct Cut {
    /// Between the new partitions.
    pub(crate) boundaries: Vec<Bytes>,
    /// Each new partition's load at its fullest step.
    pub(crate) shares: Vec<Units>,
    /// Overload avoided over the horizon, in unit-seconds.
    pub(crate) benefit: f64,
    /// The fullest new partition against the old one, both as shares of capacity.
    pub(crate) full_after: f64,
    /// The same before.
    pub(crate) full_before: f64,
    /// Whether a single key is above the target.
    pub(crate) unsplittable: bool,
}

/// Which load a cut has to balance.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// Each step of the forecast.
    Forecast,
    /// The last minutes and seconds, whichever is more.
    Observed,
}

/// The best cut of adjacent partitions into at least `children_min` parts; `None` if there is no
/// place to cut at, or if what comes out is what there is.
pub(crate) fn cut(
    view: &TableView,
    sources: &[PartitionView],
    basis: Basis,
    children_min: usize,
    settings: &PlannerSettings,
) -> Option<Cut> {
    let target = target(sources, settings);
    let cells: Vec<LoadCell> =
        sources.iter().flat_map(|partition| load_cells(partition, basis, Some(target))).collect();
    let room = settings.action.partitions_max.saturating_sub(view.partitions.len());
    let children_max = settings.slice.children_max.max(2 * sources.len());
    let existing: Vec<Bytes> =
        sources[1..].iter().map(|source| source.range.start.clone()).collect();
    let found = slices(
        &cells,
        &Constraints {
            target,
            existing: &existing,
            slices_min: children_min,
            slices_max: children_max.min(room + sources.len()),
            balance_tolerance: settings.slice.balance_tolerance,
        },
    );
    let boundaries = found.iter().skip(1).map(|slice| &slice.range.start);
    let as_it_is = boundaries.eq(&existing);
    (found.len() >= 2 && !as_it_is).then(|| assess(sources, &found, basis))
}

/// The fewest parts that adjacent partitions could be cut into, by forecast.
pub(crate) fn fewest_parts(sources: &[PartitionView], settings: &PlannerSettings) -> usize {
    let target = target(sources, settings);
    let cells = sources.iter().flat_map(|p| load_cells(p, Basis::Forecast, Some(target)));
    fewest(&cells.collect::<Vec<LoadCell>>(), target)
}

/// The cut of two neighbours into two others that is most even; `None` if that is the one there is.
pub(crate) fn even_shift(
    view: &TableView,
    pair: &[PartitionView],
    basis: Basis,
    settings: &PlannerSettings,
) -> Option<Cut> {
    let target = target(pair, settings);
    let cells: Vec<LoadCell> =
        pair.iter().flat_map(|partition| load_cells(partition, basis, None)).collect();
    let constraints =
        Constraints { target, existing: &[], slices_min: 2, slices_max: 2, balance_tolerance: 0.0 };
    let found = slices(&cells, &constraints);
    let [_, right] = &found[..] else { return None };
    let moved = right.range.start != pair[1].range.start;
    let cut = assess(pair, &found, basis);
    let better =
        cut.full_after < cut.full_before && layout::allows(view.strategy, &right.range.start);
    (moved && better).then_some(cut)
}

/// How full a new partition is planned to be at the most.
fn target(sources: &[PartitionView], settings: &PlannerSettings) -> Units {
    scale(capacity(sources), settings.slice.target_utilisation)
}

/// The action that carries out a cut.
pub(crate) fn action(
    sources: &[PartitionView],
    cut: Cut,
    trigger: Trigger,
    reason: String,
) -> Action {
    Action {
        sources: sources.iter().map(|source| source.id).collect(),
        range: range(sources),
        kind: Kind::of(sources.len(), cut.boundaries.len() + 1),
        reason: format!("{}: {reason}", wording::what(sources, &cut.boundaries)),
        boundaries: cut.boundaries,
        trigger,
        shares: cut.shares,
        crossing_ms: None,
        benefit: cut.benefit,
        cost: 0.0,
    }
}

/// The keys that adjacent partitions own together.
pub(crate) fn range(sources: &[PartitionView]) -> KeyRange {
    KeyRange {
        start: sources[0].range.start.clone(),
        end: sources[sources.len() - 1].range.end.clone(),
    }
}

/// What the least of them can serve.
pub(crate) fn capacity(sources: &[PartitionView]) -> Units {
    let least =
        |a: Units, b: Units| Units { read: a.read.min(b.read), write: a.write.min(b.write) };
    sources.iter().map(|source| source.capacity).reduce(least).unwrap_or(Units::ZERO)
}

/// What an action on `sources` costs, in unit-seconds.
pub(crate) fn cost(sources: &[PartitionView], settings: &PlannerSettings) -> f64 {
    sources.iter().map(|source| source.capacity.total()).sum::<f64>() * settings.action.cost_s
}

fn assess(sources: &[PartitionView], found: &[Slice], basis: Basis) -> Cut {
    let step_s = match basis {
        Basis::Forecast => sources.iter().map(PartitionView::step_seconds).fold(0.0, f64::max),
        // An observed overload is taken to last as long as the shortest forecast step would.
        Basis::Observed => OBSERVED_LASTS_S,
    };
    let before: Vec<Vec<Units>> = sources.iter().map(|source| whole(source, basis)).collect();
    let over = |loads: &[Units]| overload(loads, capacity(sources), step_s);
    let after: f64 = found.iter().map(|slice| over(&slice.load)).sum();
    let peak = |loads: &[Units]| loads.iter().copied().fold(Units::ZERO, larger);
    let full = |loads: &[Units]| utilisation(peak(loads), capacity(sources));
    Cut {
        boundaries: found[1..].iter().map(|slice| slice.range.start.clone()).collect(),
        shares: found.iter().map(|slice| peak(&slice.load)).collect(),
        benefit: before.iter().map(|loads| over(loads)).sum::<f64>() - after,
        full_after: found.iter().map(|slice| full(&slice.load)).fold(0.0, f64::max),
        full_before: before.iter().map(|loads| full(loads)).fold(0.0, f64::max),
        unsplittable: found.iter().any(|slice| slice.unsplittable),
    }
}

/// The overload that is forecast for partitions as they are, in unit-seconds; of it, what a share of their
/// burst credit would carry.
pub(crate) fn overload_ahead(sources: &[PartitionView], credit_share: f64) -> (f64, f64) {
    let mut sum = (0.0, 0.0);
    for source in sources {
        let loads = whole(source, Basis::Forecast);
        let credit = scale(source.credit.unwrap_or(Units::ZERO), credit_share);
        let over = |load: f64, capacity: f64| (load - capacity).max(0.0) * source.step_seconds();
        let read: f64 = loads.iter().map(|load| over(load.read, source.capacity.read)).sum();
        let write: f64 = loads.iter().map(|load| over(load.write, source.capacity.write)).sum();
        sum.0 += read + write;
        sum.1 += read.min(credit.read.max(0.0)) + write.min(credit.write.max(0.0));
    }
    sum
}

/// A partition's load in every step.
fn whole(partition: &PartitionView, basis: Basis) -> Vec<Units> {
    let cells = load_cells(partition, basis, None);
    let steps = cells.iter().map(|cell| cell.load.len()).max().unwrap_or(0);
    let step = |step| cells.iter().filter_map(|cell: &LoadCell| cell.load.get(step)).copied().sum();
    (0..steps).map(step).collect()
}

/// How long an overload seen in the last seconds is assumed to go on.
const OBSERVED_LASTS_S: f64 = 300.0;

/// A key with more than this share of the target gets a slice of its own.
const ALONE_SHARE: f64 = 0.5;

/// The partition's cells as the sweep takes them. With a `target`, a key with much of it has to be
/// alone.
fn load_cells(partition: &PartitionView, basis: Basis, target: Option<Units>) -> Vec<LoadCell> {
    let level = observed_level(partition);
    let observed =
        |load: Units| Units { read: load.read * level.read, write: load.write * level.write };
    let cell = |cell: &CellView| {
        let load = match basis {
            Basis::Forecast => cell.forecast.clone(),
            Basis::Observed => vec![observed(cell.observed())],
        };
        let peak = load.iter().copied().fold(Units::ZERO, larger);
        let hot = |target| utilisation(peak, target) > ALONE_SHARE;
        LoadCell {
            range: cell.range.clone(),
            single_key: cell.single_key,
            alone: cell.single_key && target.is_some_and(hot),
            load,
        }
    };
    partition.cells.iter().map(cell).collect()
}

/// By what the cells' observed load must be multiplied to make at least the partition's load of the
/// last seconds, which is looked up more often than theirs.
fn observed_level(partition: &PartitionView) -> Units {
    let cells: Units = partition.cells.iter().map(CellView::observed).sum();
    let level = |now: f64, cells: f64| {
        if cells > 0.0 { (now / cells).max(1.0) } else { 1.0 }
    };
    Units {
        read: level(partition.load_now.read, cells.read),
        write: level(partition.load_now.write, cells.write),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{partition, partition_in, range_between, table};

    fn settings() -> PlannerSettings {
        PlannerSettings::default()
    }

    #[test]
    fn a_partition_twice_as_full_as_it_may_be_becomes_three() {
        let view = table(vec![partition(1, 2.0)]);
        let cut = cut(&view, &view.partitions, Basis::Forecast, 2, &settings()).unwrap();
        assert_eq!(cut.shares.len(), 3, "200 % over 80 % each");
        assert!(cut.full_after <= 0.8 && cut.full_before == 2.0);
        // 100 units/s too many in each of 12 steps of 300 s.
        assert!((cut.benefit - 100.0 * 12.0 * 300.0).abs() < 1.0, "{}", cut.benefit);
    }

    #[test]
    fn seconds_say_how_much_and_minutes_where() {
        let mut surge = partition(1, 0.5);
        surge.load_now = Units::write(300.0);
        let view = table(vec![surge]);
        let cut = cut(&view, &view.partitions, Basis::Observed, 2, &settings()).unwrap();
        assert_eq!(cut.shares.len(), 4, "300 units/s over 80 each");
    }

    #[test]
    fn a_load_that_has_just_come_is_cut_where_it_is() {
        let mut surge = partition(1, 0.1);
        for cell in &mut surge.cells[4..8] {
            cell.now = Units::write(150.0);
        }
        surge.load_now = surge.cells.iter().map(|cell| cell.now).sum();
        let hot = surge.cells[4].range.start.clone()..surge.cells[8].range.start.clone();
        let view = table(vec![surge]);
        let cut = cut(&view, &view.partitions, Basis::Observed, 2, &settings()).unwrap();
        let inside = |boundary: &&Bytes| (&hot.start..=&hot.end).contains(boundary);
        assert_eq!(cut.boundaries.iter().filter(inside).count(), 5, "each of the four is alone");
        assert!((cut.full_after - 1.5).abs() < 1e-9, "{}", cut.full_after);
    }

    #[test]
    fn neighbours_are_cut_together() {
        let parts: Vec<PartitionView> = (0..5_u32)
            .map(|i| {
                let from = f64::from(i) / 5.0;
                partition_in(u64::from(i) + 1, range_between(from, from + 0.2), 1.0)
            })
            .collect();
        let view = table(parts);
        let cut = cut(&view, &view.partitions, Basis::Forecast, 5, &settings()).unwrap();
        assert_eq!(cut.shares.len(), 7, "500 % over 80 % each");
        assert!(cut.full_after <= 0.8 + 1e-9 && cut.full_before > 0.99, "{}", cut.full_after);
        assert_eq!(fewest_parts(&view.partitions, &settings()), 7);
    }

    #[test]
    fn a_full_table_is_not_divided_further() {
        let view = table(vec![partition(1, 2.0)]);
        let mut full = settings();
        full.action.partitions_max = 1;
        assert!(cut(&view, &view.partitions, Basis::Forecast, 2, &full).is_none());
    }
}
