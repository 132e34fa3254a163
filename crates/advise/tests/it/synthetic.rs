//! SYNTHETIC exports, in the shapes that the AWS command line writes. No table was ever measured.

use std::fmt::Write;

/// How many days there are.
pub(crate) const DAYS: i64 = 21;
/// A Monday, 2026-01-05 00:00 UTC.
const START_S: i64 = 1_767_571_200;

/// A wave with its peak at noon, in write units per second.
pub(crate) struct Shape {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Shape {
    /// Units consumed in each period of `minutes`, with 5 % of noise.
    fn periods(&self, minutes: i64) -> impl Iterator<Item = (i64, f64)> + '_ {
        let mut state = 42_u64;
        (0..DAYS * 1_440 / minutes).map(move |period| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let noise = 1.0 + 0.05 * ((state >> 33) as f64 / f64::from(1_u32 << 30) - 1.0);
            let day = (period * minutes % 1_440) as f64 / 1_440.0;
            let wave = 0.5 - 0.5 * (std::f64::consts::TAU * day).cos();
            let rate = (self.low + (self.high - self.low) * wave) * noise;
            let units = (rate * minutes as f64 * 60.0).round();
            (START_S + period * minutes * 60, units)
        })
    }
}

fn rfc3339(second: i64) -> String {
    let days = (second - START_S) / 86_400;
    let in_day = (second - START_S) % 86_400;
    format!("2026-01-{:02}T{:02}:{:02}:00+00:00", 5 + days, in_day / 3_600, in_day / 60 % 60)
}

/// As `aws cloudwatch get-metric-data` writes it.
pub(crate) fn metric_data(shape: &Shape, minutes: i64) -> String {
    let (times, values): (Vec<String>, Vec<String>) = shape
        .periods(minutes)
        .map(|(second, units)| (format!("\"{}\"", rfc3339(second)), units.to_string()))
        .unzip();
    format!(
        r#"{{"MetricDataResults":[{{"Id":"w","Label":"ConsumedWriteCapacityUnits","Timestamps":[{}],"Values":[{}],"StatusCode":"Complete"}}],"Messages":[]}}"#,
        times.join(","),
        values.join(",")
    )
}

/// As `aws cloudwatch get-metric-statistics --statistics Sum` writes it: in no order.
pub(crate) fn metric_statistics(shape: &Shape, minutes: i64) -> String {
    let mut points: Vec<String> = shape
        .periods(minutes)
        .map(|(second, units)| {
            format!(r#"{{"Timestamp":"{}","Sum":{units},"Unit":"Count"}}"#, rfc3339(second))
        })
        .collect();
    points.reverse();
    format!(r#"{{"Label":"ConsumedWriteCapacityUnits","Datapoints":[{}]}}"#, points.join(","))
}

/// As a spreadsheet has it.
pub(crate) fn csv(shape: &Shape, minutes: i64) -> String {
    let mut text = "timestamp,ConsumedWriteCapacityUnits\n".to_string();
    for (second, units) in shape.periods(minutes) {
        let _ = writeln!(text, "{second},{units}");
    }
    text
}

/// As `aws cloudwatch get-insight-rule-report` writes it: one key with half of all, one with little.
pub(crate) fn insights() -> String {
    let contributor = |name: &str, units: i64| {
        format!(
            r#"{{"Keys":["{name}"],"ApproximateAggregateValue":{units},"Datapoints":[{{"Timestamp":"{}","ApproximateValue":{units}}}]}}"#,
            rfc3339(START_S)
        )
    };
    format!(
        r#"{{"KeyLabels":["PartitionKey"],"AggregationStatistic":"Sum","AggregateValue":100000,"ApproximateUniqueCount":900,"Contributors":[{},{}],"MetricDatapoints":[]}}"#,
        contributor("tenant<1>", 50_000),
        contributor("tenant<2>", 2_000)
    )
}
