//! How the fast player grows with partitions, weeks and cells: `cargo bench -p simulator`.
//!
//! A table that is played has 256 cells, as in the service; what grows with their number is the slicing sweep of a
//! plan, which is measured alone. One table with the diurnal workload; a
//! policy that never acts shows what a minute costs per partition, ours what looking ahead adds once all
//! forecasts have been made (the first play fills the bank).

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use planner::Static;
use planner::slice::{Constraints, LoadCell, slices};
use simulator::case::Case;
use simulator::minutes::{Bank, PlaySettings, Sight, play};
use simulator::policies::{Curve, PolicyName, run};
use simulator::workloads;
use std::hint::black_box;
use types::{KeyRange, Units, storage_key};

const WEEK_MS: i64 = 7 * 24 * 3_600_000;

fn case(weeks: i64) -> Case {
    let generator = workloads::find("diurnal").expect("it is there");
    let mut case = Case::generated(generator, 1);
    case.end_ms = case.start_ms + weeks * WEEK_MS;
    case.matrix.cut(case.end_ms);
    case
}

fn growth(c: &mut Criterion) {
    let settings = PlaySettings::default();
    let mut group = c.benchmark_group("static, one week, by partitions");
    let week = case(1);
    let bank =
        Bank::new(&week.matrix, week.start_ms, &settings.controller).expect("the settings fit");
    for partitions in [8, 64, 256] {
        group.bench_function(BenchmarkId::from_parameter(partitions), |b| {
            let even = week.even(partitions);
            b.iter(|| black_box(play(&week, &even, &settings, &bank, Sight::Present, Static)));
        });
    }
    group.finish();
    let mut group = c.benchmark_group("predictive after the forecasting pass, by weeks");
    for weeks in [1, 2] {
        let case = case(weeks);
        let bank =
            Bank::new(&case.matrix, case.start_ms, &settings.controller).expect("the settings fit");
        let play = || run(PolicyName::Predictive, &case, &settings, &bank, &Curve::default());
        play().expect("it plays");
        group.bench_function(BenchmarkId::from_parameter(weeks), |b| b.iter(|| black_box(play())));
    }
    group.finish();
    let mut group = c.benchmark_group("slicing sweep of an hour into 8 partitions, by cells");
    for count in [64, 256, 1_024] {
        let cells = wavy_cells(count);
        let constraints = Constraints {
            target: Units::write(count as f64 / 8.0 * 1.3),
            existing: &[],
            slices_min: 2,
            slices_max: 16,
            balance_tolerance: 0.05,
        };
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter(|| black_box(slices(&cells, &constraints)));
        });
    }
    group.finish();
}

/// Cells of the hash axis with one unit per second in the mean, in each of twelve steps.
fn wavy_cells(count: u32) -> Vec<LoadCell> {
    let ranges = KeyRange::full().cut(&storage_key::even_boundaries(count)).expect("they are even");
    let load = |cell: usize| {
        (0..12).map(|step| Units::write(1.0 + 0.5 * ((cell + step) as f64 / 9.0).sin())).collect()
    };
    let cell = |(at, range)| LoadCell { range, load: load(at), single_key: false, alone: false };
    ranges.into_iter().enumerate().map(cell).collect()
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = growth
}
criterion_main!(benches);
