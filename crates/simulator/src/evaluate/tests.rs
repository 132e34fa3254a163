use super::*;
use crate::workloads;
use statistics::{Figure, figure, throttled_share};

fn result(workload: &str, seed: u64, throttled: u64) -> CaseResult {
    let report =
        Report { policy: "predictive".into(), requests: 100, throttled, ..Report::default() };
    CaseResult {
        workload: workload.into(),
        stratum: Stratum::Real,
        seed,
        hours: 24.0,
        runs: vec![report],
        curve: Curve::default(),
    }
}

#[test]
fn figures_are_ratios_of_sums_with_intervals_over_seeds() {
    let results: Vec<CaseResult> = (1..=5).map(|seed| result("a", seed, seed)).collect();
    let cases: Vec<&CaseResult> = results.iter().collect();
    let found = figure(&cases, PolicyName::Predictive, &throttled_share).unwrap();
    assert!((found.value - 0.03).abs() < 1e-12);
    let (low, high) = found.interval.unwrap();
    assert!((0.01..0.025).contains(&low) && (0.035..0.05).contains(&high), "{low} {high}");
    assert_eq!(figure(&cases, PolicyName::Oracle, &throttled_share), None, "it was not played");
    let one = figure(&cases[..1], PolicyName::Predictive, &throttled_share);
    assert_eq!(one, Some(Figure { value: 0.01, interval: None }));
}

#[test]
fn workloads_are_not_mixed_when_seeds_are_drawn() {
    // Within each workload all seeds agree, so there is nothing to draw.
    let results = [("a", 1, 10), ("a", 2, 10), ("b", 1, 30), ("b", 2, 30)]
        .map(|(workload, seed, throttled)| result(workload, seed, throttled));
    let cases: Vec<&CaseResult> = results.iter().collect();
    let found = figure(&cases, PolicyName::Predictive, &throttled_share).unwrap();
    assert_eq!(found.interval, Some((0.2, 0.2)));
}

#[test]
fn threads_do_not_change_the_result() {
    let plan = |threads| Plan {
        sources: ["constant", "batch-step"]
            .map(|name| Source::Generated(workloads::find(name).unwrap()))
            .into(),
        first_seed: 1,
        seeds: 1,
        policies: vec![PolicyName::Static, PolicyName::Predictive],
        settings: PlaySettings::default(),
        threads,
    };
    let heard = AtomicUsize::new(0);
    let count = || {
        heard.fetch_add(1, Ordering::Relaxed);
    };
    let alone = evaluate(&plan(1), &count).unwrap();
    assert_eq!(heard.load(Ordering::Relaxed), plan(1).runs());
    assert_eq!(alone, evaluate(&plan(2), &count).unwrap());
    assert_eq!(alone[0].workload, "constant");
    assert_eq!(alone[1].runs.len(), 2);
}
