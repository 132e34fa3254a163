//! Sums over cases with 95 % intervals.
//!
//! **Figures are ratios of sums** (throttled over all requests of a group), not means of ratios, so
//! that a quiet case does not weigh as much as a busy one. **Intervals** are percentile bootstraps over
//! seeds (Efron and Tibshirani, *An introduction to the bootstrap*, 1993, ch. 13): [`RESAMPLES`] times,
//! each workload's seeds are drawn anew with replacement, and the group's figure is worked out from
//! them; the interval holds the middle 95 %. They say how much the draw of the seed matters, not how
//! much the choice of workloads does. One seed has no interval.

use super::CaseResult;
use crate::policies::PolicyName;
use crate::random::Random;
use crate::report::Report;

/// How often seeds are drawn anew.
pub const RESAMPLES: u64 = 1_000;

/// A figure with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// The figure.
    pub value: f64,
    /// 95 % of the resampled figures lie within; `None` with one seed.
    pub interval: Option<(f64, f64)>,
}

/// What a figure is the ratio of.
pub type Ratio<'a> = &'a dyn Fn(&CaseResult, &Report) -> (f64, f64);

/// The ratio of sums for `policy` over the cases of a group; `None` where the denominator is zero.
pub fn figure(cases: &[&CaseResult], policy: PolicyName, ratio: Ratio<'_>) -> Option<Figure> {
    let parts: Vec<(&str, (f64, f64))> = cases
        .iter()
        .filter_map(|case| Some((case.workload.as_str(), ratio(case, case.of(policy)?))))
        .collect();
    let value = quotient(parts.iter().map(|(_, part)| *part))?;
    let groups = by_workload(&parts);
    if groups.iter().all(|group| group.len() < 2) {
        return Some(Figure { value, interval: None });
    }
    let mut drawn: Vec<f64> = (0..RESAMPLES).filter_map(|i| resample(&groups, i)).collect();
    drawn.sort_by(f64::total_cmp);
    let at = |share: f64| drawn.get((share * (drawn.len() as f64 - 1.0)).round() as usize).copied();
    let interval = at(0.025).zip(at(0.975));
    Some(Figure { value, interval })
}

fn quotient(parts: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (above, below) = parts.fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    (below > 0.0).then(|| above / below)
}

fn by_workload(parts: &[(&str, (f64, f64))]) -> Vec<Vec<(f64, f64)>> {
    let mut groups: Vec<(&str, Vec<(f64, f64)>)> = Vec::new();
    for &(workload, part) in parts {
        match groups.iter_mut().find(|(known, _)| *known == workload) {
            Some((_, group)) => group.push(part),
            None => groups.push((workload, vec![part])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn resample(groups: &[Vec<(f64, f64)>], number: u64) -> Option<f64> {
    let random = Random::new(0x626f_6f74).of(number);
    let mut drawn = Vec::new();
    for (group, parts) in (0..).zip(groups) {
        let draw = |i: u64| parts[random.of(group).of(i).below(parts.len() as u64) as usize];
        drawn.extend((0..parts.len() as u64).map(draw));
    }
    quotient(drawn.into_iter())
}

/// Throttled invocations over all.
pub fn throttled_share(_: &CaseResult, report: &Report) -> (f64, f64) {
    (report.throttled as f64, report.requests as f64)
}

/// Overload minutes per day.
pub fn overload_minutes(case: &CaseResult, report: &Report) -> (f64, f64) {
    (report.overload_minutes as f64, case.hours / 24.0)
}

/// Partitions in the mean over time.
pub fn partitions(case: &CaseResult, report: &Report) -> (f64, f64) {
    (report.partition_hours, case.hours)
}

/// Partition-hours over another policy's.
pub fn cost_over(other: PolicyName) -> impl Fn(&CaseResult, &Report) -> (f64, f64) {
    move |case, report| {
        let other = case.of(other).map_or(0.0, |other| other.partition_hours);
        if other > 0.0 { (report.partition_hours, other) } else { (0.0, 0.0) }
    }
}

/// Throttled invocations over what the tuned rival throttles at the same partition-hours.
pub fn throttled_over_curve(case: &CaseResult, report: &Report) -> (f64, f64) {
    (report.throttled as f64, case.curve.throttled_at(report.partition_hours))
}

/// Partition-hours over what the tuned rival pays to throttle no more; cases in which it cannot are
/// left out.
pub fn cost_over_curve(case: &CaseResult, report: &Report) -> (f64, f64) {
    let rival = case.curve.hours_at(report.throttled as f64);
    rival.map_or((0.0, 0.0), |rival| (report.partition_hours, rival))
}

/// Actions per day.
pub fn actions(case: &CaseResult, report: &Report) -> (f64, f64) {
    let actions = report.actions;
    let all = actions.split + actions.merge + actions.shift;
    (all as f64, case.hours / 24.0)
}

/// How often a table's data are rewritten per day.
pub fn rewritten(case: &CaseResult, report: &Report) -> (f64, f64) {
    (report.upkeep.rewritten_ratio, case.hours / 24.0)
}

/// Needless actions per month of 30 days.
pub fn needless(case: &CaseResult, report: &Report) -> (f64, f64) {
    (report.needless_actions as f64, case.hours / 720.0)
}

/// Of the splits without which somebody would have been throttled, those that were in time.
pub fn in_time(_: &CaseResult, report: &Report) -> (f64, f64) {
    (report.in_time as f64, (report.in_time + report.late) as f64)
}

/// Of the splits made on a forecast, those that were needless.
pub fn false_alarms(_: &CaseResult, report: &Report) -> (f64, f64) {
    (report.false_alarms as f64, report.preemptive as f64)
}
