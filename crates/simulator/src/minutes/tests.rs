use super::*;
use crate::workloads;
use planner::{PlannerSettings, Predictive, ReactiveFast, Static};

fn case(name: &str, seed: u64, days: i64) -> Case {
    let mut case = Case::generated(workloads::find(name).unwrap(), seed);
    case.end_ms = case.start_ms + days * 24 * 3_600_000;
    case.matrix.cut(case.end_ms);
    case
}

fn bank(case: &Case) -> Bank {
    Bank::new(&case.matrix, case.start_ms, &PlaySettings::default().controller.forecast)
}

fn run(case: &Case, bank: &Bank, sight: Sight, policy: impl Policy) -> Played {
    let initial = Case::even(case.partitions_for_mean());
    play(case, &initial, &PlaySettings::default(), bank, sight, policy).unwrap()
}

fn predictive() -> Predictive {
    Predictive::new(PlannerSettings::default())
}

#[test]
fn shared_forecasts_lead_to_the_same_decisions() {
    for name in ["diurnal", "tenant-onboarding"] {
        let case = case(name, 1, 3);
        let shared = bank(&case);
        // Somebody else, who asks about other partitions at other times.
        let other = PlannerSettings { floor: None, ..PlannerSettings::default() };
        run(&case, &shared, Sight::Forecast, Predictive::new(other));
        let with = run(&case, &shared, Sight::Forecast, predictive());
        let without = run(&case, &bank(&case), Sight::Forecast, predictive());
        assert!(!with.run.decisions.is_empty(), "{name}");
        assert_eq!(with, without, "{name}");
    }
}

#[test]
fn a_constant_load_is_left_alone() {
    let case = case("constant", 1, 2);
    let bank = bank(&case);
    let run = run(&case, &bank, Sight::Forecast, predictive()).run;
    assert_eq!(run.decisions, []);
    assert_eq!(run.report.throttled, 0);
    assert_eq!(run.report.partition_hours, 5.0 * 48.0);
    assert_eq!(run.report.requests, 3_500 * 2 * 86_400);
}

#[test]
fn who_cannot_split_throttles_and_who_can_does_not() {
    let case = case("diurnal", 1, 2);
    let bank = bank(&case);
    let fixed = run(&case, &bank, Sight::Present, Static).run.report;
    let fast = run(&case, &bank, Sight::Present, ReactiveFast::default()).run.report;
    assert!(fixed.throttled_share > 0.05, "{fixed:?}");
    assert!(fast.throttled_share < 0.001, "{fast:?}");
    assert!(fast.partition_hours > fixed.partition_hours);
    assert_eq!(fixed.requests, fast.requests);
}
