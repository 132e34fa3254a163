//! The demo's two texts: what is going to be played, and what came of it.

use super::ledger::Audit;
use super::narrate::when;
use super::traffic::Tally;
use crate::service::Service;
use forecast::Outlook;
use manager::{DecisionDocument, DecisionsRequest};
use planner::plan::Trigger;
use simulator::Scenario;
use std::fmt;

/// Says what is real, what is synthetic, and how capacity was set.
pub(crate) fn introduction(scenario: &Scenario, speed: f64) -> String {
    let parameters = &scenario.parameters;
    let made = &parameters.amplification;
    let played = scenario.workload.between(parameters.start_ms, scenario.end_ms()).len();
    let imported =
        scenario.workload.between(scenario.history_start_ms(), parameters.start_ms).len();
    format!(
        "\
Workload: a retailer's invoice lines (UCI Online Retail II, CC BY 4.0), {} to {}
  real:      when how much is sold, which products, to whom
  synthetic: every line is written {} times under suffixed keys, with {} read(s) per write, each moved
             by up to {} min (the trace knows minutes only); items of about {} bytes
  history:   {} days before that are imported ({imported} requests)
  played:    {} days, {played} requests to each service, {:.0} minutes of real time at {speed} x
  capacity:  {:.3} read and {:.3} write units per (scaled) second and partition, {} partitions at the
             start: the imported weeks' {} quantile of 5-minute rates is {} x what these carry
",
        when(parameters.start_ms),
        when(scenario.end_ms()),
        made.copies,
        made.reads_per_write,
        made.jitter_ms / 60_000,
        made.item_bytes,
        parameters.history_days,
        parameters.days,
        parameters.days as f64 * 86_400.0 / speed / 60.0,
        scenario.capacity.read,
        scenario.capacity.write,
        parameters.partitions,
        parameters.capacity_quantile,
        parameters.capacity_overbooking,
    )
}

/// What one service and its clients have to show.
#[derive(Debug)]
pub(crate) struct Side {
    name: &'static str,
    tally: Tally,
    audit: Audit,
    partitions: usize,
    partition_hours: f64,
    actions: usize,
    by_forecast: usize,
    by_floor: usize,
    in_time: usize,
    needless: usize,
    leads_min: Vec<f64>,
    forecast_error: Option<f64>,
    pauses_ms: Vec<f64>,
}

impl Side {
    /// Reads the service's own records.
    pub(crate) fn gather(
        name: &'static str,
        service: &Service,
        table: &str,
        scenario: &Scenario,
        tally: Tally,
        audit: Audit,
    ) -> Self {
        let manager = service.manager();
        let of_table = DecisionsRequest { table: Some(table), ..Default::default() };
        let mut decisions = manager.decisions_document(&of_table).decisions;
        decisions.retain(|decision| decision.state == manager::State::Done);
        let count = |wanted: &dyn Fn(&DecisionDocument) -> bool| {
            decisions.iter().filter(|decision| wanted(decision)).count()
        };
        let mut leads_min: Vec<f64> = decisions
            .iter()
            .filter(|decision| decision.in_time)
            .filter_map(|decision| decision.entry.as_ref()?.outcome.as_ref()?.lead_ms)
            .map(|lead_ms| lead_ms as f64 / 60_000.0)
            .collect();
        leads_min.sort_by(f64::total_cmp);
        let mut pauses_ms: Vec<f64> =
            decisions.iter().filter_map(|d| Some(d.entry.as_ref()?.timing?.pause_ms)).collect();
        pauses_ms.sort_by(f64::total_cmp);
        Self {
            name,
            tally,
            audit,
            partitions: manager.partitions_document(table).map_or(0, |d| d.partitions.len()),
            partition_hours: partition_hours(scenario, &decisions),
            actions: decisions.len(),
            by_forecast: count(&|d| d.trigger == Trigger::Forecast),
            by_floor: count(&|d| d.trigger == Trigger::Floor),
            in_time: count(&|d| d.in_time),
            needless: count(&|d| d.needless),
            leads_min,
            forecast_error: forecast_error(service, table),
            pauses_ms,
        }
    }

    fn latency(&self, quantile: f64) -> String {
        format!("{:.2}", self.tally.latency_us.value_at_quantile(quantile) as f64 / 1e3)
    }
}

/// Partitions, integrated over the days played: what a policy costs while nobody is throttled.
fn partition_hours(scenario: &Scenario, done: &[DecisionDocument]) -> f64 {
    let end_ms = scenario.end_ms();
    let hours_left = |from_ms: i64| (end_ms - from_ms).max(0) as f64 / 3_600_000.0;
    let initial = f64::from(scenario.parameters.partitions);
    let changed = done.iter().filter_map(|decision| {
        let entry = decision.entry.as_ref()?;
        let action = &entry.decision.action;
        let more = action.children() as f64 - action.sources.len() as f64;
        Some(more * hours_left(entry.finished_ms?))
    });
    initial * hours_left(scenario.parameters.start_ms) + changed.sum::<f64>()
}

/// Mean pinball loss of the models in use, relative to the seasonal naive's on the same days.
fn forecast_error(service: &Service, table: &str) -> Option<f64> {
    let document = service.manager().forecast_document(table).ok()?;
    let errors: Vec<f64> = document
        .partitions
        .iter()
        .flat_map(|partition| [&partition.read, &partition.write])
        .filter_map(|outlook| match outlook {
            Outlook::Forecast(forecast) => {
                let error = &forecast.recent_error;
                let naive = error.seasonal_naive.filter(|naive| *naive > 0.0)?;
                Some(error.pinball / naive)
            }
            Outlook::Abstain(_) => None,
        })
        .collect();
    (!errors.is_empty()).then(|| errors.iter().sum::<f64>() / errors.len() as f64)
}

/// Both sides.
#[derive(Debug)]
pub(crate) struct Report {
    /// Ours first.
    pub(crate) sides: Vec<Side>,
    /// How many days were played.
    pub(crate) days: i64,
}

impl Report {
    /// Whether both services kept their promises. How much predicting saved is a result, not a
    /// check: the table shows it, whatever it is.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        for side in &self.sides {
            let Audit { lost, unexpected, doubled, .. } = side.audit;
            if lost + unexpected + doubled > 0 {
                return Err(format!(
                    "{}: {lost} acknowledged writes lost, {unexpected} unexpected, {doubled} doubled",
                    side.name
                ));
            }
            if let Some(failure) = &side.tally.first_failure {
                return Err(format!(
                    "{}: {} requests failed, the first with: {failure}",
                    side.name, side.tally.failed
                ));
            }
        }
        Ok(())
    }

    fn row(
        &self,
        f: &mut fmt::Formatter<'_>,
        label: &str,
        value: impl Fn(&Side) -> String,
    ) -> fmt::Result {
        write!(f, "  {label:<46}")?;
        for side in &self.sides {
            write!(f, " {:>20}", value(side))?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let none = || "-".to_owned();
        let median = |sorted: &[f64], digits: usize| {
            sorted.get(sorted.len() / 2).map_or_else(none, |m| format!("{m:.digits$}"))
        };
        writeln!(f, "\nAfter {} days:", self.days)?;
        self.row(f, "", |s| s.name.to_owned())?;
        self.row(f, "requests", |s| s.tally.requests.to_string())?;
        self.row(f, "throttled invocations", |s| s.tally.throttled.to_string())?;
        self.row(f, "  of these given up after 3 attempts", |s| s.tally.given_up.to_string())?;
        self.row(f, "failed otherwise", |s| s.tally.failed.to_string())?;
        self.row(f, "partitions at the end", |s| s.partitions.to_string())?;
        self.row(f, "partition-hours", |s| format!("{:.0}", s.partition_hours))?;
        self.row(f, "splits and merges", |s| s.actions.to_string())?;
        self.row(f, "  on a forecast / by the reactive floor", |s| {
            format!("{} / {}", s.by_forecast, s.by_floor)
        })?;
        self.row(f, "  finished before a crossing that then came", |s| s.in_time.to_string())?;
        self.row(f, "  needless", |s| s.needless.to_string())?;
        self.row(f, "lead time of those in time, median (min)", |s| median(&s.leads_min, 0))?;
        self.row(f, "writes waited per action, p50 / p99 / max (ms)", |s| {
            let at = |quantile: f64| {
                let last = s.pauses_ms.len().checked_sub(1);
                last.map(|last| s.pauses_ms[(quantile * last as f64).round() as usize])
                    .map_or_else(none, |ms| format!("{ms:.0}"))
            };
            format!("{} / {} / {}", at(0.5), at(0.99), at(1.0))
        })?;
        self.row(f, "forecast error (1 = seasonal naive)", |s| {
            s.forecast_error.map_or_else(none, |error| format!("{error:.2}"))
        })?;
        self.row(f, "latency p50 / p99 (ms)", |s| {
            format!("{} / {}", s.latency(0.5), s.latency(0.99))
        })?;
        self.row(f, "latency p99.9 / max (ms)", |s| {
            format!("{} / {}", s.latency(0.999), s.latency(1.0))
        })?;
        self.row(f, "latest start of a request (real ms late)", |s| {
            format!("{:.0}", s.tally.late_ms_max)
        })?;
        self.row(f, "keys checked / acknowledged writes lost", |s| {
            format!("{} / {}", s.audit.checked, s.audit.lost)
        })
    }
}
