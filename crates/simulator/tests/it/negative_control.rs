//! Is it the forecast that helps, or something else?
//!
//! The predictive policy is stripped of its reactive floor, so that nothing but a forecast can make
//! it act, and then robbed of what a forecast lives on: the history keeps every request, key and
//! rate, but its five-minute bins are permuted in time. If the advantage over a reactive store
//! stayed, it would have come from somewhere else (an oversized capacity, a favoured split point, a
//! bug that lets the policy see the future), and no result of this project could be believed.

use planner::{PlannerSettings, Policy, Predictive, ReactiveDynamoDb, Trigger};
use simulator::{OnlineRetail, Run, Scenario, run, scenario};
use std::path::Path;

/// The whole policy may leave at most this share of the reactive policy's throttling.
const WHOLE_MAX: f64 = 0.2;
/// And its forecast alone this: bursts that nothing announced are the floor's, which is off here.
const FORECAST_ALONE_MAX: f64 = 1.0 / 3.0;
/// With the history shuffled, at least this share must come back.
const SHUFFLED_MIN: f64 = 0.8;
/// Fewer throttled invocations than this under the reactive policy would prove nothing.
const THROTTLED_MIN: u64 = 100;

fn demo(amplification_seed: u64) -> Scenario {
    let trace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../traces/online-retail.csv.gz");
    let mut parameters = OnlineRetail::default();
    parameters.amplification.seed = amplification_seed;
    scenario::online_retail(&trace, parameters).expect("the shipped trace")
}

fn play(scenario: &Scenario, policy: impl Policy) -> Run {
    run(&scenario.workload, &scenario.simulation_settings(), policy).expect("a valid scenario")
}

fn forecast_alone(scenario: &Scenario) -> Predictive {
    Predictive::new(PlannerSettings { floor: None, ..scenario.planner_settings() })
}

#[test]
fn the_advantage_disappears_with_the_order_of_history() {
    for seed in [1, 2] {
        let scenario = demo(seed);
        let reactive = play(&scenario, ReactiveDynamoDb::default()).report.throttled;
        let ours = play(&scenario, forecast_alone(&scenario));
        let shuffled = scenario.with_shuffled_history(seed);
        let blind = play(&shuffled, forecast_alone(&shuffled)).report.throttled;
        let share = |throttled: u64| throttled as f64 / reactive as f64;
        let figures = format!(
            "seed {seed}: reactive {reactive}, forecast alone {}, history shuffled {blind}",
            ours.report.throttled
        );
        println!("{figures}");
        assert!(reactive > THROTTLED_MIN, "{figures}");
        assert!(share(ours.report.throttled) <= FORECAST_ALONE_MAX, "{figures}");
        assert!(share(blind) >= SHUFFLED_MIN, "{figures}");
        assert!(ours.ahead().count() > 0, "{figures}: no split was ahead of a crossing");
    }
}

#[test]
fn the_whole_policy_throttles_a_fifth_of_what_reacting_does_and_acts_on_forecasts() {
    let scenario = demo(1);
    let reactive = play(&scenario, ReactiveDynamoDb::default()).report.throttled;
    let ours = play(&scenario, Predictive::new(scenario.planner_settings()));
    let throttled = ours.report.throttled;
    assert!(reactive > THROTTLED_MIN, "{reactive}");
    assert!(throttled as f64 <= WHOLE_MAX * reactive as f64, "{throttled} of {reactive}");
    let by_forecast =
        ours.decisions.iter().filter(|(decision, _)| decision.action.trigger == Trigger::Forecast);
    assert!(by_forecast.count() > 0);
    assert!(ours.ahead().count() > 0, "no split was ahead of a crossing");
}
