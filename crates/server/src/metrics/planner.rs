//! The manager on `/metrics`: partitions with load, forecast, score and accuracy, and what
//! re-partitionings took.

use std::fmt::Error;
use std::sync::Arc;

use manager::{ActionMetrics, Durations, Manager, PartitionMetrics};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

const MS_PER_S: f64 = 1e3;

/// Collects at the time of the scrape what the manager knows.
#[derive(Debug)]
pub(super) struct Planner(pub(super) Arc<Manager>);

impl Collector for Planner {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let encoder = &mut encoder;
        let found = self.0.metrics();
        let partitions = &found.partitions;
        let both = |encoder: &mut DescriptorEncoder,
                    name,
                    help,
                    value: fn(&PartitionMetrics) -> [f64; 2]| {
            by_load(encoder, name, help, partitions, |p| value(p).map(Some))
        };
        both(encoder, "partition_load_units", "Demand of the last seconds, per second", |p| {
            [p.load.read, p.load.write]
        })?;
        both(encoder, "partition_capacity_units", "What a partition can serve, per second", |p| {
            [p.capacity.read, p.capacity.write]
        })?;
        let help = "The highest forecast within the horizon at the decision quantile, per second";
        both(encoder, "partition_forecast_units", help, |p| [p.forecast.read, p.forecast.write])?;
        let help = "Mean pinball loss of the forecast at the decision quantile, per second";
        by_load(encoder, "forecast_error_units", help, partitions, |p| {
            p.accuracy.map(|a| a.map(|a| a.pinball))
        })?;
        let help = "Share of bins that stayed at or below the decision quantile";
        by_load(encoder, "forecast_coverage_ratio", help, partitions, |p| {
            p.accuracy.map(|a| a.map(|a| a.coverage))
        })?;
        by_partition(encoder, "partition_score", "Re-partitioning score", partitions, |p| p.score)?;
        let help = "Probability that the coming hour exceeds capacity";
        by_partition(encoder, "partition_degradation_probability", help, partitions, |p| {
            p.degradation_probability
        })?;
        by_partition(
            encoder,
            "partition_throttled_requests",
            "Throttled per second",
            partitions,
            |p| p.throttled_per_s,
        )?;
        by_partition(encoder, "partition_size_bytes", "Stored bytes", partitions, |p| {
            p.size_bytes as f64
        })?;
        actions(encoder, &found.actions)?;
        let gauge = |encoder: &mut DescriptorEncoder, name, help, value: u64| {
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
        };
        gauge(
            encoder,
            "anomalies_open",
            "Flash crowds, drops and odd clients or cells that go on",
            found.anomalies_open as u64,
        )?;
        gauge(
            encoder,
            "planner_paused",
            "1 while an operator holds the planner up",
            u64::from(found.paused),
        )
    }
}

fn by_partition(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    partitions: &[PartitionMetrics],
    value: impl Fn(&PartitionMetrics) -> f64,
) -> Result<(), Error> {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for partition in partitions {
        let id = partition.partition.0.to_string();
        let labels = [("table", partition.table.as_str()), ("partition", id.as_str())];
        family.encode_family(&labels)?.encode_gauge(&value(partition))?;
    }
    Ok(())
}

/// One value for reads and one for writes; none where there is none.
fn by_load(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    partitions: &[PartitionMetrics],
    values: impl Fn(&PartitionMetrics) -> [Option<f64>; 2],
) -> Result<(), Error> {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for partition in partitions {
        let id = partition.partition.0.to_string();
        for (load, value) in ["read", "write"].into_iter().zip(values(partition)) {
            let Some(value) = value else { continue };
            let labels =
                [("table", partition.table.as_str()), ("partition", id.as_str()), ("load", load)];
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
    }
    Ok(())
}

/// Which durations of an action.
type Choice = fn(&ActionMetrics) -> &Durations;

fn actions(encoder: &mut DescriptorEncoder, actions: &[ActionMetrics]) -> Result<(), Error> {
    let labels = |action: &ActionMetrics| [("action", action.action), ("trigger", action.trigger)];
    let help = "Re-partitionings that failed and were undone";
    let mut family =
        encoder.encode_descriptor("workflow_failures", help, None, MetricType::Counter)?;
    for action in actions {
        family
            .encode_family(&labels(action))?
            .encode_counter::<NoLabelSet, u64, f64>(&action.failed, None)?;
    }
    let kinds: [(&str, &str, Choice); 2] = [
        ("workflow_duration", "From the intent to the last step", |action| &action.total),
        ("write_pause", "How long writes waited for a re-partitioning", |action| &action.pause),
    ];
    for (name, help, durations) in kinds {
        let unit = Some(&Unit::Seconds);
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Histogram)?;
        for action in actions {
            let durations = durations(action);
            let buckets: Vec<(f64, u64)> =
                durations.buckets().map(|(bound_ms, count)| (bound_ms / MS_PER_S, count)).collect();
            family.encode_family(&labels(action))?.encode_histogram::<NoLabelSet>(
                durations.sum_ms() / MS_PER_S,
                durations.count(),
                &buckets,
                None,
            )?;
        }
    }
    Ok(())
}
