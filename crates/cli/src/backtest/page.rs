//! Backtests as a page that needs nothing but a browser: forecasts against what came.

use forecast::backtest::{Backtested, CurvePoint, Report};
use serde::Serialize;

const TEMPLATE: &str = include_str!("page.html");
/// Where the template has its data.
const PLACE: &str = "/*DATA*/null";

#[derive(Serialize)]
struct SeriesPage<'a> {
    report: &'a Report,
    start_ms: i64,
    /// Between two points.
    step_ms: i64,
    /// Per point what came, the three quantiles, and which model spoke: its place in `speakers`, or −1.
    points: Vec<(Option<f64>, f64, f64, f64, i32)>,
    speakers: Vec<&'static str>,
}

/// The page of all series.
pub(super) fn page(tested: &[Backtested]) -> Result<String, serde_json::Error> {
    let pages: Vec<SeriesPage<'_>> = tested.iter().map(series_page).collect();
    // A series may be called anything; a script ends at the first `</`.
    let data = serde_json::to_string(&pages)?.replace("</", "<\\/");
    Ok(TEMPLATE.replace(PLACE, &data))
}

fn series_page(tested: &Backtested) -> SeriesPage<'_> {
    let mut speakers: Vec<&'static str> = Vec::new();
    let mut point = |point: &CurvePoint| {
        let said = point.said.unwrap_or_default();
        let speaker = point.model.map_or(-1, |model| {
            let known = speakers.iter().position(|name| *name == model.name());
            let place = known.unwrap_or_else(|| {
                speakers.push(model.name());
                speakers.len() - 1
            });
            place as i32
        });
        let actual = Some(point.actual).filter(|actual| actual.is_finite() && *actual >= 0.0);
        (actual, rounded(said.q50), rounded(said.q90), rounded(said.q99), speaker)
    };
    let points = tested.curve.iter().map(&mut point).collect();
    let start_ms = tested.curve.first().map_or(0, |first| first.start_ms);
    let next_ms = tested.curve.get(1).map_or(start_ms, |second| second.start_ms);
    SeriesPage { report: &tested.report, start_ms, step_ms: next_ms - start_ms, points, speakers }
}

/// Six digits are enough for a picture.
fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}
