//! Cutting one partition into parts of about the same load, or of the same width where nothing is
//! known of its load: for operators, and for tables that are to be ready before load comes.

use crate::layout;
use crate::load::utilisation;
use crate::view::PartitionView;
use bytes::Bytes;
use types::{KeyRange, PartitionId, Strategy, storage_key};

/// Boundaries between cells that divide a partition's recent load into `into` even parts; its cells
/// where there is no load. A partition with too few cells is cut evenly by hash, if it is in hash
/// order. In range order a boundary has known load on at least one side: of other places nobody knows
/// whether there can be keys. `None` if it cannot be cut so often.
pub fn cuts(
    strategy: Strategy,
    range: &KeyRange,
    view: Option<&PartitionView>,
    into: usize,
) -> Option<Vec<Bytes>> {
    if into < 2 {
        return None;
    }
    let cells = view.map(|view| view.cells.as_slice()).unwrap_or_default();
    if cells.len() < into {
        return if strategy.is_hash_order() { hashes(range, into) } else { None };
    }
    let capacity = view.map(|view| view.capacity).unwrap_or_default();
    let loads: Vec<f64> = cells.iter().map(|cell| utilisation(cell.recent, capacity)).collect();
    let total: f64 = loads.iter().sum();
    let known = total > 0.0 && total.is_finite();
    let weight = |load: f64| if known { load / total } else { 1.0 / cells.len() as f64 };
    let may_cut = |i: usize| strategy.is_hash_order() || loads[i - 1] > 0.0 || loads[i] > 0.0;
    let mut left = (1..cells.len()).filter(|i| may_cut(*i)).count();
    if left < into - 1 {
        return None;
    }
    let mut cuts = Vec::with_capacity(into - 1);
    let mut passed = 0.0;
    for (i, cell) in cells.iter().enumerate().skip(1) {
        passed += weight(loads[i - 1]);
        if !may_cut(i) {
            continue;
        }
        let wanted = (cuts.len() + 1) as f64 / into as f64;
        // The last places are kept for the cuts that are still missing.
        let missing = into - 1 - cuts.len();
        if missing > 0 && (passed + 1e-9 >= wanted || left == missing) {
            cuts.push(cell.range.start.clone());
        }
        left -= 1;
    }
    cuts.iter().all(|cut| layout::allows(strategy, cut)).then_some(cuts)
}

/// What an operator is told where [`cuts`] found none: why, and what to do.
pub fn refusal(strategy: Strategy, id: PartitionId, into: usize) -> String {
    let why = match strategy.is_hash_order() {
        true => {
            "it is too narrow in hash order; ask for fewer parts or name boundaries with reslice"
        }
        false => {
            "in range order a boundary needs known load: put some load on the table or name \
             boundaries with reslice"
        }
    };
    format!("{id} cannot be split into {into} parts now: {why}")
}

/// Hashes that divide a range of hash order evenly; `None` if it is too narrow for that.
pub fn hashes(range: &KeyRange, into: usize) -> Option<Vec<Bytes>> {
    let (start, width) = extent(range);
    let cut = |part: usize| start + width * part as u128 / into as u128;
    let cuts: Vec<Bytes> =
        (1..into).map(|part| Bytes::from((cut(part) as u64).to_be_bytes().to_vec())).collect();
    range.cut(&cuts).map(|_| cuts)
}

/// How much of hash space a range is, from 0 to 1.
pub fn share_of_hashes(range: &KeyRange) -> f64 {
    extent(range).1 as f64 / 2_f64.powi(64)
}

/// A range of hash order as its first hash and how many there are.
fn extent(range: &KeyRange) -> (u128, u128) {
    let hash = |key: &Bytes| {
        let mut first = [0; storage_key::HASH_BYTES];
        let length = key.len().min(storage_key::HASH_BYTES);
        first[..length].copy_from_slice(&key[..length]);
        u128::from(u64::from_be_bytes(first))
    };
    let start = hash(&range.start);
    let end = range.end.as_ref().map_or(1 << 64, hash);
    (start, end.saturating_sub(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cells, partition};

    #[test]
    fn a_range_of_hashes_is_cut_evenly_or_not_at_all() {
        let cuts = hashes(&KeyRange::full(), 4).unwrap();
        assert_eq!(cuts[0].as_ref(), 0x4000_0000_0000_0000_u64.to_be_bytes());
        assert_eq!(cuts[2].as_ref(), 0xc000_0000_0000_0000_u64.to_be_bytes());
        let narrow = KeyRange::new(vec![0; 8], Some(vec![0, 0, 0, 0, 0, 0, 0, 1].into()));
        assert_eq!(hashes(&narrow, 2), None);
        assert_eq!(share_of_hashes(&KeyRange::new(Bytes::new(), Some(vec![0x40].into()))), 0.25);
    }

    #[test]
    fn load_is_divided_where_it_is_known() {
        let mut view = partition(1, 1.0);
        view.cells = cells(&view.range, &[10.0, 10.0, 10.0, 30.0]);
        let range = view.range.clone();
        let cut = |into| cuts(Strategy::Hash, &range, Some(&view), into);
        assert_eq!(cut(2).unwrap(), [view.cells[3].range.start.clone()]);
        assert_eq!(cut(4).unwrap().len(), 3);
        assert_eq!(cut(5), hashes(&range, 5), "more parts than cells");
        assert_eq!(cuts(Strategy::Range, &range, Some(&view), 5), None);
        assert_eq!(cut(1), None);
    }

    #[test]
    fn in_range_order_a_boundary_has_known_load_beside_it() {
        let mut view = partition(1, 1.0);
        let range = view.range.clone();
        let cut = |view: &PartitionView, strategy, into| cuts(strategy, &range, Some(view), into);
        view.cells = cells(&range, &[0.0; 4]);
        assert_eq!(cut(&view, Strategy::Range, 2), None, "no load is known");
        assert_eq!(cut(&view, Strategy::Hash, 2).unwrap().len(), 1, "hashes are everywhere");
        view.cells = cells(&range, &[20.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        let start = |at: usize| view.cells[at].range.start.clone();
        assert_eq!(cut(&view, Strategy::Range, 3).unwrap(), [start(1), start(5)]);
        assert_eq!(cut(&view, Strategy::Range, 4), None);
        assert_eq!(cut(&view, Strategy::Composite, 3).unwrap(), [start(1), start(2)]);
        assert_eq!(cuts(Strategy::Range, &range, None, 2), None);
    }

    #[test]
    fn a_refusal_says_why_and_what_to_do() {
        let told = refusal(Strategy::Range, PartitionId(2), 2);
        assert!(told.starts_with("p2 cannot be split into 2 parts"), "{told}");
        assert!(told.contains("in range order a boundary needs known load: put some"), "{told}");
        assert!(refusal(Strategy::Hash, PartitionId(2), 9).contains("too narrow"));
    }

    #[test]
    fn hash_does_not_cut_inside_a_collection() {
        let mut view = partition(1, 1.0);
        view.cells = cells(&view.range, &[10.0, 10.0]);
        let inside = Bytes::from_static(b"12345678Sx");
        view.cells[1].range.start = inside.clone();
        let range = view.range.clone();
        assert_eq!(cuts(Strategy::Hash, &range, Some(&view), 2), None);
        assert_eq!(cuts(Strategy::Composite, &range, Some(&view), 2).unwrap(), [inside]);
    }
}
