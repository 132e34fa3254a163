//! Counts and latencies of a server's operations, for `/metrics` and for whoever asks in process.
//!
//! One fixed set of atomics per operation, found by index: nothing is looked up, locked or
//! allocated on the request path. The names on `/metrics` are part of the interface.

mod engine;
mod export;
mod latency;
mod log;
mod planner;

pub use export::MetricsExport;
pub use latency::{LatencyHistogram, LatencySnapshot};

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dynamodb::{ApiError, ErrorKind, Operation};

/// What a server has counted since its start.
#[derive(Debug)]
pub struct Metrics {
    operations: Vec<OperationMetrics>,
    /// Requests that named no operation we know, or came without a signature.
    refused: AtomicU64,
    /// Throttled requests, by the place of their reason among [`REASONS`].
    reasons: [AtomicU64; REASONS.len()],
    /// Requests refused because of their key alone.
    hot_keys: AtomicU64,
}

/// Why requests are throttled, as DynamoDB names it.
pub(crate) const REASONS: [&str; 4] = [
    "TableReadKeyRangeThroughputExceeded",
    "TableWriteKeyRangeThroughputExceeded",
    "TableReadProvisionedThroughputExceeded",
    "TableWriteProvisionedThroughputExceeded",
];

/// What was counted of one operation.
#[derive(Debug, Default)]
struct OperationMetrics {
    latency: LatencyHistogram,
    client_errors: AtomicU64,
    server_errors: AtomicU64,
    throttled: AtomicU64,
}

/// What was counted of one operation until a moment.
#[derive(Clone, Debug, Default)]
pub struct OperationCounts {
    /// Replies of every kind.
    pub requests: u64,
    /// Replies that say the request was wrong (a failed condition among them).
    pub client_errors: u64,
    /// Replies that say the server failed.
    pub server_errors: u64,
    /// Replies that say the partition had no capacity left. Retries count again.
    pub throttled: u64,
    /// From the end of the request's head to its reply.
    pub latency: LatencySnapshot,
}

impl Default for Metrics {
    fn default() -> Self {
        let operations = Operation::ALL.iter().map(|_| OperationMetrics::default()).collect();
        Self {
            operations,
            refused: AtomicU64::new(0),
            reasons: Default::default(),
            hot_keys: AtomicU64::new(0),
        }
    }
}

impl Metrics {
    /// Counts one reply of `operation`, or of a request that never came to be one.
    pub(crate) fn count(
        &self,
        operation: Option<Operation>,
        took: Duration,
        error: Option<&ApiError>,
    ) {
        let Some(counted) = operation.and_then(|operation| self.operations.get(index(operation)))
        else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return;
        };
        counted.latency.record(took);
        let Some(error) = error else { return };
        let counter = match error.kind() {
            ErrorKind::ProvisionedThroughputExceeded | ErrorKind::Throttling => &counted.throttled,
            _ if error.status() >= 500 => &counted.server_errors,
            _ => &counted.client_errors,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let reason = error.throttle_reason();
        if let Some(place) = REASONS.iter().position(|known| Some(*known) == reason) {
            self.reasons[place].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Throttled requests by reason.
    pub(crate) fn throttled_by_reason(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        REASONS.into_iter().zip(self.reasons.iter().map(count))
    }

    /// What was counted of `operation` until now.
    pub fn operation(&self, operation: Operation) -> OperationCounts {
        let Some(counted) = self.operations.get(index(operation)) else {
            return OperationCounts::default();
        };
        let latency = counted.latency.snapshot();
        OperationCounts {
            requests: latency.count(),
            client_errors: counted.client_errors.load(Ordering::Relaxed),
            server_errors: counted.server_errors.load(Ordering::Relaxed),
            throttled: counted.throttled.load(Ordering::Relaxed),
            latency,
        }
    }

    /// Counts a request that was refused because its key alone asks for too much.
    pub(crate) fn count_hot_key(&self) {
        self.hot_keys.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests that were refused because their key alone asks for too much.
    pub fn hot_keys_refused(&self) -> u64 {
        self.hot_keys.load(Ordering::Relaxed)
    }

    /// All operations together.
    pub fn all(&self) -> OperationCounts {
        let mut all = OperationCounts::default();
        for operation in Operation::ALL {
            let one = self.operation(*operation);
            all.requests += one.requests;
            all.client_errors += one.client_errors;
            all.server_errors += one.server_errors;
            all.throttled += one.throttled;
            all.latency.add(&one.latency);
        }
        all
    }

    /// Requests that named no operation we know, or came without a signature.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// An operation's place in [`Metrics::operations`].
fn index(operation: Operation) -> usize {
    operation as usize
}
