//! The node log on `/metrics`: how large it is, who holds it, and how its forced writes go.

use std::fmt::Error;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use storage::{LogMetrics, Powers};

/// Microseconds in a second.
const US_PER_S: f64 = 1e6;

/// Writes all of it.
pub(super) fn encode(encoder: &mut DescriptorEncoder, log: &LogMetrics) -> Result<(), Error> {
    let bytes = Some(&Unit::Bytes);
    let queued = log.queued_bytes as u64;
    let failed = u64::from(log.failure.is_some());
    gauge(encoder, "log_size", "All segments of the node log together", bytes, log.bytes)?;
    gauge(encoder, "log_segments", "Segments of the node log", None, log.segments as u64)?;
    let help = "Partitions that hold the oldest segment of the node log";
    gauge(encoder, "log_holders", help, None, log.holders as u64)?;
    gauge(encoder, "log_queued", "Appends that wait for the disk", bytes, queued)?;
    let help = "1 if the node log has failed: writes are refused until a restart";
    gauge(encoder, "log_failed", help, None, failed)?;
    encoder
        .encode_descriptor("log_commits", "Groups forced onto the disk", None, MetricType::Counter)?
        .encode_counter::<NoLabelSet, u64, f64>(&log.commits, None)?;
    let help = "Appends in a group";
    histogram(encoder, "log_group_appends", help, None, &log.group_appends, 1.0)?;
    let (help, unit) = ("One forced write of the node log", Some(&Unit::Seconds));
    histogram(encoder, "log_sync_duration", help, unit, &log.sync_us, US_PER_S)
}

fn gauge(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: u64,
) -> Result<(), Error> {
    encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?.encode_gauge(&value)
}

/// A histogram whose numbers are `scale` times as large as what is shown.
fn histogram(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    powers: &Powers,
    scale: f64,
) -> Result<(), Error> {
    let bound = |power: usize| (1_u64 << power) as f64 / scale;
    let mut buckets: Vec<(f64, u64)> =
        powers.counts.iter().enumerate().map(|(power, count)| (bound(power), *count)).collect();
    if let Some(last) = buckets.last_mut() {
        last.0 = f64::INFINITY;
    }
    encoder
        .encode_descriptor(name, help, unit, MetricType::Histogram)?
        .encode_histogram::<NoLabelSet>(powers.sum as f64 / scale, powers.count(), &buckets, None)
}
