//! The JSON of `aws cloudwatch get-metric-data` and of `get-metric-statistics`.
//!
//! Shapes as in the CloudWatch API reference (`MetricDataResult`, `Datapoint`). Consumed capacity must
//! come as Sum: `get-metric-statistics` says which statistic it holds, `get-metric-data` does not.

use super::{Meaning, Metrics, meaning, moment_ms};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Export {
    metric_data_results: Option<Vec<Row>>,
    label: Option<String>,
    datapoints: Option<Vec<Datapoint>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    #[serde(default)]
    id: String,
    #[serde(default)]
    label: String,
    timestamps: Vec<String>,
    values: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Datapoint {
    timestamp: String,
    sum: Option<f64>,
    average: Option<f64>,
    maximum: Option<f64>,
}

/// Adds what an export holds; the error says what to change.
pub(super) fn read(text: &str, metrics: &mut Metrics) -> Result<(), String> {
    let export: Export =
        serde_json::from_str(text).map_err(|error| format!("no CloudWatch export: {error}"))?;
    let mut understood = false;
    for row in export.metric_data_results.iter().flatten() {
        let Some(meaning) = meaning(&row.label).or_else(|| meaning(&row.id)) else { continue };
        understood = true;
        if row.timestamps.len() != row.values.len() {
            return Err(format!("{}: not as many values as timestamps", row.label));
        }
        for (at, &value) in row.timestamps.iter().zip(&row.values) {
            metrics.points(meaning).insert(moment(at)?, value);
        }
    }
    if let (Some(label), Some(points)) = (&export.label, &export.datapoints)
        && let Some(meaning) = meaning(label)
    {
        understood = true;
        for point in points {
            let value = value(label, meaning, point)?;
            metrics.points(meaning).insert(moment(&point.timestamp)?, value);
        }
    }
    if understood { Ok(()) } else { Err(unknown()) }
}

/// What to say of a file without a known metric.
pub(super) fn unknown() -> String {
    "no metric whose label is known: name them as CloudWatch does, such as \
     ConsumedWriteCapacityUnits or WriteThrottleEvents"
        .into()
}

fn value(label: &str, meaning: Meaning, point: &Datapoint) -> Result<f64, String> {
    match meaning {
        Meaning::Provisioned(_) => point.average.or(point.maximum),
        _ => point.sum,
    }
    .ok_or_else(|| match meaning {
        Meaning::Provisioned(_) => format!("{label}: ask for --statistics Average"),
        _ => format!("{label}: ask for --statistics Sum"),
    })
}

fn moment(text: &str) -> Result<i64, String> {
    moment_ms(text).ok_or_else(|| format!("`{text}` is no timestamp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_data_is_taken_by_label_or_id() {
        let text = r#"{"MetricDataResults":[
            {"Id":"m1","Label":"ConsumedWriteCapacityUnits","Timestamps":["2026-01-01T00:01:00+00:00","2026-01-01T00:00:00+00:00"],"Values":[120.0,60.0],"StatusCode":"Complete"},
            {"Id":"write_throttle","Label":"orders","Timestamps":["2026-01-01T00:01:00+00:00"],"Values":[3.0]},
            {"Id":"m3","Label":"SuccessfulRequestLatency","Timestamps":[],"Values":[]}],"Messages":[]}"#;
        let mut metrics = Metrics::default();
        read(text, &mut metrics).unwrap();
        let values: Vec<f64> = metrics.consumed[1].values().copied().collect();
        assert_eq!(values, [60.0, 120.0], "in the order of time");
        assert_eq!(metrics.throttled[1].len(), 1);
    }

    #[test]
    fn statistics_must_be_sums() {
        let text = r#"{"Label":"ConsumedReadCapacityUnits","Datapoints":[
            {"Timestamp":"2026-01-01T00:00:00Z","STAT":5.0,"Unit":"Count"}]}"#;
        let mut metrics = Metrics::default();
        read(&text.replace("STAT", "Sum"), &mut metrics).unwrap();
        assert_eq!(metrics.consumed[0].values().sum::<f64>(), 5.0);
        let error = read(&text.replace("STAT", "Average"), &mut metrics).unwrap_err();
        assert!(error.contains("--statistics Sum"), "{error}");
        assert!(read("{}", &mut metrics).unwrap_err().contains("label"));
    }
}
