//! How the fast player grows with partitions and weeks: `cargo bench -p simulator`.
//!
//! Cells are no parameter: a table has 256, as in the service. One table with the diurnal workload; a
//! policy that never acts shows what a minute costs per partition, ours what looking ahead adds once all
//! forecasts have been made (the first play fills the bank).

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use planner::Static;
use simulator::case::Case;
use simulator::minutes::{Bank, PlaySettings, Sight, play};
use simulator::policies::{Curve, PolicyName, run};
use simulator::workloads;
use std::hint::black_box;

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
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = growth
}
criterion_main!(benches);
