//! Halving a partition by the load that was observed: what reactive stores do.

use crate::load::scale;
use crate::plan::{Action, Kind, Trigger};
use crate::view::{CellView, PartitionView};
use bytes::Bytes;
use types::Units;

/// Splits `partition` in two where the observed load is halved best; `None` if it has no
/// place to be cut at.
pub(crate) fn halve(partition: &PartitionView, reason: String) -> Option<Action> {
    halve_at(partition, reason, |_| true)
}

/// The same among the cells whose beginnings may become the boundary.
pub(crate) fn halve_at(
    partition: &PartitionView,
    reason: String,
    may_begin: impl Fn(usize) -> bool,
) -> Option<Action> {
    let loads: Vec<Units> = partition.cells.iter().map(CellView::observed).collect();
    let total: Units = loads.iter().copied().sum();
    let mut left = Units::ZERO;
    let mut best: Option<(f64, Bytes, Units)> = None;
    for (i, load) in loads.iter().enumerate().take(loads.len().saturating_sub(1)) {
        left += *load;
        if !may_begin(i + 1) {
            continue;
        }
        let boundary = partition.cells[i + 1].range.start.clone();
        let unevenness = unevenness(left, total, i + 1, loads.len());
        if best.as_ref().is_none_or(|(known, ..)| unevenness < *known) {
            best = Some((unevenness, boundary, left));
        }
    }
    let (_, boundary, left) = best?;
    Some(Action {
        sources: vec![partition.id],
        range: partition.range.clone(),
        boundaries: vec![boundary],
        kind: Kind::of(1, 2),
        trigger: Trigger::Observed,
        shares: vec![left, total + scale(left, -1.0)],
        crossing_ms: None,
        benefit: 0.0,
        cost: 0.0,
        reason,
    })
}

/// How far from half and half a cut is; by number of cells if nothing was observed.
fn unevenness(left: Units, total: Units, cells_left: usize, cells: usize) -> f64 {
    let share = |left: f64, total: f64| if total > 0.0 { left / total } else { 0.5 };
    if total.total() > 0.0 {
        let reads = (share(left.read, total.read) - 0.5).abs();
        reads.max((share(left.write, total.write) - 0.5).abs())
    } else {
        (cells_left as f64 / cells as f64 - 0.5).abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cells, partition};

    #[test]
    fn the_cut_halves_load_and_not_key_space() {
        let mut uneven = partition(1, 1.0);
        uneven.cells = cells(&uneven.range, &[10.0, 10.0, 10.0, 30.0]);
        let action = halve(&uneven, "test".into()).unwrap();
        assert_eq!(action.boundaries, [uneven.cells[3].range.start.clone()]);
        assert_eq!(action.shares, [Units::write(30.0), Units::write(30.0)]);
    }

    #[test]
    fn without_load_the_middle() {
        let mut idle = partition(1, 0.0);
        idle.cells = cells(&idle.range, &[0.0; 4]);
        let action = halve(&idle, "test".into()).unwrap();
        assert_eq!(action.boundaries, [idle.cells[2].range.start.clone()]);
    }

    #[test]
    fn one_cell_cannot_be_cut() {
        let mut narrow = partition(1, 1.0);
        narrow.cells = cells(&narrow.range, &[100.0]);
        assert!(halve(&narrow, "test".into()).is_none());
    }
}
