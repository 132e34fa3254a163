//! Prints how the demo's workload fares under every policy, for actions that take 1, 60 and 150 s.
//!
//! `cargo run --release -p simulator --example online_retail [days]`

use planner::{
    Judgement, PlannerSettings, Policy, Predictive, ReactiveDynamoDb, ReactiveFast, Static, Trigger,
};
use simulator::{OnlineRetail, Run, Scenario, run, scenario};
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let trace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../traces/online-retail.csv.gz");
    let mut parameters = OnlineRetail::default();
    if let Some(days) = std::env::args().nth(1) {
        parameters.days = days.parse()?;
    }
    let scenario = scenario::online_retail(&trace, parameters)?;
    println!(
        "{} events, {} keys, capacity per partition {:.3} read and {:.3} write units/s",
        scenario.workload.events.len(),
        scenario.workload.keys_len(),
        scenario.capacity.read,
        scenario.capacity.write,
    );
    let shuffled = scenario.with_shuffled_history(1);
    for action_ms in [1_000, 60_000, 150_000] {
        println!("\nactions take {} s", action_ms / 1000);
        println!(
            "policy                    requests throttled overload-min part-hours  max  end split merge needless  ahead in-time lead-p50-s floor"
        );
        let with_floor = |scenario: &Scenario| {
            let mut settings = scenario.planner_settings();
            settings.action.duration_ms = action_ms;
            settings
        };
        let without = |scenario: &Scenario| PlannerSettings { floor: None, ..with_floor(scenario) };
        let cases: Vec<(&str, &Scenario, Box<dyn Policy>)> = vec![
            ("static", &scenario, Box::new(Static)),
            ("reactive-dynamodb", &scenario, Box::new(ReactiveDynamoDb::default())),
            ("reactive-fast", &scenario, Box::new(ReactiveFast::default())),
            ("predictive", &scenario, Box::new(Predictive::new(with_floor(&scenario)))),
            ("  floor off", &scenario, Box::new(Predictive::new(without(&scenario)))),
            ("  shuffled", &shuffled, Box::new(Predictive::new(with_floor(&shuffled)))),
            ("  shuffled, floor off", &shuffled, Box::new(Predictive::new(without(&shuffled)))),
        ];
        for (name, scenario, policy) in cases {
            let mut settings = scenario.simulation_settings();
            settings.action_ms = action_ms;
            let begun = std::time::Instant::now();
            print(name, &run(&scenario.workload, &settings, policy)?);
            if std::env::var_os("TIMES").is_some() {
                println!("    {:?}", begun.elapsed());
            }
        }
    }
    Ok(())
}

fn print(name: &str, run: &Run) {
    let r = &run.report;
    let floor = run.decisions.iter().filter(|(d, _)| d.action.trigger == Trigger::Floor).count();
    let in_time = run.decisions.iter().filter(|(_, o)| o.judgement == Judgement::InTime).count();
    println!(
        "{name:24} {:9} {:9} {:12} {:10.1} {:4} {:4} {:5} {:5} {:8} {:6} {:7} {:>10} {floor:5}",
        r.requests,
        r.throttled,
        r.overload_minutes,
        r.partition_hours,
        r.partitions_max,
        r.partitions_end,
        r.actions.split,
        r.actions.merge,
        r.needless_actions,
        run.ahead().count(),
        in_time,
        r.lead_seconds.map_or_else(|| "-".into(), |lead| format!("{:.0}", lead.p50)),
    );
    if std::env::var_os("DECISIONS").is_some() {
        for (decision, outcome) in &run.decisions {
            println!(
                "    {} {:?} {}→{} {:?} lead {:?} {}",
                decision.at_ms / 1000,
                decision.action.trigger,
                decision.action.sources.len(),
                decision.action.children(),
                outcome.judgement,
                outcome.lead_ms.map(|lead_ms| lead_ms / 1000),
                decision.action.reason,
            );
        }
    }
}
