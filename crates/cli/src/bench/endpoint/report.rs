//! What `bench` prints: for people a few lines, with `--json` one document.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::fmt;

/// The result of one run; the field names are a stable interface.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) endpoint: String,
    pub(crate) workload: String,
    pub(crate) connections: u32,
    pub(crate) seconds: f64,
    pub(crate) operations: u64,
    pub(crate) errors: u64,
    pub(crate) throttled: u64,
    pub(crate) ops_per_second: f64,
    /// Corrected for coordinated omission.
    pub(crate) latency_ms: Latencies,
    /// As the connections saw them.
    pub(crate) uncorrected_latency_ms: Latencies,
    /// The first refusal, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_error: Option<String>,
}

/// Quantiles in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Latencies {
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

impl Latencies {
    /// The quantiles of a histogram in microseconds.
    pub(crate) fn of(latency_us: &Histogram<u64>) -> Self {
        let at = |quantile: f64| latency_us.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: latency_us.max() as f64 / 1e3,
        }
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, p999, max } = self;
        write!(f, "p50 {p50:.2}  p90 {p90:.2}  p99 {p99:.2}  p99.9 {p999:.2}  max {max:.2} ms")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} on {}, {} connections, {:.1} s",
            self.workload, self.endpoint, self.connections, self.seconds
        )?;
        writeln!(
            f,
            "  {:.0} operations/s ({} done, {} throttled, {} failed)",
            self.ops_per_second, self.operations, self.throttled, self.errors
        )?;
        writeln!(f, "  latency    {}  (corrected for coordinated omission)", self.latency_ms)?;
        writeln!(f, "  as seen    {}", self.uncorrected_latency_ms)?;
        match &self.first_error {
            Some(error) => writeln!(f, "  first failure: {error}"),
            None => Ok(()),
        }
    }
}
