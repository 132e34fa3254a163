//! Anomalies that other systems report: kept and shown beside our own.
//!
//! Both forms in which Prometheus' Alertmanager speaks are taken: what it sends to a webhook (an object
//! with `alerts`, version 4 of the format) and what is sent to it (a bare list of alerts, its API v2),
//! so that another Foreshard can report here, too. An alert is known by its labels and its start;
//! reported again, it replaces what was there. Nothing is decided by what others say, and nothing of
//! it is stored.

use crate::error::ManagerError;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Alerts taken from one request.
const ALERTS_MAX: usize = 1_000;

/// What another system has reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportedAnomaly {
    /// The label `alertname`.
    pub name: String,
    /// The label `table`, if there is one.
    pub table: Option<String>,
    /// When it began, in milliseconds since the Unix epoch; when it was first reported if it did not
    /// say.
    pub start_ms: i64,
    /// When it ended or, as long as it is reported anew, will be taken for ended.
    pub end_ms: Option<i64>,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
    /// What it says.
    pub annotations: BTreeMap<String, String>,
}

/// The answer to a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ReportDocument {
    /// So many alerts were taken.
    pub taken: usize,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Payload {
    Webhook { alerts: Vec<Alert> },
    List(Vec<Alert>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: Option<String>,
    ends_at: Option<String>,
}

/// What was reported, the newest last; the oldest go first.
#[derive(Debug)]
pub(crate) struct ReportedLog {
    kept: VecDeque<ReportedAnomaly>,
    kept_max: usize,
}

impl ReportedLog {
    pub(crate) fn new(kept_max: usize) -> Self {
        Self { kept: VecDeque::new(), kept_max: kept_max.max(1) }
    }

    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &ReportedAnomaly> {
        self.kept.iter()
    }

    pub(crate) fn take(&mut self, anomalies: Vec<ReportedAnomaly>) {
        for anomaly in anomalies {
            let same = |known: &&mut ReportedAnomaly| {
                known.labels == anomaly.labels && known.start_ms == anomaly.start_ms
            };
            if let Some(known) = self.kept.iter_mut().find(same) {
                *known = anomaly;
                continue;
            }
            tracing::warn!(name = anomaly.name, table = anomaly.table, "an anomaly was reported");
            self.kept.push_back(anomaly);
            if self.kept.len() > self.kept_max {
                self.kept.pop_front();
            }
        }
    }
}

/// Reads a report; all of it or, with the reason, nothing.
pub(crate) fn parse(body: &[u8], now_ms: i64) -> Result<Vec<ReportedAnomaly>, ManagerError> {
    let payload: Payload = serde_json::from_slice(body).map_err(|_| {
        let expected = "send Alertmanager's webhook format or a list of alerts with labels";
        ManagerError::Refused(format!("not a report of anomalies: {expected}"))
    })?;
    let alerts = match payload {
        Payload::Webhook { alerts } | Payload::List(alerts) => alerts,
    };
    if alerts.len() > ALERTS_MAX {
        let reason = format!("{} alerts in one report; send at most {ALERTS_MAX}", alerts.len());
        return Err(ManagerError::Refused(reason));
    }
    alerts.into_iter().map(|alert| reported(alert, now_ms)).collect()
}

fn reported(alert: Alert, now_ms: i64) -> Result<ReportedAnomaly, ManagerError> {
    let name = alert.labels.get("alertname").cloned().ok_or_else(|| {
        ManagerError::Refused("an alert has no label `alertname`: give it one".to_owned())
    })?;
    Ok(ReportedAnomaly {
        name,
        table: alert.labels.get("table").cloned(),
        start_ms: time(alert.starts_at.as_deref())?.unwrap_or(now_ms),
        end_ms: time(alert.ends_at.as_deref())?,
        labels: alert.labels,
        annotations: alert.annotations,
    })
}

/// An RFC 3339 time; years before 1970 are how Go writes that there is none.
fn time(text: Option<&str>) -> Result<Option<i64>, ManagerError> {
    let Some(text) = text else { return Ok(None) };
    let parsed = text.parse::<jiff::Timestamp>().map_err(|_| {
        ManagerError::Refused(format!("{text:?} is not a time such as 2026-01-31T12:00:00Z"))
    })?;
    Ok(Some(parsed.as_millisecond()).filter(|ms| *ms > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_000_000;

    #[test]
    fn alertmanagers_webhook_is_understood() {
        let body = br#"{"version":"4","status":"firing","receiver":"foreshard","groupKey":"{}",
            "alerts":[{"status":"firing","labels":{"alertname":"Flood","table":"orders"},
            "annotations":{"summary":"too much"},"startsAt":"2026-01-31T12:00:00.5Z",
            "endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://x","fingerprint":"f"}]}"#;
        let [flood] = &parse(body, NOW_MS).unwrap()[..] else { panic!("one alert") };
        assert_eq!((flood.name.as_str(), flood.table.as_deref()), ("Flood", Some("orders")));
        assert_eq!((flood.start_ms, flood.end_ms), (1_769_860_800_500, None));
        assert_eq!(flood.annotations["summary"], "too much");
    }

    #[test]
    fn an_alert_that_is_reported_again_replaces_itself_and_the_oldest_go() {
        let mut log = ReportedLog::new(2);
        let report = |start: &str, end: &str| {
            let body = format!(
                r#"[{{"labels":{{"alertname":"a"}},"startsAt":"{start}","endsAt":"{end}"}}]"#
            );
            parse(body.as_bytes(), NOW_MS).unwrap()
        };
        log.take(report("2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"));
        log.take(report("2026-01-01T00:00:00Z", "2026-01-01T00:06:00Z"));
        assert_eq!(log.entries().count(), 1);
        log.take(report("2026-01-02T00:00:00Z", "2026-01-02T00:06:00Z"));
        log.take(report("2026-01-03T00:00:00Z", "2026-01-03T00:06:00Z"));
        assert_eq!(log.entries().count(), 2);
        assert!(log.entries().all(|entry| entry.start_ms > 1_767_300_000_000));
    }

    #[test]
    fn what_is_no_report_is_refused_as_a_whole() {
        for (body, expected) in [
            (&b"{}"[..], "webhook format"),
            (b"not json", "webhook format"),
            (br#"[{"labels":{}}]"#, "no label `alertname`"),
            (br#"[{"labels":{"alertname":"a"},"startsAt":"soon"}]"#, "is not a time"),
        ] {
            let error = parse(body, NOW_MS).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let many = format!("[{}]", vec![r#"{"labels":{"alertname":"a"}}"#; 1_001].join(","));
        assert!(parse(many.as_bytes(), NOW_MS).is_err());
        assert_eq!(parse(b"[]", NOW_MS).unwrap(), []);
    }
}
