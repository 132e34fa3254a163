//! The advice as a page that needs nothing but a browser: pictures are SVG, nothing is fetched.

use crate::text::{
    action_lines, evidence_lines, key_line, past_line, speaker_line, title, units, verdict, when,
};
use crate::{Advice, LoadAdvice};
use std::fmt::Write;

const HOUR_MS: i64 = 3_600_000;
/// How much of the past is drawn.
const PAST_MS: i64 = 7 * 24 * HOUR_MS;
const WIDTH: f64 = 1_100.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 24.0;

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>What is coming</title>
<style>
body { margin: 0 auto; max-width: 1180px; padding: 24px; font: 14px/1.5 system-ui, sans-serif; color: #1c2430; }
h1 { font-size: 22px; } h2 { font-size: 17px; margin-top: 32px; }
p { color: #667085; max-width: 100ch; margin: 4px 0; }
li.do { font-weight: 600; margin: 4px 0; }
svg { width: 100%; border: 1px solid #d9dee7; border-radius: 4px; margin: 10px 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 2px 12px; border-bottom: 1px solid #d9dee7; }
th:first-child, td:first-child, td:last-child, th:last-child { text-align: left; }
tr.likely td { background: #fde8e8; } tr.may td { background: #fff5dd; }
</style>
</head>
<body>
<h1>What is coming</h1>
";

/// The page.
pub fn page(advice: &Advice) -> String {
    let mut page = HEAD.to_string();
    for load in &advice.loads {
        load_section(&mut page, load);
    }
    if !advice.keys.is_empty() {
        page.push_str("<h2>Hottest keys</h2>\n<ul>\n");
        for key in &advice.keys {
            let _ = writeln!(page, "<li>{}</li>", escaped(&key_line(key)));
        }
        page.push_str("</ul>\n");
    }
    for note in &advice.notes {
        let _ = writeln!(page, "<p>Note: {}</p>", escaped(note));
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn load_section(page: &mut String, load: &LoadAdvice) {
    let _ = writeln!(page, "<h2>{}</h2>\n<ul>", escaped(&title(load)));
    for line in action_lines(load) {
        let _ = writeln!(page, "<li class=\"do\">{}</li>", escaped(&line));
    }
    page.push_str("</ul>\n");
    picture(page, load);
    page.push_str(
        "<p>Grey: demand of the last week, units per second. Blue: the median forecast; the bands end at \
         quantiles .9 and .99 of the highest five minutes. Red: what the table serves.</p>\n",
    );
    let lines = [past_line(load), speaker_line(load)];
    for line in lines.into_iter().chain(evidence_lines(load.evidence.as_ref())) {
        let _ = writeln!(page, "<p>{}</p>", escaped(&line));
    }
    page.push_str(
        "<table><tr><th>hour (UTC)</th><th>median</th><th>q .9</th><th>q .99</th><th></th></tr>\n",
    );
    for hour in &load.ahead.hours {
        let class = match hour.verdict() {
            "" => "",
            "may throttle" => " class=\"may\"",
            _ => " class=\"likely\"",
        };
        let _ = writeln!(
            page,
            "<tr{class}><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            when(hour.start_ms),
            units(hour.median),
            units(hour.q90),
            units(hour.q99),
            verdict(hour.verdict(), hour.over),
        );
    }
    page.push_str("</table>\n");
}

/// Past and coming load beside what is served.
fn picture(page: &mut String, load: &LoadAdvice) {
    let (series, ahead) = (&load.demand.series, &load.ahead);
    let from_ms = (ahead.start_ms - PAST_MS).max(series.start_ms);
    let until_ms = ahead.start_ms + ahead.hours.len() as i64 * HOUR_MS;
    let past: Vec<(i64, f64)> = (0..)
        .zip(&series.values)
        .map(|(bin, &rate)| (series.start_ms + bin * series.bin_ms, rate))
        .filter(|(at_ms, rate)| *at_ms >= from_ms && rate.is_finite())
        .collect();
    let hours = &ahead.hours;
    let highs = past.iter().map(|(_, rate)| *rate).chain(hours.iter().map(|hour| hour.q99));
    let high = highs.fold(f64::MIN_POSITIVE, f64::max);
    // A limit far above everything would flatten the load to a line.
    let top =
        if ahead.limit.units <= 3.0 * high { high.max(ahead.limit.units) } else { high } * 1.05;
    let x = |at_ms: i64| {
        LEFT + (WIDTH - LEFT) * (at_ms - from_ms) as f64 / (until_ms - from_ms).max(1) as f64
    };
    let y = |rate: f64| (HEIGHT - BOTTOM) * (1.0 - rate / top);
    let _ =
        writeln!(page, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"load\">");
    for (of, color) in [(0.99, "#dbe9fb"), (0.9, "#b5d2f6")] {
        let upper =
            hours.iter().map(|hour| (hour.start_ms, if of > 0.95 { hour.q99 } else { hour.q90 }));
        let lower = hours.iter().rev().map(|hour| (hour.start_ms, hour.median));
        let points: Vec<(i64, f64)> = upper.chain(lower).collect();
        let _ = writeln!(page, "<polygon fill=\"{color}\" points=\"{}\"/>", path(&points, x, y));
    }
    let median: Vec<(i64, f64)> = hours.iter().map(|hour| (hour.start_ms, hour.median)).collect();
    for (points, color) in [(&past, "#8a94a6"), (&median, "#0b63ce")] {
        let points = path(points, x, y);
        let _ = writeln!(page, "<polyline fill=\"none\" stroke=\"{color}\" points=\"{points}\"/>");
    }
    if ahead.limit.units <= top {
        let at = y(ahead.limit.units);
        let _ = writeln!(
            page,
            "<line x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#c0272d\"/>"
        );
    }
    axes(page, (from_ms, until_ms), top, x, y);
    page.push_str("</svg>\n");
}

fn axes(
    page: &mut String,
    (from_ms, until_ms): (i64, i64),
    top: f64,
    x: impl Fn(i64) -> f64,
    y: impl Fn(f64) -> f64,
) {
    let mut label = |x: f64, y: f64, anchor: &str, text: &str| {
        let _ = writeln!(
            page,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"11\" fill=\"#667085\" text-anchor=\"{anchor}\">{text}</text>"
        );
    };
    for quarter in [0.0, 0.25, 0.5, 0.75] {
        label(LEFT - 6.0, y(top * quarter), "end", &units(top * quarter));
    }
    let day_ms = 24 * HOUR_MS;
    let first_ms = (from_ms + day_ms - 1).div_euclid(day_ms) * day_ms;
    for at_ms in (first_ms..until_ms).step_by(day_ms as usize) {
        label(x(at_ms), HEIGHT - 8.0, "middle", when(at_ms).get(5..10).unwrap_or_default());
    }
}

fn path(points: &[(i64, f64)], x: impl Fn(i64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    for &(at_ms, rate) in points {
        let _ = write!(path, "{:.1},{:.1} ", x(at_ms), y(rate));
    }
    path
}

/// Names come from outside and must not be markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
