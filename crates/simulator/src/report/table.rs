//! Results as a text table, group by group.

use crate::evaluate::CaseResult;
use crate::evaluate::statistics::{self as sums, Figure, Ratio, figure};
use crate::policies::PolicyName;
use crate::workloads::Stratum;
use std::fmt::Write;

/// What a table's groups are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// Kinds of task.
    Stratum,
    /// Workloads.
    Workload,
}

/// A column: its head, its figures' form, and what they are.
struct Column<'a> {
    head: &'static str,
    form: Form,
    ratio: Ratio<'a>,
}

#[derive(Clone, Copy)]
enum Form {
    /// As per cent.
    Percent,
    /// One minus it, as per cent.
    Saved,
    /// With so many decimals.
    Number(usize),
}

/// What is said below every table.
pub const METHOD: &str = "\
throttled: invocations refused at least once, of all. vs tuned: throttled invocations spared against the
reactive thresholds that throttle least at the same partition-hours, known in hindsight (interpolated;
'-' where reacting throttles nobody at that cost either). same service: partition-hours over what reactive
thresholds, known in hindsight, pay to throttle no more. rewritten: how often actions have the table's data
rewritten per day. Each figure is a ratio of sums over all cases of
the group; in brackets 95 % percentile bootstrap intervals over seeds (1,000 resamples), none with one seed.";

/// The tables of all groups.
pub fn tables(results: &[CaseResult], policies: &[PolicyName], by: GroupBy) -> String {
    let mut text = String::new();
    for (name, cases) in groups(results, by) {
        let mut workloads: Vec<&str> = cases.iter().map(|case| case.workload.as_str()).collect();
        workloads.dedup();
        let seeds = cases.len() / workloads.len().max(1);
        let _ = writeln!(
            text,
            "{name}: {} ({seeds} seed{}, {:.1} days each)",
            workloads.join(", "),
            if seeds == 1 { "" } else { "s" },
            cases.iter().map(|case| case.hours).sum::<f64>() / cases.len() as f64 / 24.0,
        );
        text.push_str(&table(&cases, policies));
        text.push('\n');
    }
    text.push_str(METHOD);
    text.push('\n');
    text
}

/// Results by group, in the order of strata or of the results.
pub fn groups(results: &[CaseResult], by: GroupBy) -> Vec<(String, Vec<&CaseResult>)> {
    let mut groups: Vec<(String, Vec<&CaseResult>)> = Vec::new();
    if by == GroupBy::Stratum {
        groups.extend(Stratum::ALL.map(|stratum| (stratum.name().to_string(), Vec::new())));
    }
    for case in results {
        let name = match by {
            GroupBy::Stratum => case.stratum.name().to_string(),
            GroupBy::Workload => format!("{} ({})", case.workload, case.stratum.name()),
        };
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, cases)) => cases.push(case),
            None => groups.push((name, vec![case])),
        }
    }
    groups.retain(|(_, cases)| !cases.is_empty());
    groups
}

fn table(cases: &[&CaseResult], policies: &[PolicyName]) -> String {
    let over_oracle = sums::cost_over(PolicyName::Oracle);
    let over_peak = sums::cost_over(PolicyName::StaticPeak);
    let columns = [
        Column { head: "throttled %", form: Form::Percent, ratio: &sums::throttled_share },
        Column { head: "vs tuned %", form: Form::Saved, ratio: &sums::throttled_over_curve },
        Column { head: "same service x", form: Form::Number(2), ratio: &sums::cost_over_curve },
        Column { head: "overload min/d", form: Form::Number(2), ratio: &sums::overload_minutes },
        Column { head: "partitions", form: Form::Number(2), ratio: &sums::partitions },
        Column { head: "over oracle x", form: Form::Number(2), ratio: &over_oracle },
        Column { head: "over peak x", form: Form::Number(2), ratio: &over_peak },
        Column { head: "actions/d", form: Form::Number(1), ratio: &sums::actions },
        Column { head: "rewritten x/d", form: Form::Number(2), ratio: &sums::rewritten },
        Column { head: "needless/mo", form: Form::Number(1), ratio: &sums::needless },
        Column { head: "in time %", form: Form::Percent, ratio: &sums::in_time },
        Column { head: "false alarm %", form: Form::Percent, ratio: &sums::false_alarms },
    ];
    let mut rows = vec![std::iter::once("policy".to_string()).collect::<Vec<String>>()];
    rows[0].extend(columns.iter().map(|column| column.head.to_string()));
    for &policy in policies {
        let mut row = vec![policy.name().to_string()];
        row.extend(columns.iter().map(|column| {
            figure(cases, policy, column.ratio).map_or_else(|| "-".into(), |f| column.form.text(f))
        }));
        rows.push(row);
    }
    aligned(&rows)
}

impl Form {
    fn text(self, figure: Figure) -> String {
        let one = |value: f64| match self {
            Self::Percent => percent(value * 100.0),
            Self::Saved => format!("{:.0}", (1.0 - value) * 100.0),
            Self::Number(decimals) => format!("{value:.decimals$}"),
        };
        let text = one(figure.value);
        match figure.interval {
            None => text,
            Some((low, high)) => {
                let (low, high) = match self {
                    Self::Saved => (one(high), one(low)),
                    _ => (one(low), one(high)),
                };
                if low == text && high == text { text } else { format!("{text} [{low}, {high}]") }
            }
        }
    }
}

/// Per cent with as many decimals as small shares need.
fn percent(value: f64) -> String {
    match value {
        0.0 => "0".into(),
        value if value < 0.01 => format!("{value:.4}"),
        value if value < 1.0 => format!("{value:.3}"),
        value => format!("{value:.1}"),
    }
}

/// Columns as wide as they must be; the first to the left, the others to the right.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let _ = if column == 0 {
                write!(text, "{cell:width$}")
            } else {
                write!(text, "  {cell:>width$}")
            };
        }
        let line = text.trim_end().len();
        text.truncate(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::{Curve, CurvePoint};
    use crate::report::Report;

    fn case(seed: u64, throttled: u64) -> CaseResult {
        let report = |policy: PolicyName, throttled, partition_hours| Report {
            policy: policy.name().into(),
            requests: 1_000,
            throttled,
            partition_hours,
            ..Report::default()
        };
        CaseResult {
            workload: "diurnal".into(),
            stratum: Stratum::Predictable,
            seed,
            hours: 24.0,
            runs: vec![
                report(PolicyName::Predictive, throttled, 48.0),
                report(PolicyName::Oracle, 0, 40.0),
            ],
            curve: Curve {
                points: vec![CurvePoint {
                    setting: 0,
                    partition_hours: 48.0,
                    throttled: 20,
                    throttled_share: 0.02,
                }],
            },
        }
    }

    #[test]
    fn figures_stand_in_their_columns() {
        let policies = [PolicyName::Predictive, PolicyName::Oracle];
        let text = tables(&[case(1, 5)], &policies, GroupBy::Stratum);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "predictable: diurnal (1 seed, 1.0 days each)");
        assert!(lines[1].starts_with("policy"));
        let row: Vec<&str> = lines[2].split_whitespace().collect();
        assert_eq!(row[..7], ["predictive", "0.500", "75", "-", "0.00", "2.00", "1.20"]);
        assert!(text.contains("bootstrap"));
    }

    #[test]
    fn several_seeds_have_intervals() {
        let text = tables(&[case(1, 0), case(2, 10)], &[PolicyName::Predictive], GroupBy::Workload);
        assert!(text.contains("0.500 [0, 1.0]"), "{text}");
        assert!(text.contains("75 [50, 100]"), "{text}");
        assert!(text.starts_with("diurnal (predictable)"));
    }
}
