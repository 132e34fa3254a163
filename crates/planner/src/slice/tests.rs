//! The sweep against brute force on small inputs, and what every result must satisfy.

use super::*;
use crate::testing::range_between;
use proptest::prelude::*;

const TARGET: Units = Units { read: 30.0, write: 10.0 };

fn cells(loads: &[Vec<Units>]) -> Vec<LoadCell> {
    let n = loads.len() as f64;
    loads
        .iter()
        .enumerate()
        .map(|(i, load)| LoadCell {
            range: range_between(i as f64 / n, (i + 1) as f64 / n),
            load: load.clone(),
            single_key: false,
            alone: false,
        })
        .collect()
}

fn writes(loads: &[f64]) -> Vec<LoadCell> {
    cells(&loads.iter().map(|&write| vec![Units::write(write)]).collect::<Vec<_>>())
}

fn constraints(existing: &[Bytes]) -> Constraints<'_> {
    Constraints { target: TARGET, existing, slices_min: 1, slices_max: 99, balance_tolerance: 0.0 }
}

fn shape(slices: &[Slice]) -> Vec<usize> {
    slices.iter().map(|slice| slice.cells.len()).collect()
}

#[test]
fn nothing_to_cut() {
    assert!(slices(&[], &constraints(&[])).is_empty());
    assert_eq!(shape(&slices(&writes(&[0.0, 0.0]), &constraints(&[]))), [2]);
}

#[test]
fn balanced_rather_than_filled_from_the_left() {
    let found = slices(&writes(&[3.0, 3.0, 3.0, 3.0]), &constraints(&[]));
    assert_eq!(shape(&found), [2, 2]);
    assert!((found[0].full - 0.6).abs() < 1e-9);
}

#[test]
fn a_cell_above_the_target_stands_alone() {
    let found = slices(&writes(&[1.0, 25.0, 1.0]), &constraints(&[]));
    assert_eq!(shape(&found), [1, 1, 1]);
    assert!(found[1].full > 2.0 && !found[1].unsplittable);

    let mut hot = writes(&[1.0, 25.0, 1.0]);
    hot[1].single_key = true;
    assert!(slices(&hot, &constraints(&[]))[1].unsplittable);
}

#[test]
fn different_steps_may_be_the_full_ones() {
    let morning = vec![Units::write(8.0), Units::ZERO];
    let evening = vec![Units::ZERO, Units::write(8.0)];
    let found = slices(&cells(&[morning.clone(), evening, morning]), &constraints(&[]));
    assert_eq!(found.len(), 2, "peaks at different times share a slice");
}

#[test]
fn reads_bind_as_writes_do() {
    let read = vec![Units::read(20.0)];
    assert_eq!(slices(&cells(&[read.clone(), read]), &constraints(&[])).len(), 2);
}

#[test]
fn an_existing_boundary_is_kept_within_the_tolerance() {
    let input = writes(&[2.0; 8]);
    let existing = [input[3].range.start.clone()];
    let mut tolerant = constraints(&existing);
    tolerant.balance_tolerance = 0.3;
    assert_eq!(shape(&slices(&input, &tolerant)), [3, 5]);
    tolerant.balance_tolerance = 0.1;
    assert_eq!(shape(&slices(&input, &tolerant)), [4, 4]);
}

#[test]
fn bounds_on_the_number_are_kept() {
    let input = writes(&[4.0; 8]);
    let mut bounded = constraints(&[]);
    assert_eq!(slices(&input, &bounded).len(), 4);
    bounded.slices_max = 2;
    assert_eq!(shape(&slices(&input, &bounded)), [4, 4]);
    bounded.slices_max = 99;
    bounded.slices_min = 8;
    assert_eq!(slices(&input, &bounded).len(), 8);
    bounded.slices_min = 20;
    assert_eq!(slices(&input, &bounded).len(), 8, "no more slices than cells");
}

/// All ways to cut `n` cells, as lists of cut positions with both ends.
fn all_cuts(n: usize) -> impl Iterator<Item = Vec<usize>> {
    (0..1_u32 << (n - 1)).map(move |mask| {
        let inner = (1..n).filter(|i| mask >> (i - 1) & 1 == 1);
        std::iter::once(0).chain(inner).chain(std::iter::once(n)).collect()
    })
}

fn run_full(cells: &[LoadCell]) -> f64 {
    let steps = cells[0].load.len();
    (0..steps)
        .map(|s| crate::load::utilisation(cells.iter().map(|c| c.load[s]).sum(), TARGET))
        .fold(0.0, f64::max)
}

/// The fullest run of a cut, or `None` if a run of more than one cell does not fit.
fn judge(input: &[LoadCell], cuts: &[usize]) -> Option<f64> {
    let mut fullest: f64 = 0.0;
    for cut in cuts.windows(2) {
        let full = run_full(&input[cut[0]..cut[1]]);
        match (full <= 1.0 + ROUNDING, cut[1] - cut[0]) {
            (true, _) => fullest = fullest.max(full),
            (false, 1) => {}
            (false, _) => return None,
        }
    }
    Some(fullest)
}

fn load() -> impl Strategy<Value = Vec<Units>> {
    prop::collection::vec((0.0..12.0f64, 0.0..6.0f64), 3)
        .prop_map(|v| v.into_iter().map(|(read, write)| Units { read, write }).collect())
}

proptest! {
    #[test]
    fn as_few_as_possible_and_as_balanced(loads in prop::collection::vec(load(), 1..9)) {
        let input = cells(&loads);
        let fitting: Vec<(usize, f64)> = all_cuts(input.len())
            .filter_map(|cuts| judge(&input, &cuts).map(|full| (cuts.len() - 1, full)))
            .collect();
        let least = fitting.iter().map(|(count, _)| *count).min().unwrap();
        let balance = fitting.iter().filter(|(count, _)| *count == least)
            .map(|(_, full)| *full).fold(f64::INFINITY, f64::min);

        prop_assert_eq!(fewest(&input, TARGET), least);
        let found = slices(&input, &constraints(&[]));
        prop_assert_eq!(found.len(), least);
        let fullest = found.iter().filter(|s| s.cells.len() > 1 || s.full <= 1.0 + ROUNDING)
            .map(|s| s.full).fold(0.0, f64::max);
        prop_assert!(fullest <= balance + 1e-6, "{fullest} against {balance}");
    }

    #[test]
    fn slices_tile_and_fit(
        loads in prop::collection::vec(load(), 1..40),
        kept in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        tolerance in 0.0..0.5f64,
    ) {
        let input = cells(&loads);
        let existing: Vec<Bytes> =
            kept.iter().map(|index| index.get(&input).range.start.clone()).collect();
        let mut wish = constraints(&existing);
        wish.balance_tolerance = tolerance;
        let found = slices(&input, &wish);
        let whole = KeyRange { start: input[0].range.start.clone(), end: None };
        let boundaries: Vec<Bytes> = found[1..].iter().map(|s| s.range.start.clone()).collect();
        let ranges: Vec<KeyRange> = found.iter().map(|s| s.range.clone()).collect();
        prop_assert_eq!(whole.cut(&boundaries), Some(ranges));
        for slice in &found {
            prop_assert!(slice.full <= 1.0 + 1e-6 || slice.cells.len() == 1);
        }
        prop_assert_eq!(found.len(), fewest(&input, TARGET));
    }
}
