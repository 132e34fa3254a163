//! One case as a page that needs nothing but a browser.
//!
//! The page shows load and capacity over time, the heat map of the key axis with a policy's
//! boundaries, what was done and why, and throttling against partition-hours with the curve of what
//! reacting can buy. All data are inside it; nothing is fetched. The template is `page.html`.

use super::Report;
use crate::case::Case;
use crate::error::SimulatorError;
use crate::evaluate::play_case;
use crate::matrix::{CELLS, MINUTE_MS};
use crate::minutes::{PlaySettings, Played};
use crate::policies::{CurvePoint, PolicyName};
use planner::load::utilisation;
use serde::Serialize;

const TEMPLATE: &str = include_str!("page.html");
const HOUR_MINUTES: usize = 60;
/// The most actions of one policy that are listed.
const ACTIONS_MAX: usize = 400;
/// The hottest cell of the map has this value.
const HEAT_MAX: f64 = 255.0;

#[derive(Serialize)]
struct Page<'a> {
    workload: &'a str,
    seed: u64,
    start_ms: i64,
    capacity_write: f64,
    capacity_read: f64,
    /// How many partitions' worth of load there is, per hour: the busiest minute.
    needed: Vec<f64>,
    /// Per hour the heat of every cell, 0 to 255 of the hottest, by its fuller kind of load.
    heat: Vec<Vec<u8>>,
    policies: Vec<PolicyPage>,
    curve: Vec<CurvePoint>,
}

#[derive(Serialize)]
struct PolicyPage {
    report: Report,
    /// When, and the first cells of all partitions from then on.
    divisions: Vec<(i64, Vec<usize>)>,
    throttled_hourly: Vec<f64>,
    actions: Vec<ActionRow>,
    actions_all: usize,
}

#[derive(Serialize)]
struct ActionRow {
    at_ms: i64,
    sources: usize,
    children: usize,
    trigger: planner::Trigger,
    judgement: planner::Judgement,
    lead_s: Option<i64>,
    reason: String,
}

/// The page of a case, all policies played on it.
pub fn page(
    case: &Case,
    policies: &[PolicyName],
    settings: &PlaySettings,
    done: impl Fn(),
) -> Result<String, SimulatorError> {
    let mut pages = Vec::new();
    let result = play_case(case, policies, settings, |run| {
        pages.extend(run.map(|(_, played)| policy_page(played)));
        done();
    })?;
    let page = Page {
        workload: &case.workload,
        seed: case.seed,
        start_ms: case.start_ms,
        capacity_write: case.capacity.write,
        capacity_read: case.capacity.read,
        needed: needed(case),
        heat: heat(case),
        policies: pages,
        curve: result.curve.points,
    };
    // A name could hold the end of a script; the data must not.
    let data = serde_json::to_string(&page)?.replace("</", "<\\/");
    Ok(TEMPLATE.replace("/*DATA*/null", &data))
}

fn policy_page(played: &Played) -> PolicyPage {
    let row = |(decision, outcome): &(planner::Decision, planner::Outcome)| ActionRow {
        at_ms: decision.at_ms,
        sources: decision.action.sources.len(),
        children: decision.action.children(),
        trigger: decision.action.trigger,
        judgement: outcome.judgement,
        lead_s: outcome.lead_ms.map(|lead_ms| lead_ms / 1000),
        reason: decision.action.reason.clone(),
    };
    PolicyPage {
        report: played.run.report.clone(),
        divisions: played.divisions.clone(),
        throttled_hourly: played.throttled_hourly.clone(),
        actions: played.run.decisions.iter().take(ACTIONS_MAX).map(row).collect(),
        actions_all: played.run.decisions.len(),
    }
}

/// The minutes of each hour that is played.
fn hours(case: &Case) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    let first = case.matrix.minute_at(case.start_ms);
    let end = case.matrix.minute_at(case.end_ms);
    (first..end).step_by(HOUR_MINUTES).map(move |minute| minute..(minute + HOUR_MINUTES).min(end))
}

fn needed(case: &Case) -> Vec<f64> {
    let full = |minute| utilisation(case.matrix.load(minute, 0..CELLS), case.capacity);
    hours(case).map(|minutes| minutes.map(full).fold(0.0, f64::max)).collect()
}

fn heat(case: &Case) -> Vec<Vec<u8>> {
    let mean = |minutes: &std::ops::Range<usize>, cell: usize| {
        let loads = minutes.clone().map(|minute| case.matrix.load(minute, cell..cell + 1));
        let full = loads.map(|load| utilisation(load, case.capacity)).sum::<f64>();
        full / minutes.len() as f64
    };
    let heats: Vec<Vec<f64>> =
        hours(case).map(|minutes| (0..CELLS).map(|cell| mean(&minutes, cell)).collect()).collect();
    let hottest = heats.iter().flatten().copied().fold(f64::MIN_POSITIVE, f64::max);
    let scaled = |heat: f64| (heat / hottest * HEAT_MAX).round() as u8;
    heats.into_iter().map(|row| row.into_iter().map(scaled).collect()).collect()
}

/// How many minutes an hour of the page has, for its axis.
pub const PAGE_STEP_MS: i64 = HOUR_MINUTES as i64 * MINUTE_MS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_its_data_and_fetches_nothing() {
        let generator = crate::workloads::find("batch-step").unwrap();
        let mut case = Case::generated(generator, 1);
        case.end_ms = case.start_ms + 24 * PAGE_STEP_MS;
        case.workload = "</script><b>".into();
        let policies = [PolicyName::Static, PolicyName::ReactiveFast];
        let text = page(&case, &policies, &PlaySettings::default(), || ()).unwrap();
        assert!(!text.contains("</script><b>"), "data end no script");
        assert!(!text.contains("http://") && !text.contains("https://"));
        let start = text.find("const DATA = ").unwrap() + "const DATA = ".len();
        let end = start + text[start..].find(";\n").unwrap();
        let data: serde_json::Value = serde_json::from_str(&text[start..end]).unwrap();
        assert_eq!(data["needed"].as_array().unwrap().len(), 24);
        assert_eq!(data["heat"][0].as_array().unwrap().len(), CELLS);
        let fast = &data["policies"][1];
        assert_eq!(fast["report"]["policy"], "reactive-fast");
        assert!(fast["actions"][0]["reason"].as_str().unwrap().contains("full"));
    }
}
