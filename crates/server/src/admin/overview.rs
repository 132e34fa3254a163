//! `GET overview`: whether the service is well, and each table in a few numbers.

use manager::OverviewDocument;
use serde::Serialize;

use super::AdminComponents;
use super::answer::{Answer, Document};

/// The service as a whole. Counts are since its start: who asks twice has rates.
#[derive(Debug, Serialize)]
struct ServiceDocument {
    version: &'static str,
    ready: bool,
    /// Why it is not ready.
    why_not: Option<String>,
    uptime_s: u64,
    requests: u64,
    client_errors: u64,
    server_errors: u64,
    throttled: u64,
    refused: u64,
    /// All operations' latencies: the end of a bucket in microseconds, and what fell into it.
    latency_us: Vec<(u64, u64)>,
    /// Workload vectors lost because a queue was full.
    vectors_dropped: u64,
}

/// The whole document.
#[derive(Debug, Serialize)]
struct Overview {
    service: ServiceDocument,
    #[serde(flatten)]
    tables: OverviewDocument,
}

/// Makes it.
pub(super) fn document(
    components: &AdminComponents,
    why_not: Option<String>,
    uptime_s: u64,
) -> Answer {
    let totals = components.metrics.totals();
    let service = ServiceDocument {
        version: env!("CARGO_PKG_VERSION"),
        ready: why_not.is_none(),
        why_not,
        uptime_s,
        requests: totals.counts.requests,
        client_errors: totals.counts.client_errors,
        server_errors: totals.counts.server_errors,
        throttled: totals.counts.throttled,
        refused: totals.refused,
        latency_us: totals.counts.latency.filled().collect(),
        vectors_dropped: totals.vectors_dropped,
    };
    Document::json(&Overview { service, tables: components.manager.overview_document() })
}
