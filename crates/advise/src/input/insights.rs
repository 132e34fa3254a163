//! The JSON of `aws cloudwatch get-insight-rule-report`: the busiest keys of a table.
//!
//! The rules that DynamoDB makes (`DynamoDBContributorInsights-PKC-…`) rank keys by the capacity they
//! consume, reads and writes together.

use super::{Key, Keys, moment_ms};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    aggregate_value: Option<f64>,
    contributors: Vec<Contributor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contributor {
    keys: Vec<String>,
    approximate_aggregate_value: f64,
    #[serde(default)]
    datapoints: Vec<Datapoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Datapoint {
    timestamp: String,
    approximate_value: f64,
}

/// Adds what a report holds; the error says what to change.
pub(super) fn read(text: &str, keys: &mut Keys) -> Result<(), String> {
    let report: Report = serde_json::from_str(text).map_err(|error| {
        format!("no Contributor Insights report (aws cloudwatch get-insight-rule-report): {error}")
    })?;
    let period_s = period_s(&report.contributors)?;
    let mut listed = 0.0;
    for contributor in &report.contributors {
        let units = contributor.approximate_aggregate_value;
        listed += units;
        let values = contributor.datapoints.iter().map(|point| point.approximate_value);
        let peak = period_s.map(|period_s| values.fold(0.0, f64::max) / period_s);
        keys.top.push(Key { name: contributor.keys.join(" / "), units, peak });
    }
    keys.all += report.aggregate_value.unwrap_or(listed).max(listed);
    Ok(())
}

/// The shortest time between two points of a key; `None` if none has two.
fn period_s(contributors: &[Contributor]) -> Result<Option<f64>, String> {
    let mut shortest: Option<i64> = None;
    for contributor in contributors {
        let moments = contributor.datapoints.iter().map(|point| {
            moment_ms(&point.timestamp)
                .ok_or_else(|| format!("`{}` is no timestamp", point.timestamp))
        });
        let mut moments: Vec<i64> = moments.collect::<Result<_, _>>()?;
        moments.sort_unstable();
        let steps = moments.windows(2).map(|pair| pair[1] - pair[0]).filter(|&step| step > 0);
        shortest = steps.chain(shortest).min();
    }
    Ok(shortest.map(|ms| ms as f64 / 1_000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_shares_and_peaks() {
        let text = r#"{"KeyLabels":["PartitionKey"],"AggregationStatistic":"Sum","AggregateValue":1000.0,
            "ApproximateUniqueCount":50,"Contributors":[
            {"Keys":["user#1"],"ApproximateAggregateValue":600.0,"Datapoints":[
              {"Timestamp":"2026-01-01T00:00:00Z","ApproximateValue":480.0},
              {"Timestamp":"2026-01-01T00:01:00Z","ApproximateValue":120.0}]},
            {"Keys":["a","b"],"ApproximateAggregateValue":10.0,"Datapoints":[]}]}"#;
        let mut keys = Keys::default();
        read(text, &mut keys).unwrap();
        assert_eq!(keys.all, 1000.0);
        assert_eq!((keys.top[0].name.as_str(), keys.top[0].peak), ("user#1", Some(8.0)));
        assert_eq!((keys.top[1].name.as_str(), keys.top[1].peak), ("a / b", Some(0.0)));
        assert!(read("[]", &mut keys).unwrap_err().contains("get-insight-rule-report"));
    }
}
