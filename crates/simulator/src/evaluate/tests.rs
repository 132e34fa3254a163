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
        keep: None,
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

#[test]
fn what_was_kept_is_not_played_again_and_says_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let plan = |policies: &[PolicyName], keep: bool| Plan {
        sources: vec![Source::Generated(workloads::find("constant").unwrap())],
        first_seed: 1,
        seeds: 1,
        policies: policies.into(),
        settings: PlaySettings::default(),
        threads: 1,
        keep: keep.then(|| directory.path().into()),
    };
    let both = [PolicyName::Static, PolicyName::ReactiveFast];
    let files = || std::fs::read_dir(directory.path()).unwrap().count();
    evaluate(&plan(&both[..1], true), &|| ()).unwrap();
    assert_eq!(files(), 2, "the case and one run");
    let first = evaluate(&plan(&both, true), &|| ()).unwrap();
    assert_eq!(first, evaluate(&plan(&both, false), &|| ()).unwrap(), "to the last bit");
    assert_eq!(files(), 3);

    // Whoever reads it back sees what is there, not what would come of playing.
    let source = &plan(&both, true).sources[0];
    let shelf = Shelf::open(directory.path(), source, 1, &PlaySettings::default()).unwrap();
    let known = Report { throttled: 77, ..shelf.report(both[0]).unwrap().unwrap() };
    shelf.put_report(both[0], &known).unwrap();
    assert_eq!(evaluate(&plan(&both, true), &|| ()).unwrap()[0].runs[0].throttled, 77);

    // Another setting or seed is another result.
    let settings = PlaySettings { burst_s: 10.0, ..PlaySettings::default() };
    let other = Shelf::open(directory.path(), source, 1, &settings).unwrap();
    assert_eq!(other.report(both[0]).unwrap(), None);
    let other = Shelf::open(directory.path(), source, 2, &PlaySettings::default()).unwrap();
    assert_eq!(other.report(both[0]).unwrap(), None);
}

#[test]
fn a_damaged_result_is_an_error_that_names_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let source = Source::Generated(workloads::find("constant").unwrap());
    let shelf = Shelf::open(directory.path(), &source, 1, &PlaySettings::default()).unwrap();
    shelf.put_report(PolicyName::Static, &Report::default()).unwrap();
    let file = std::fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&file, b"x").unwrap();
    let error = shelf.report(PolicyName::Static).unwrap_err().to_string();
    assert!(error.contains(&*file.to_string_lossy()), "{error}");
}
