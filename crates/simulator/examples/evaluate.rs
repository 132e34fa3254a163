//! What `foreshard simulate` prints, without building the store; and what each part of it costs.
//!
//! `cargo run --release -p simulator --example evaluate -- WORKLOADS|trace:FILE|rates:FILE|matrix:FILE [POLICIES [SEEDS [ACTION_S [BURST_S [FIRST_SEED]]]]]`
//!
//! With `TIMES` in the environment it prints the CPU seconds per policy and week of one table instead
//! (and with `DECISIONS` also every decision), with `COSTS` the advantage of predicting by action length.
//! `PLANNER` holds settings of our planner as JSON, such as `{"merge":{"utilisation_max":0.6}}`.
//! With `RESUME=DIR` results are kept there, and what is there is not played again.

use simulator::case::Case;
use simulator::evaluate::{Plan, Source, costs, evaluate, play_case};
use simulator::minutes::{Bank, PlaySettings};
use simulator::policies::{self, PolicyName};
use simulator::recording::{Recording, Span};
use simulator::report::html;
use simulator::report::table::{GroupBy, tables};
use simulator::workloads;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |at: usize, default: &str| {
        arguments.get(at).cloned().unwrap_or_else(|| default.to_string())
    };
    let sources = sources(&given(0, "all"));
    let mut settings = PlaySettings::default();
    if let Some(seconds) = arguments.get(3) {
        settings.action = settings.action.lasting((seconds.parse::<f64>()? * 1000.0) as i64);
    }
    settings.burst_s = given(4, "300").parse()?;
    if let Ok(planner) = std::env::var("PLANNER") {
        settings.planner = serde_json::from_str(&planner)?;
    }
    let plan = Plan {
        sources,
        first_seed: given(5, "1").parse()?,
        seeds: given(2, "1").parse()?,
        policies: PolicyName::list(&given(1, "standard"))?,
        settings,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        keep: std::env::var_os("RESUME").map(Into::into),
    };
    if let Some(file) = std::env::var_os("HTML") {
        let case = plan.sources[0].case(plan.first_seed)?;
        std::fs::write(file, html::page(&case, &plan.policies, &plan.settings, || ())?)?;
        return Ok(());
    }
    if std::env::var_os("TIMES").is_some() {
        return times(&plan);
    }
    if std::env::var_os("COSTS").is_some() {
        print!("{}", costs::table(&costs::sweep(&plan, &|| ())?, &plan.policies, GroupBy::Stratum));
        return Ok(());
    }
    let by = if plan.sources.len() > 3 { GroupBy::Stratum } else { GroupBy::Workload };
    print!("{}", tables(&evaluate(&plan, &|| ())?, &plan.policies, by));
    Ok(())
}

/// Workloads by name, or one file after `trace:`, `rates:` or `matrix:`.
fn sources(names: &str) -> Vec<Source> {
    let span = Span { days_max: 14, history_ms: None };
    let recorded = |recording| vec![Source::Recorded(recording, span)];
    if let Some(file) = names.strip_prefix("trace:") {
        return recorded(Recording::Trace(file.into()));
    }
    if let Some(file) = names.strip_prefix("rates:") {
        return recorded(Recording::Rates(file.into()));
    }
    if let Some(file) = names.strip_prefix("matrix:") {
        return recorded(Recording::Matrix(file.into()));
    }
    let wanted = |name: &&str| names == "all" || names.split(',').any(|given| given == *name);
    let found = workloads::ALL.iter().filter(|generator| wanted(&generator.name));
    found.map(Source::Generated).collect()
}

fn times(plan: &Plan) -> Result<(), Box<dyn std::error::Error>> {
    for source in &plan.sources {
        let begun = cpu_seconds()?;
        let case = source.case(1)?;
        let mut last = cpu_seconds()?;
        println!("{}: generated in {:.3} s", case.workload, last - begun);
        let weeks = case.hours() / 168.0;
        play_case(&case, &plan.policies, &plan.settings, |run| {
            let now = cpu_seconds().unwrap_or(f64::NAN);
            let seconds = (now - last) / weeks;
            let what = run.map_or("the tuned rival's grid", |(policy, _)| policy.name());
            println!("  {what:26} {seconds:8.3} s per week");
            if let (Some((_, played)), true) = (run, std::env::var_os("DECISIONS").is_some()) {
                for (decision, outcome) in &played.run.decisions {
                    let action = &decision.action;
                    println!(
                        "    day {:5.2} {:?} {} to {} {:?}: {}",
                        (decision.at_ms - case.start_ms) as f64 / 86_400_000.0,
                        action.trigger,
                        action.sources.len(),
                        action.children(),
                        outcome.judgement,
                        action.reason
                    );
                }
            }
            last = cpu_seconds().unwrap_or(f64::NAN);
        })?;
        shared_pass(&case, plan, weeks)?;
    }
    Ok(())
}

/// What ours costs once all forecasts have been made, which policies share.
fn shared_pass(case: &Case, plan: &Plan, weeks: f64) -> Result<(), Box<dyn std::error::Error>> {
    let bank = Bank::new(&case.matrix, case.start_ms, &plan.settings.controller)?;
    for what in ["forecasting pass and predictive", "predictive after it"] {
        let begun = cpu_seconds()?;
        policies::run(
            PolicyName::Predictive,
            case,
            &plan.settings,
            &bank,
            &policies::Curve::default(),
        )?;
        println!("  {what:31} {:8.3} s per week", (cpu_seconds()? - begun) / weeks);
    }
    println!("  {} forecasters", bank.forecasters());
    Ok(())
}

/// The CPU time of this thread: what others do on the machine is no part of it.
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split_whitespace().next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}
