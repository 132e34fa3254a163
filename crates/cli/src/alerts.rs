//! Tells other systems what is odd: alerts as Prometheus' Alertmanager takes them (its API v2, `POST
//! /api/v2/alerts`), which another Foreshard understands, too.
//!
//! An alert is sent when it begins, again every minute while it goes on (who takes alerts forgets
//! those that are not repeated), and once more when it is over. A receiver that is away costs
//! nothing but a warning: what goes on is in the next minute's message, and what has ended is kept
//! until it was taken. Which anomalies there are is the manager's business.

use crate::client::{HttpClient, describe, https};
use crate::config::ConfigError;
use forecast::anomaly::AnomalyKind;
use http_body_util::Full;
use manager::{AnomalyDocument, Event, Peer, Suspect};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;
use tokio::time::Interval;

/// Anomalies that are spoken of at once; the oldest go first.
const ALERTS_MAX: usize = 1_000;

/// `[alerts]`: who is told of anomalies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AlertSettings {
    /// Where to, such as `http://127.0.0.1:9093/api/v2/alerts`; nobody if it is not set.
    pub(crate) url: Option<String>,
    /// How often what goes on is repeated.
    pub(crate) repeat_real_ms: u64,
    /// How long the receiver may take to answer.
    pub(crate) timeout_real_ms: u64,
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self { url: None, repeat_real_ms: 60_000, timeout_real_ms: 10_000 }
    }
}

impl AlertSettings {
    /// Where alerts go, if anywhere.
    pub(crate) fn address(&self) -> Result<Option<http::Uri>, ConfigError> {
        let Some(text) = &self.url else { return Ok(None) };
        let url = text.parse::<http::Uri>().ok().filter(|url| {
            matches!(url.scheme_str(), Some("http" | "https")) && url.authority().is_some()
        });
        url.map(Some).ok_or_else(|| ConfigError::AlertUrl(text.clone()))
    }

    fn interval(&self) -> Interval {
        tokio::time::interval(Duration::from_millis(self.repeat_real_ms.max(1)))
    }
}

/// Sends what the manager notices, for as long as it notices anything, to where the latest settings say.
pub(crate) async fn run(
    mut settings: watch::Receiver<AlertSettings>,
    mut events: broadcast::Receiver<Event>,
) {
    let client = https();
    let mut alerts = Alerts::default();
    let mut now = settings.borrow_and_update().clone();
    let mut repeat = now.interval();
    loop {
        tokio::select! {
            Ok(()) = settings.changed() => {
                now = settings.borrow_and_update().clone();
                repeat = now.interval();
                continue;
            }
            event = events.recv() => match event {
                Ok(Event::Anomaly(anomaly)) => alerts.take(*anomaly),
                Ok(_) => continue,
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "anomalies may not have been told");
                    continue;
                }
                Err(RecvError::Closed) => return,
            },
            _ = repeat.tick() => {}
        }
        // An address that is none was refused before it came here.
        let Ok(Some(url)) = now.address() else {
            alerts.told();
            continue;
        };
        if alerts.0.is_empty() {
            continue;
        }
        let timeout = Duration::from_millis(now.timeout_real_ms);
        match send(&client, &url, &alerts.body(), timeout).await {
            Ok(()) => alerts.told(),
            Err(why) => tracing::warn!(%url, why, "the alerts were not taken"),
        }
    }
}

/// What goes on, and what is over and was not told yet, by number.
#[derive(Debug, Default)]
struct Alerts(BTreeMap<u64, AnomalyDocument>);

impl Alerts {
    fn take(&mut self, anomaly: AnomalyDocument) {
        self.0.insert(anomaly.id, anomaly);
        if self.0.len() > ALERTS_MAX {
            self.0.pop_first();
        }
    }

    fn told(&mut self) {
        self.0.retain(|_, anomaly| anomaly.anomaly.end_ms.is_none());
    }

    fn body(&self) -> Value {
        self.0.values().map(alert).collect()
    }
}

/// One anomaly as an alert.
fn alert(entry: &AnomalyDocument) -> Value {
    let anomaly = &entry.anomaly;
    let (name, what) = match (&entry.peer, anomaly.kind) {
        (None, AnomalyKind::FlashCrowd) => ("ForeshardFlashCrowd", "far more load than before"),
        (None, AnomalyKind::Drop) => ("ForeshardDrop", "far less load than before"),
        (Some(Peer::Client(_)), _) => ("ForeshardOddClient", "a client unlike the others"),
        (Some(Peer::Cell { .. }), _) => ("ForeshardOddCell", "keys unlike the others"),
    };
    let partition = entry.partition.map_or("all".to_owned(), |id| id.to_string());
    let shares = |suspects: &[Suspect]| {
        let one = |suspect: &Suspect| format!("{} ({:.0} %)", suspect.name, 100.0 * suspect.share);
        suspects.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let mut alert = json!({
        "labels": {
            "alertname": name,
            "service": "foreshard",
            "severity": "warning",
            "table": entry.table,
            "partition": partition,
            "load": entry.load,
        },
        "annotations": {
            "summary": format!("{}: {what}", entry.table),
            "level_per_s": format!("{:.3}", anomaly.level),
            "extreme_per_s": format!("{:.3}", anomaly.extreme),
            "robust_z": format!("{:.1}", anomaly.z),
            "keys": shares(&entry.keys),
            "clients": shares(&entry.clients),
        },
    });
    match &entry.peer {
        Some(Peer::Client(name)) => alert["labels"]["client"] = name.as_str().into(),
        Some(Peer::Cell { start, end }) => {
            alert["labels"]["cell"] = format!("{start}..{end}").into();
        }
        None => {}
    }
    for (field, ms) in [("startsAt", Some(anomaly.start_ms)), ("endsAt", anomaly.end_ms)] {
        if let Some(time) = ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()) {
            alert[field] = time.to_string().into();
        }
    }
    alert
}

async fn send(
    client: &HttpClient,
    url: &http::Uri,
    body: &Value,
    timeout: Duration,
) -> Result<(), String> {
    let request = http::Request::post(url)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::from(body.to_string()))
        .map_err(|error| error.to_string())?;
    let answer = tokio::time::timeout(timeout, client.request(request)).await;
    let response = answer.map_err(|_| "no answer in time".to_owned())?;
    let response = response.map_err(|error| describe(&error))?;
    match response.status().is_success() {
        true => Ok(()),
        false => Err(format!("the answer was {}", response.status())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::WallClock;
    use crate::config::Config;
    use crate::service::Service;
    use forecast::anomaly::Anomaly;
    use std::sync::Arc;
    use types::PartitionId;

    fn crowd(end_ms: Option<i64>) -> AnomalyDocument {
        let kind = AnomalyKind::FlashCrowd;
        let start_ms = 1_769_860_800_000;
        AnomalyDocument {
            id: 7,
            table: "orders".into(),
            partition: Some(PartitionId(3)),
            peer: None,
            load: "write_units",
            anomaly: Anomaly { kind, start_ms, end_ms, level: 10.0, extreme: 80.0, z: 12.0 },
            keys: vec![Suspect { name: "cc".into(), share: 0.8 }],
            clients: vec![Suspect { name: "crawler".into(), share: 0.75 }],
        }
    }

    #[test]
    fn what_goes_on_is_repeated_and_what_is_over_is_told_once() {
        let mut alerts = Alerts::default();
        alerts.take(crowd(None));
        alerts.told();
        assert_eq!(alerts.body()[0]["startsAt"], "2026-01-31T12:00:00Z");
        assert_eq!(alerts.body()[0]["endsAt"], Value::Null);
        alerts.take(crowd(Some(1_769_861_400_000)));
        assert_eq!(alerts.body().as_array().map(Vec::len), Some(1));
        assert_eq!(alerts.body()[0]["endsAt"], "2026-01-31T12:10:00Z");
        alerts.told();
        assert_eq!(alerts.body(), json!([]));
    }

    #[test]
    fn an_odd_client_and_an_odd_cell_are_named() {
        let mut odd = crowd(None);
        odd.peer = Some(Peer::Client("crawler".into()));
        let labels = &alert(&odd)["labels"];
        assert_eq!(
            (&labels["alertname"], &labels["client"]),
            (&json!("ForeshardOddClient"), &json!("crawler"))
        );
        odd.peer = Some(Peer::Cell { start: "80".into(), end: String::new() });
        let labels = &alert(&odd)["labels"];
        assert_eq!(
            (&labels["alertname"], &labels["cell"]),
            (&json!("ForeshardOddCell"), &json!("80.."))
        );
    }

    /// One service tells another, which shows what it was told.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_one_service_notices_another_one_shows() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.storage.directory = directory.path().to_owned();
        config.server.listen = ([127, 0, 0, 1], 0).into();
        config.admin.listen = ([127, 0, 0, 1], 0).into();
        let receiver = Service::predictive(&config, Arc::new(WallClock)).await.unwrap();
        let url = format!("http://{}/api/v1/anomalies", receiver.admin_address());
        let (events, subscribed) = broadcast::channel(16);
        // It learns where to only when it runs.
        let (tell, telling) = watch::channel(AlertSettings::default());
        let task = tokio::spawn(run(telling, subscribed));
        tell.send_replace(AlertSettings {
            url: Some(url),
            repeat_real_ms: 20,
            ..AlertSettings::default()
        });
        let reported = || receiver.manager().anomalies_document(Some("orders")).reported;
        for (end_ms, summary) in [(None, "began"), (Some(1_769_861_400_000), "ended")] {
            events.send(Event::Anomaly(Box::new(crowd(end_ms)))).unwrap();
            let taken = async {
                while reported().first().is_none_or(|first| first.end_ms != end_ms) {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(60), taken).await.expect(summary);
        }
        let [crowd] = &reported()[..] else { panic!("one anomaly: {:?}", reported()) };
        assert_eq!(crowd.name, "ForeshardFlashCrowd");
        assert_eq!((crowd.table.as_deref(), crowd.start_ms), (Some("orders"), 1_769_860_800_000));
        assert_eq!(crowd.labels["partition"], "p3");
        assert_eq!(crowd.annotations["clients"], "crawler (75 %)");
        drop(events);
        task.await.unwrap();
        receiver.stop().await.unwrap();
    }
}
