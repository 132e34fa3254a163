//! The metrics in OpenMetrics text, as Prometheus scrapes them from `/metrics`.

use std::fmt::Error;
use std::sync::Arc;

use dynamodb::Operation;
use manager::Manager;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use storage::Storage;
use workload::Recorder;

use super::planner::Planner;
use super::{Metrics, OperationCounts, engine, log};

/// Renders what a server counts.
#[derive(Debug)]
pub struct MetricsExport {
    registry: Registry,
    metrics: Arc<Metrics>,
    recorder: Arc<Recorder>,
}

/// All operations together, and what no operation has counted.
#[derive(Clone, Debug)]
pub(crate) struct Totals {
    pub(crate) counts: OperationCounts,
    pub(crate) refused: u64,
    pub(crate) vectors_dropped: u64,
}

/// Collects at the time of the scrape what the server counts as it goes.
#[derive(Debug)]
struct Scrape {
    metrics: Arc<Metrics>,
    recorder: Arc<Recorder>,
    storage: Option<Arc<Storage>>,
}

impl MetricsExport {
    /// The content type of the text.
    pub const CONTENT_TYPE: &'static str =
        "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// An export of one server's metrics, its recorder's, and, if given, its storage's.
    pub fn new(
        metrics: Arc<Metrics>,
        recorder: Arc<Recorder>,
        storage: Option<Arc<Storage>>,
    ) -> Self {
        let mut registry = Registry::with_prefix("foreshard");
        let (counted, recording) = (Arc::clone(&metrics), Arc::clone(&recorder));
        let scrape = Scrape { metrics: counted, recorder: recording, storage };
        registry.register_collector(Box::new(scrape));
        Self { registry, metrics, recorder }
    }

    /// With what the manager knows of partitions, forecasts, re-partitionings and anomalies.
    #[must_use]
    pub fn with_manager(mut self, manager: Arc<Manager>) -> Self {
        self.registry.register_collector(Box::new(Planner(manager.clone())));
        self.registry.register_collector(Box::new(Noticed(manager)));
        self
    }

    /// What the page shows of it.
    pub(crate) fn totals(&self) -> Totals {
        Totals {
            counts: self.metrics.all(),
            refused: self.metrics.refused(),
            vectors_dropped: self.recorder.dropped(),
        }
    }

    /// The metrics as they are now.
    ///
    /// # Errors
    /// Never in practice: text is written into a string.
    pub fn render(&self) -> Result<String, Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Collects what the manager has noticed.
#[derive(Debug)]
struct Noticed(Arc<Manager>);

impl Collector for Noticed {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let help = "Anomalies that have begun, by what they are about and which way they go";
        let mut family = encoder.encode_descriptor("anomalies", help, None, MetricType::Counter)?;
        for (subject, kind, count) in self.0.anomaly_counts() {
            family
                .encode_family(&[("subject", subject), ("kind", kind)])?
                .encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
        }
        Ok(())
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let all = Operation::ALL.iter().map(|o| (o.name(), self.metrics.operation(*o)));
        let seen: Vec<_> = all.filter(|(_, counts)| counts.requests > 0).collect();
        encode_requests(&mut encoder, &seen)?;
        encode_errors(&mut encoder, &seen)?;
        encode_latency(&mut encoder, &seen)?;
        encode_throttles(&mut encoder, &self.metrics)?;
        let counter = |encoder: &mut DescriptorEncoder, name, help, value: u64| {
            encoder
                .encode_descriptor(name, help, None, MetricType::Counter)?
                .encode_counter::<NoLabelSet, u64, f64>(&value, None)
        };
        let refused = self.metrics.refused();
        let help = "Requests without a known operation or without a signature";
        counter(&mut encoder, "refused_requests", help, refused)?;
        let help = "Requests refused because a single key asks for more than its partition has";
        counter(&mut encoder, "hot_key_refused_requests", help, self.metrics.hot_keys_refused())?;
        let help = "Workload vectors dropped because a queue was full";
        counter(&mut encoder, "workload_vectors_dropped", help, self.recorder.dropped())?;
        encoder
            .encode_descriptor(
                "workload_vectors_waiting",
                "Workload vectors that wait to be collected",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&(self.recorder.waiting() as u64))?;
        let Some(storage) = &self.storage else { return Ok(()) };
        if let Some(log) = storage.log_metrics() {
            log::encode(&mut encoder, &log)?;
        }
        engine::encode(&mut encoder, &storage.engine_counters())
    }
}

type Seen = [(&'static str, OperationCounts)];

fn encode_requests(encoder: &mut DescriptorEncoder, seen: &Seen) -> Result<(), Error> {
    let help = "Replies, by operation";
    let mut family = encoder.encode_descriptor("requests", help, None, MetricType::Counter)?;
    for (name, counts) in seen {
        family
            .encode_family(&[("operation", *name)])?
            .encode_counter::<NoLabelSet, u64, f64>(&counts.requests, None)?;
    }
    Ok(())
}

fn encode_errors(encoder: &mut DescriptorEncoder, seen: &Seen) -> Result<(), Error> {
    let help = "Replies that are errors, by operation and whose fault it was";
    let mut family = encoder.encode_descriptor("errors", help, None, MetricType::Counter)?;
    for (name, counts) in seen {
        let kinds = [
            ("client", counts.client_errors),
            ("server", counts.server_errors),
            ("throttled", counts.throttled),
        ];
        for (kind, count) in kinds {
            family
                .encode_family(&[("operation", *name), ("kind", kind)])?
                .encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
        }
    }
    Ok(())
}

fn encode_throttles(encoder: &mut DescriptorEncoder, metrics: &Metrics) -> Result<(), Error> {
    let help = "Throttled requests, by the limit that they met";
    let mut family = encoder.encode_descriptor("throttles", help, None, MetricType::Counter)?;
    for (reason, count) in metrics.throttled_by_reason() {
        family
            .encode_family(&[("reason", reason)])?
            .encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
    }
    Ok(())
}

fn encode_latency(encoder: &mut DescriptorEncoder, seen: &Seen) -> Result<(), Error> {
    let help = "From the end of a request's head to its reply";
    let unit = Some(&Unit::Seconds);
    let mut family =
        encoder.encode_descriptor("request_duration", help, unit, MetricType::Histogram)?;
    for (name, counts) in seen {
        let latency = &counts.latency;
        family.encode_family(&[("operation", *name)])?.encode_histogram::<NoLabelSet>(
            latency.sum().as_secs_f64(),
            latency.count(),
            &latency.by_powers_of_two(),
            None,
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dynamodb::ApiError;
    use std::time::Duration;
    use workload::RecorderSettings;

    #[test]
    fn the_text_has_what_was_counted() {
        let metrics = Arc::new(Metrics::default());
        let operation = Operation::ALL[0];
        metrics.count(Some(operation), Duration::from_micros(100), None);
        metrics.count(
            Some(operation),
            Duration::from_micros(5),
            Some(&ApiError::internal("out of order")),
        );
        metrics.count(None, Duration::ZERO, None);
        let recorder = Arc::new(Recorder::new(&RecorderSettings { vectors_max: 8, shards: 1 }));
        let text = MetricsExport::new(metrics, recorder, None).render().unwrap();
        let name = operation.name();
        for line in [
            format!("foreshard_requests_total{{operation=\"{name}\"}} 2"),
            format!("foreshard_errors_total{{operation=\"{name}\",kind=\"server\"}} 1"),
            format!("foreshard_errors_total{{operation=\"{name}\",kind=\"client\"}} 0"),
            format!("foreshard_request_duration_seconds_count{{operation=\"{name}\"}} 2"),
            "foreshard_refused_requests_total 1".to_owned(),
            "foreshard_workload_vectors_dropped_total 0".to_owned(),
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        let le = format!(
            "foreshard_request_duration_seconds_bucket{{le=\"+Inf\",operation=\"{name}\"}} 2"
        );
        assert!(text.lines().any(|l| l == le), "{text}");
    }
}
