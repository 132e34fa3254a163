use super::*;
use crate::random::Random;
use crate::simulation::SimulationSettings;
use crate::workload::Workload;
use crate::workloads;
use planner::{PlannerSettings, Predictive, ReactiveFast, Static};

fn case(name: &str, seed: u64, days: i64) -> Case {
    let mut case = Case::generated(workloads::find(name).unwrap(), seed);
    case.end_ms = case.start_ms + days * 24 * 3_600_000;
    case.matrix.cut(case.end_ms);
    case
}

fn bank(case: &Case) -> Bank {
    Bank::new(&case.matrix, case.start_ms, &PlaySettings::default().controller).unwrap()
}

fn run(case: &Case, bank: &Bank, sight: Sight, policy: impl Policy) -> Played {
    let initial = case.initial();
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

#[test]
fn a_floor_that_waits_for_credit_to_run_out_is_not_late() {
    let case = surge();
    let mut settings = PlaySettings { burst_s: 30.0, ..PlaySettings::default() };
    settings.action.cold_ms = 0;
    let policy = Predictive::new(PlannerSettings::default());
    let played = play(&case, &case.even(2), &settings, &bank(&case), Sight::Past, policy).unwrap();
    // 30 s of 50 units/s last 100 s at 15 too many: the middle of a minute.
    assert_eq!(played.run.report.actions.split, 1, "{:?}", played.run.report);
    assert_eq!(played.run.report.throttled, 0);
}

/// Requests one by one, as many in each minute and cell as the matrix says, at drawn moments.
fn requests_of(matrix: &crate::matrix::LoadMatrix, random: Random) -> Workload {
    let mut workload = Workload::default();
    let client = workload.client_number("c");
    // A key in every cell: names are tried until each has one.
    let mut keys = vec![None; crate::matrix::CELLS];
    for number in 0.. {
        let key = workload.key_number(&format!("k{number}"));
        let cell = crate::matrix::cell_of_key(workload.key(key).storage_key.as_bytes());
        keys[cell].get_or_insert(key);
        if keys.iter().all(Option::is_some) {
            break;
        }
    }
    for minute in 0..matrix.minutes() {
        let row = matrix.row(crate::matrix::Kind::Write, minute).unwrap();
        for (cell, load) in row.iter().enumerate() {
            let random = random.of(minute as u64).of(cell as u64);
            let expected = f64::from(*load) * 60.0;
            let count = (expected + random.of(0).unit()) as u64;
            workload.events.extend((1..=count).map(|i| crate::workload::Event {
                at_ms: matrix.start_ms()
                    + MINUTE_MS * minute as i64
                    + random.of(i).below(MINUTE_MS as u64) as i64,
                key: keys[cell].unwrap(),
                client,
                request: ::workload::RequestType::Store,
                bytes: 100,
                quantity: 0,
            }));
        }
    }
    workload.events.sort_by_key(|event| event.at_ms);
    workload
}

/// Ten minutes of history, an hour at 80 requests/s and an hour at 130, on partitions of 50.
fn surge() -> Case {
    let mut matrix = crate::matrix::LoadMatrix::new(0, 130);
    for minute in 0..130 {
        let load = if (70..130).contains(&minute) { 130.0 } else { 80.0 };
        matrix.row_mut(crate::matrix::Kind::Write, minute).fill(load / 256.0);
    }
    Case {
        divided: None,
        workload: "surge".into(),
        stratum: workloads::Stratum::Surprise,
        seed: 1,
        start_ms: 10 * MINUTE_MS,
        end_ms: matrix.end_ms(),
        capacity: types::Units { read: 50.0, write: 50.0 },
        matrix,
    }
}

#[test]
fn a_costlier_file_makes_actions_take_longer_and_hold_more_writes() {
    let case = surge();
    let bank = bank(&case);
    let played = |total_ms, pause_ms| {
        let mut costs = MeasuredCosts::embedded().clone();
        costs.split = crate::costs::Reslice { total_ms, pause_ms };
        let action = costs.action();
        let settings = PlaySettings { burst_s: 30.0, action, ..PlaySettings::default() };
        let fast = ReactiveFast::default();
        play(&case, &case.even(2), &settings, &bank, Sight::Present, fast).unwrap()
    };
    let (cheap, costly) = (played(200.0, 100.0), played(90_000.0, 1_000.0));
    for (played, duration_ms, pause_s) in [(&cheap, 200, 0.1), (&costly, 90_000, 1.0)] {
        let (decision, _) = &played.run.decisions[0];
        assert_eq!(played.divisions[1].0 - decision.at_ms, duration_ms);
        // Each half has 40 or 65 writes a second, and both are split once.
        let held = played.run.report.held_writes as f64 / pause_s;
        assert_eq!(played.run.report.actions.split, 2);
        assert!((80.0..=140.0).contains(&held), "{held}");
    }
    assert!(costly.run.report.throttled > cheap.run.report.throttled);
}

#[test]
fn flows_fare_as_single_requests_do() {
    let case = surge();
    let requests = requests_of(&case.matrix, Random::new(1));
    let mut settings = PlaySettings { burst_s: 30.0, ..PlaySettings::default() };
    settings.action = ActionCosts { cold_ms: 0, ..settings.action.lasting(120_000) };
    let one_by_one = SimulationSettings {
        workload: "surge".into(),
        seed: 1,
        start_ms: case.start_ms,
        end_ms: case.end_ms,
        partitions: 2,
        capacity: case.capacity,
        burst_s: settings.burst_s,
        tick_ms: 1_000,
        action_ms: settings.action.duration_ms,
        retry: crate::RetrySettings::default(),
        merge: settings.planner.merge.clone(),
        controller: ControllerSettings { now_ms: 10_000, ..settings.controller.clone() },
        collector: ::workload::CollectorSettings::default(),
    };
    let bank = bank(&case);
    let policies: [fn() -> Box<dyn Policy>; 3] = [
        || Box::new(Static),
        || Box::new(ReactiveFast::default()),
        || Box::new(planner::Threshold::cockroach(1)),
    ];
    for policy in policies {
        let initial = case.even(2);
        let flows = play(&case, &initial, &settings, &bank, Sight::Present, policy()).unwrap();
        let flows = flows.run.report;
        let single = crate::run(&requests, &one_by_one, policy()).unwrap().report;
        let near = |a: f64, b: f64, tolerance: f64| (a - b).abs() <= tolerance * b.max(1.0);
        assert!(near(flows.requests as f64, single.requests as f64, 0.01));
        let (throttled, given_up) = (flows.throttled as f64, flows.given_up as f64);
        assert!(near(throttled, single.throttled as f64, 0.15), "{flows:?}\n{single:?}");
        assert!(near(given_up, single.given_up as f64, 0.15), "{flows:?}\n{single:?}");
        assert!(near(flows.partition_hours, single.partition_hours, 0.1), "{flows:?}\n{single:?}");
    }
}
