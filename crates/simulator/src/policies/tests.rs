use super::*;
use crate::workloads;

fn setup(name: &str) -> (Case, Bank, PlaySettings) {
    let mut case = Case::generated(workloads::find(name).unwrap(), 1);
    case.end_ms = case.start_ms + 3 * 24 * 3_600_000;
    case.matrix.cut(case.end_ms);
    let settings = PlaySettings::default();
    let bank = Bank::new(&case.matrix, case.start_ms, &settings.controller).unwrap();
    (case, bank, settings)
}

#[test]
fn every_policy_has_a_name_and_is_played() {
    let (case, bank, settings) = setup("batch-step");
    let grid = curve(&case, &settings, &bank).unwrap();
    for policy in PolicyName::ALL {
        assert_eq!(policy.name().parse(), Ok(policy));
        let report = run(policy, &case, &settings, &bank, &grid).unwrap().run.report;
        assert_eq!(report.policy, policy.name());
        assert!(report.partition_hours > 0.0 && report.requests > 0, "{policy}");
    }
    assert_eq!(
        PolicyName::list("oracle, static").unwrap(),
        [PolicyName::Static, PolicyName::Oracle]
    );
    assert_eq!(PolicyName::list("standard").unwrap().len(), 11);
    assert!(PolicyName::list("best").unwrap_err().contains("reactive-fast"));
}

#[test]
fn the_oracle_throttles_nobody_and_pays_little() {
    for name in ["diurnal", "drifting-hot-spot", "flash-crowd"] {
        let (case, bank, settings) = setup(name);
        let report = |policy| {
            let played = run(policy, &case, &settings, &bank, &Curve::default()).unwrap();
            played.run.report
        };
        let oracle = report(PolicyName::Oracle);
        assert!(oracle.throttled_share < 1e-4, "{oracle:?}");
        let fine = report(PolicyName::StaticFine);
        let peak = report(PolicyName::StaticPeak);
        assert!(oracle.partition_hours < 0.8 * peak.partition_hours, "{oracle:?} {peak:?}");
        assert!(oracle.partition_hours < fine.partition_hours);
    }
}

#[test]
fn the_curve_is_interpolated_between_what_nothing_beats() {
    let point = |setting, partition_hours, throttled| CurvePoint {
        setting,
        partition_hours,
        throttled,
        throttled_share: throttled as f64 / 1e6,
    };
    let curve =
        Curve { points: vec![point(0, 200.0, 0), point(1, 100.0, 1_000), point(2, 150.0, 2_000)] };
    assert_eq!(curve.front().len(), 2);
    assert_eq!(curve.throttled_at(150.0), 500.0);
    assert_eq!(curve.throttled_at(50.0), 1_000.0);
    assert_eq!(curve.throttled_at(300.0), 0.0);
    assert_eq!(curve.hours_at(10.0), Some(200.0));
    assert_eq!(settings_on_curve(&curve), super::tuned::settings_on_curve(&curve));
    let bearable = settings_on_curve(&curve);
    assert_eq!(bearable.split_utilisation, GRID[0].0, "the others throttle too much");
}

#[test]
fn last_week_looks_at_nothing_that_is_not_over() {
    let (case, bank, settings) = setup("weekly");
    let whole = run(PolicyName::LastWeek, &case, &settings, &bank, &Curve::default()).unwrap();
    // The same with another second half: the decisions of the first half must be the same.
    let mut other = case.clone();
    let half_ms = case.start_ms + 36 * 3_600_000;
    for minute in case.matrix.minute_at(half_ms)..case.matrix.minutes() {
        other.matrix.row_mut(crate::matrix::Kind::Write, minute).fill(1.0);
    }
    let bank = Bank::new(&other.matrix, other.start_ms, &settings.controller).unwrap();
    let changed = run(PolicyName::LastWeek, &other, &settings, &bank, &Curve::default()).unwrap();
    let before = |played: &Played| -> Vec<(i64, Vec<usize>)> {
        played.divisions.iter().filter(|(at_ms, _)| *at_ms < half_ms).cloned().collect()
    };
    assert!(before(&whole).len() > 2);
    assert_eq!(before(&whole), before(&changed));
}
