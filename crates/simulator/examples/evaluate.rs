//! What `foreshard simulate` prints, without building the store; and what each part of it costs.
//!
//! `cargo run --release -p simulator --example evaluate -- WORKLOADS [POLICIES [SEEDS [ACTION_S [BURST_S [FIRST_SEED]]]]]`
//!
//! With `TIMES` in the environment, CPU seconds per policy and week of one table follow, on stderr.

use simulator::evaluate::{Plan, Source, evaluate, play_case};
use simulator::minutes::PlaySettings;
use simulator::policies::PolicyName;
use simulator::report::table::{GroupBy, tables};
use simulator::workloads;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |at: usize, default: &str| {
        arguments.get(at).cloned().unwrap_or_else(|| default.to_string())
    };
    let names = given(0, "all");
    let wanted = |name: &&str| names == "all" || names.split(',').any(|given| given == *name);
    let sources = workloads::ALL.iter().filter(|generator| wanted(&generator.name));
    let mut settings = PlaySettings::default();
    settings.action.duration_ms = (given(3, "1").parse::<f64>()? * 1000.0) as i64;
    settings.burst_s = given(4, "300").parse()?;
    let plan = Plan {
        sources: sources.map(Source::Generated).collect(),
        first_seed: given(5, "1").parse()?,
        seeds: given(2, "1").parse()?,
        policies: PolicyName::list(&given(1, "standard"))?,
        settings,
        threads: 1,
    };
    if std::env::var_os("TIMES").is_some() {
        return times(&plan);
    }
    let by = if plan.sources.len() > 3 { GroupBy::Stratum } else { GroupBy::Workload };
    print!("{}", tables(&evaluate(&plan, &|| ())?, &plan.policies, by));
    Ok(())
}

fn times(plan: &Plan) -> Result<(), Box<dyn std::error::Error>> {
    for source in &plan.sources {
        let begun = Instant::now();
        let case = source.case(1)?;
        println!("{}: generated in {:?}", case.workload, begun.elapsed());
        let mut last = Instant::now();
        let weeks = case.hours() / 168.0;
        play_case(&case, &plan.policies, &plan.settings, |run| {
            let seconds = last.elapsed().as_secs_f64() / weeks;
            let what = run.map_or("the tuned rival's grid", |(policy, _)| policy.name());
            println!("  {what:26} {seconds:8.3} s per week");
            last = Instant::now();
        })?;
    }
    Ok(())
}
