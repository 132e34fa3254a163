//! Backtests as text: one table per series, and one of their means if there are several.

use forecast::backtest::{CrowdReport, LabelsFound, ModelReport, Report, SERVICE_CHOICE};
use std::fmt::Write as _;

/// The rival whose MASE ours is set against in the mean.
const RIVAL: &str = "mstl_ets";

/// All tables.
pub(super) fn tables(reports: &[&Report]) -> String {
    let mut text = String::new();
    for report in reports {
        one(report, &mut text);
    }
    if reports.len() > 1 {
        means(reports, &mut text);
    }
    text
}

// Writing into a string cannot fail.
fn one(report: &Report, text: &mut String) {
    let _ = writeln!(
        text,
        "{}: {} origins, bins of {:.0} s, {:.0} min ahead; abstained {:.0} %; a push takes {:.1} µs",
        report.series,
        report.origins,
        report.bin_seconds,
        report.horizon_seconds / 60.0,
        100.0 * report.abstained,
        report.push_cpu_us,
    );
    let _ = writeln!(
        text,
        "  {:<20} {:>6} {:>13} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>8} {:>8}",
        "model",
        "MASE",
        "95 %",
        "sMAPE",
        "pl.5",
        "pl.9",
        "pl.99",
        "cov.9",
        "cov.99",
        "fit ms",
        "pred µs"
    );
    for model in report.models.iter().filter(|model| model.origins > 0) {
        let _ = writeln!(
            text,
            "  {:<20} {:>6.3} {:>13} {:>6.3} {:>6.3} {:>6.3} {:>6.3} {:>6.3} {:>6.3} {:>8.2} {:>8.2}",
            model.name,
            model.mase,
            format!("{:.3}–{:.3}", model.mase_95[0], model.mase_95[1]),
            model.smape,
            model.pinball.q50,
            model.pinball.q90,
            model.pinball.q99,
            model.coverage.q90,
            model.coverage.q99,
            model.fit_cpu_ms,
            model.predict_cpu_us,
        );
    }
    text.push('\n');
}

/// Means over the series that a model has forecasts for; coverage is pooled over origins.
fn means(reports: &[&Report], text: &mut String) {
    let _ = writeln!(text, "mean of {} series", reports.len());
    let _ = writeln!(
        text,
        "  {:<20} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6}",
        "model", "series", "MASE", "pl.9", "pl.99", "cov.9", "cov.99"
    );
    for name in reports[0].models.iter().map(|model| model.name.as_str()) {
        let rows: Vec<&ModelReport> = reports
            .iter()
            .filter_map(|report| report.model(name))
            .filter(|model| model.origins > 0 && model.mase.is_finite())
            .collect();
        if rows.is_empty() {
            continue;
        }
        let mean = |value: fn(&ModelReport) -> f64| {
            rows.iter().map(|row| value(row)).sum::<f64>() / rows.len() as f64
        };
        let origins: f64 = rows.iter().map(|row| row.origins as f64).sum();
        let pooled = |value: fn(&ModelReport) -> f64| {
            rows.iter().map(|row| value(row) * row.origins as f64).sum::<f64>() / origins
        };
        let _ = writeln!(
            text,
            "  {:<20} {:>6} {:>6.3} {:>6.3} {:>6.3} {:>6.3} {:>6.3}",
            name,
            rows.len(),
            mean(|row| row.mase),
            mean(|row| row.pinball.q90),
            mean(|row| row.pinball.q99),
            pooled(|row| row.coverage.q90),
            pooled(|row| row.coverage.q99),
        );
    }
    against_rival(reports, text);
}

/// What became of the crowds, one line per series, and all alarms of the series as they are.
pub(super) fn crowds(reports: &[CrowdReport]) -> String {
    let mut text = String::new();
    for report in reports {
        let _ = writeln!(
            text,
            "{}: {} alarms in {:.1} days as recorded, {:.2} a day",
            report.series,
            report.alarms.len(),
            report.days,
            report.alarms.len() as f64 / report.days,
        );
        for crowds in &report.crowds {
            let _ = writeln!(
                text,
                "  crowds of {} times the load: {} of {} found within 6 min, median {:.0} min",
                crowds.factor, crowds.found, crowds.injected, crowds.minutes_median,
            );
        }
    }
    text
}

/// Which labelled anomalies were found by whom, and all series together.
pub(super) fn labels(reports: &[(String, Vec<LabelsFound>)]) -> String {
    let mut text = String::new();
    let mut row = |series: &str, watcher: &str, found: usize, labels: usize, per_day: f64| {
        let _ = writeln!(
            text,
            "{series:<34} {watcher:<22} {found:>2} of {labels:>2} found, {per_day:.2} false alarms a day"
        );
    };
    let watchers = reports.first().map_or(0, |(_, found)| found.len());
    for watcher in 0..watchers {
        let all =
            || reports.iter().filter_map(|(series, found)| Some((series, found.get(watcher)?)));
        for (series, it) in all() {
            row(series, &it.watcher, it.found, it.labels, it.false_alarms as f64 / it.days);
        }
        let sum = |value: fn(&LabelsFound) -> f64| all().map(|(_, it)| value(it)).sum::<f64>();
        let (found, labels) = (sum(|it| it.found as f64), sum(|it| it.labels as f64));
        let per_day = sum(|it| it.false_alarms as f64) / sum(|it| it.days);
        if let Some((_, it)) = all().next() {
            row("all", &it.watcher, found as usize, labels as usize, per_day);
        }
    }
    text
}

/// The geometric mean of the ratios of MASE, and on how many series ours is lower.
fn against_rival(reports: &[&Report], text: &mut String) {
    let ratio = |report: &&Report| {
        let (ours, rival) = (report.model(SERVICE_CHOICE)?, report.model(RIVAL)?);
        Some(ours.mase / rival.mase).filter(|ratio| ratio.is_finite())
    };
    let ratios: Vec<f64> = reports.iter().filter_map(ratio).collect();
    if ratios.is_empty() {
        return;
    }
    let geometric =
        (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
    let better = ratios.iter().filter(|ratio| **ratio < 1.0).count();
    let _ = writeln!(
        text,
        "MASE of {SERVICE_CHOICE} : {RIVAL} = {geometric:.3} (geometric mean), lower on {better} of {}",
        ratios.len()
    );
}
