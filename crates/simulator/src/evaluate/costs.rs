//! From which action cost on predicting pays.
//!
//! The same cases are played with actions as they were measured (or are given), and with longer ones, new
//! partitions being cold for as long as the action took, and for each length the advantage is worked out: the
//! share of throttled invocations spared against the reactive thresholds that throttle least at the
//! same partition-hours, known in hindsight. The break-even is the shortest length from which on
//! predicting throttles no more than they do.

use super::statistics::{Figure, figure, throttled_over_curve};
use super::{CaseResult, Plan, evaluate};
use crate::error::SimulatorError;
use crate::minutes::ActionCosts;
use crate::policies::PolicyName;
use crate::report::table::{GroupBy, aligned, groups};
use std::fmt::Write;

/// The action lengths that are tried beside the plan's own, in seconds: a move, a move with data, a node
/// that is started, a small rekey. None of these is measured.
pub const DURATIONS_S: [i64; 6] = [1, 10, 60, 180, 600, 1_800];

/// The costs that are tried: the plan's own first, then longer ones.
pub fn tried(own: ActionCosts) -> Vec<ActionCosts> {
    let lengths_ms = DURATIONS_S.into_iter().map(|seconds| seconds * 1_000);
    let longer = lengths_ms.filter(|&length_ms| length_ms > own.duration_ms);
    std::iter::once(own).chain(longer.map(|length_ms| own.lasting(length_ms))).collect()
}

/// A length of actions in milliseconds, and what came of it.
pub type Swept = (i64, Vec<CaseResult>);

/// The plan played once per length of action; `done` is called after each run.
pub fn sweep(plan: &Plan, done: &(dyn Fn() + Sync)) -> Result<Vec<Swept>, SimulatorError> {
    let one = |action: ActionCosts| {
        let mut plan = plan.clone();
        plan.settings.action = action;
        Ok((action.duration_ms, evaluate(&plan, done)?))
    };
    tried(plan.settings.action).into_iter().map(one).collect()
}

/// A table of advantages by length of action, with the break-even, group by group.
pub fn table(swept: &[Swept], policies: &[PolicyName], by: GroupBy) -> String {
    let mut text = String::new();
    let names: Vec<String> = match swept.first() {
        Some((_, results)) => groups(results, by).into_iter().map(|(name, _)| name).collect(),
        None => return text,
    };
    for name in names {
        let _ =
            writeln!(text, "{name}: throttled invocations spared at equal cost, by action length");
        let head = swept.iter().map(|(length_ms, _)| seconds(*length_ms));
        let head = std::iter::once("policy".to_string()).chain(head);
        let mut rows: Vec<Vec<String>> = vec![head.chain(["break-even".to_string()]).collect()];
        for &policy in policies {
            let figures: Vec<(i64, Option<Figure>)> = swept
                .iter()
                .map(|(length_ms, results)| {
                    let group = groups(results, by).into_iter().find(|(known, _)| *known == name);
                    let cases = group.map(|(_, cases)| cases).unwrap_or_default();
                    (*length_ms, figure(&cases, policy, &throttled_over_curve))
                })
                .collect();
            let mut row = vec![policy.name().to_string()];
            row.extend(figures.iter().map(|(_, figure)| advantage(*figure)));
            row.push(break_even(&figures));
            rows.push(row);
        }
        text.push_str(&aligned(&rows));
        text.push('\n');
    }
    text
}

fn advantage(figure: Option<Figure>) -> String {
    figure.map_or_else(|| "-".into(), |figure| format!("{:.0} %", (1.0 - figure.value) * 100.0))
}

/// From which length on the policy throttles no more than reacting, whatever comes above.
fn break_even(figures: &[(i64, Option<Figure>)]) -> String {
    let pays = |(_, figure): &&(i64, Option<Figure>)| figure.is_some_and(|f| f.value <= 1.0);
    let last = figures.iter().rev().take_while(pays).last();
    last.map_or_else(|| "none".into(), |(length_ms, _)| seconds(*length_ms))
}

fn seconds(length_ms: i64) -> String {
    format!("{} s", length_ms as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_break_even_holds_for_all_that_is_longer() {
        let figure = |value: f64| Some(Figure { value, interval: None });
        let found = |values: [Option<Figure>; 4]| {
            let lengths_ms = (1..).map(|seconds| seconds * 1_000);
            let figures: Vec<(i64, Option<Figure>)> = lengths_ms.zip(values).collect();
            break_even(&figures)
        };
        assert_eq!(found([figure(2.0), figure(0.5), figure(0.9), figure(0.1)]), "2 s");
        assert_eq!(found([figure(0.2), figure(1.5), figure(0.9), figure(0.1)]), "3 s");
        assert_eq!(found([figure(0.2), figure(0.2), figure(0.9), figure(1.1)]), "none");
        assert_eq!(found([None, figure(0.2), figure(0.9), figure(0.1)]), "2 s");
        assert_eq!(advantage(figure(0.25)), "75 %");
    }

    #[test]
    fn the_given_costs_come_first_and_long_actions_stay_cold_longer() {
        let own = ActionCosts { duration_ms: 20_000, cold_ms: 100_000, ..ActionCosts::default() };
        let tried = tried(own);
        let lengths: Vec<i64> = tried.iter().map(|action| action.duration_ms / 1_000).collect();
        assert_eq!(lengths, [20, 60, 180, 600, 1_800]);
        let cold: Vec<i64> = tried.iter().map(|action| action.cold_ms / 1_000).collect();
        assert_eq!(cold, [100, 100, 180, 600, 1_800]);
        assert_eq!(tried[0], own);
        assert_eq!(seconds(180), "0.18 s");
    }
}
