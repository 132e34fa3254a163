//! Hot ranges: which keys will be hot in the coming hour, from when until when, and how much.
//!
//! A cell is hot in a step if its load, for its width on the key axis, is several times the table's
//! mean. Neighbours that are hot at any time are one range. This is for people who look at a forecast,
//! and decides nothing: slices are made from all cells.

use crate::load::utilisation;
use crate::view::{CellView, PartitionView, TableView};
use serde::Serialize;
use types::{KeyRange, Units};

/// So many times the mean load for its width is hot.
const DENSITY_MIN: f64 = 4.0;
/// Below this share of a partition's capacity nobody minds.
const HEIGHT_MIN: f64 = 0.05;
/// Ranges that are listed, the highest first.
const RANGES_MAX: usize = 20;

/// Keys that are expected to be hot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HotRange {
    /// Which keys.
    pub range: KeyRange,
    /// Where they begin on the key axis, between 0 and 1, ...
    pub from: f64,
    /// ... and where they end.
    pub to: f64,
    /// When the range becomes hot; the forecast's beginning if it is already.
    pub start_ms: i64,
    /// When it will no longer be; `None` if not within the horizon.
    pub end_ms: Option<i64>,
    /// When it is at its height.
    pub peak_ms: i64,
    /// Its load then, as a share of one partition's capacity, at the decision quantile.
    pub height: f64,
    /// Its load then for its width, in times the table's mean.
    pub density: f64,
}

/// One cell with what it is compared by.
struct Cell<'a> {
    view: &'a CellView,
    capacity: Units,
    from: f64,
    to: f64,
}

impl Cell<'_> {
    fn load(&self, step: usize) -> f64 {
        self.view.forecast.get(step).map_or(0.0, |&load| utilisation(load, self.capacity))
    }

    fn width(&self) -> f64 {
        (self.to - self.from).max(f64::MIN_POSITIVE)
    }
}

/// The hot ranges of a table's forecast, the highest first; none where nothing is forecast.
/// `position` places a key on the axis, between 0 and 1.
pub fn hot_ranges(view: &TableView, position: impl Fn(&[u8]) -> f64) -> Vec<HotRange> {
    let partitions = view.partitions.iter();
    let cells: Vec<Cell<'_>> = partitions.flat_map(|each| cells_of(each, &position)).collect();
    let steps = cells.iter().map(|cell| cell.view.forecast.len()).max().unwrap_or(0);
    let totals: Vec<f64> =
        (0..steps).map(|step| cells.iter().map(|cell| cell.load(step)).sum()).collect();
    let is_hot = |cell: &Cell<'_>, step: usize| {
        totals[step] > 0.0 && cell.load(step) / cell.width() >= DENSITY_MIN * totals[step]
    };
    let ever = |cell: &Cell<'_>| (0..steps).any(|step| is_hot(cell, step));
    let time_ms = |step: usize| view.partitions.iter().find_map(|p| p.step_start_ms(step));
    let mut ranges: Vec<HotRange> = cells
        .chunk_by(|one, next| ever(one) && ever(next))
        .filter(|run| run.iter().any(ever))
        .filter_map(|run| {
            let hot = |step: &usize| run.iter().any(|cell| is_hot(cell, *step));
            let (first, last) = ((0..steps).find(hot)?, (0..steps).rfind(hot)?);
            let load = |step: usize| run.iter().map(|cell| cell.load(step)).sum::<f64>();
            let peak = (first..=last).max_by(|&a, &b| load(a).total_cmp(&load(b)))?;
            let (start, end) = (run.first()?, run.last()?);
            Some(HotRange {
                range: KeyRange::new(start.view.range.start.clone(), end.view.range.end.clone()),
                from: start.from,
                to: end.to,
                start_ms: time_ms(first)?,
                end_ms: if last + 1 < steps { time_ms(last + 1) } else { None },
                peak_ms: time_ms(peak)?,
                height: load(peak),
                density: load(peak) / (end.to - start.from).max(f64::MIN_POSITIVE) / totals[peak],
            })
        })
        .filter(|range| range.height >= HEIGHT_MIN)
        .collect();
    ranges.sort_by(|a, b| b.height.total_cmp(&a.height));
    ranges.truncate(RANGES_MAX);
    ranges
}

fn cells_of<'a>(partition: &'a PartitionView, position: &impl Fn(&[u8]) -> f64) -> Vec<Cell<'a>> {
    let place = |view: &'a CellView| Cell {
        view,
        capacity: partition.capacity,
        from: position(&view.range.start),
        to: view.range.end.as_ref().map_or(1.0, |end| position(end)),
    };
    partition.cells.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CAPACITY, STEP_MS, partition, table};

    fn position(key: &[u8]) -> f64 {
        let mut first = [0; 8];
        first[..key.len().min(8)].copy_from_slice(&key[..key.len().min(8)]);
        u64::from_be_bytes(first) as f64 / 2_f64.powi(64)
    }

    /// One partition of sixteen even cells, of which some get `times` the load in some steps.
    fn heated(cells: &[usize], steps: std::ops::Range<usize>, times: f64) -> TableView {
        let mut view = table(vec![partition(1, 0.5)]);
        for &cell in cells {
            for step in steps.clone() {
                view.partitions[0].cells[cell].forecast[step].write *= times;
            }
        }
        view
    }

    #[test]
    fn even_load_has_no_hot_range() {
        assert_eq!(hot_ranges(&heated(&[], 0..12, 1.0), position), []);
        assert_eq!(hot_ranges(&table(Vec::new()), position), []);
    }

    #[test]
    fn neighbours_are_one_range_with_its_time_and_height() {
        let view = heated(&[3, 4], 4..7, 20.0);
        let [hot] = &hot_ranges(&view, position)[..] else { panic!("one range") };
        assert!(
            (hot.from - 3.0 / 16.0).abs() < 1e-6 && (hot.to - 5.0 / 16.0).abs() < 1e-6,
            "{hot:?}"
        );
        assert_eq!((hot.start_ms, hot.end_ms), (4 * STEP_MS, Some(7 * STEP_MS)));
        let each = 0.5 / 16.0;
        assert!((hot.height - 40.0 * each).abs() < 1e-9, "{hot:?} of {CAPACITY:?}");
        let mean = (40.0 + 14.0) * each;
        assert!((hot.density - 40.0 * each / (2.0 / 16.0) / mean).abs() < 1e-6, "{hot:?}");
    }

    #[test]
    fn what_stays_hot_has_no_end_and_the_highest_comes_first() {
        let mut view = heated(&[1], 6..12, 12.0);
        view.partitions[0].cells[9].forecast[0].write *= 30.0;
        let hot = hot_ranges(&view, position);
        assert_eq!(hot.iter().map(|hot| hot.end_ms).collect::<Vec<_>>(), [Some(STEP_MS), None]);
        assert_eq!(hot[1].start_ms, 6 * STEP_MS);
    }

    #[test]
    fn little_is_not_hot() {
        let mut view = heated(&[3], 0..12, 20.0);
        for cell in &mut view.partitions[0].cells {
            cell.forecast.iter_mut().for_each(|load| load.write *= 0.01);
        }
        assert_eq!(hot_ranges(&view, position), []);
    }
}
