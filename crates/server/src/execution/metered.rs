//! One data request from admission to its workload vector.
//!
//! Whatever becomes of a request (served, refused, failed, abandoned by its client), exactly one
//! vector says so: [`Metered`] exists from admission on and leaves the vector when it is finished
//! or, at the latest, when it is dropped. Recording neither allocates nor locks.
//!
//! A page of a query or scan is one request with one vector, that of the partition where the page
//! begins and which admits it. Its capacity is taken where it was used: every partition that the
//! page runs through pays for the bytes read from it.

use std::sync::Arc;

use types::Units;
use workload::{Attempt, Outcome, RangeKeyPrefix, RequestType, StorageKeyPrefix, Vector};
use xxhash_rust::xxh3::xxh3_64;

use super::{Call, Executor};
use crate::admission::{Admitted, Asking, Gate};
use crate::tables::ServedTable;

/// What a data request asks for, and where on the key axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// What the request does.
    pub(super) request: RequestType,
    /// The storage key, or the first one of a range.
    pub(super) key: &'a [u8],
    /// The encoded sort key at the end of `key`; empty if there is none.
    pub(super) sort: &'a [u8],
    /// Hash of the partition key.
    pub(super) key_hash: u64,
    /// What the request costs at least; taken when it is admitted.
    pub(super) least: Units,
}

/// Where a request found no capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Throttled {
    /// In the partition of its key.
    Partition,
    /// In what the table is provisioned with.
    Table,
}

/// An admitted data request; finish it with [`Metered::served`].
#[derive(Debug)]
pub(super) struct Metered<'a> {
    executor: &'a Executor,
    served: &'a ServedTable,
    /// Where it is now, and what it has taken there.
    gate: Arc<Gate>,
    /// Bytes that had been read when it came to this gate.
    bytes_before: usize,
    /// The gates it has passed, with the bytes read there. Only pages pass any.
    passed: Vec<(Arc<Gate>, usize)>,
    least: Units,
    asking: Asking,
    how: Admitted,
    vector: Vector,
    attempt: Attempt,
    real_ms: i64,
    /// The bytes that the request was after, if it had to read more for them.
    wanted_bytes: Option<usize>,
    recorded: bool,
}

impl<'a> Metered<'a> {
    /// Admits a request that the client may have tried before: SDKs name their calls.
    pub(super) fn admit(
        executor: &'a Executor,
        served: &'a ServedTable,
        call: &Call<'_>,
        target: Target<'_>,
    ) -> Result<Self, Throttled> {
        let attempt = Attempt::from_headers(
            call.invocation_id,
            call.sdk_request,
            nameless(call.client, &target),
        );
        Self::admit_as(attempt, executor, served, call, target)
    }

    /// Admits one part of a batch. A batch's name is not that of its parts: SDKs send what
    /// was left unprocessed as a new call.
    pub(super) fn admit_part(
        executor: &'a Executor,
        served: &'a ServedTable,
        call: &Call<'_>,
        target: Target<'_>,
    ) -> Result<Self, Throttled> {
        Self::admit_as(nameless(call.client, &target), executor, served, call, target)
    }

    fn admit_as(
        attempt: Attempt,
        executor: &'a Executor,
        served: &'a ServedTable,
        call: &Call<'_>,
        target: Target<'_>,
    ) -> Result<Self, Throttled> {
        let map = served.table.partition_map();
        let gate = served.admission.gate(&map, target.key, call.now_ms);
        let mut vector = Vector {
            table: served.table.id(),
            partition: gate.partition(),
            key_hash: target.key_hash,
            timestamp_ms: call.now_ms,
            client: call.client,
            data_bytes: 0,
            read_units: 0.0,
            write_units: 0.0,
            storage_key: StorageKeyPrefix::new(target.key),
            range_key: RangeKeyPrefix::new(target.sort),
            request: target.request,
            outcome: Outcome::Served,
            demand: false,
        };
        let Target { request, least, key_hash, .. } = target;
        let asking = Asking { request, key_hash, client: call.client, least };
        let provisioned = &served.admission.provisioned;
        let node = executor.tables().measured();
        let admitted = if !provisioned.admit(least, call.now_ms) {
            Err((gate.refused(request, least), Throttled::Table))
        } else {
            let room = || node.admit(least, call.now_ms);
            gate.admit(&asking, call.now_ms, room).map_err(|refused| {
                provisioned.settle(Units::ZERO, least);
                (refused, Throttled::Partition)
            })
        };
        if admitted == Ok(Admitted::Granted) {
            // The node is not asked, and does it all the same.
            node.settle(least, Units::ZERO);
        }
        match admitted {
            Ok(how) => Ok(Self {
                how,
                executor,
                served,
                gate,
                bytes_before: 0,
                passed: Vec::new(),
                least: target.least,
                asking,
                vector,
                attempt,
                real_ms: call.real_ms,
                wanted_bytes: None,
                recorded: false,
            }),
            Err((refused, throttled)) => {
                executor.throttled(served, &refused, &vector);
                vector.outcome = Outcome::Throttled;
                set_units(&mut vector, refused.estimate);
                record(executor, vector, &attempt, call.real_ms);
                Err(throttled)
            }
        }
    }

    /// The request was served: pays what it cost beyond the least, and leaves its vector.
    pub(super) fn served(mut self, cost: Units, bytes: usize) {
        set_units(&mut self.vector, cost);
        let wanted_bytes = self.wanted_bytes.unwrap_or(bytes);
        self.vector.data_bytes = u32::try_from(wanted_bytes).unwrap_or(u32::MAX);
        self.pay(cost, bytes);
        self.served.admission.provisioned.settle(cost, self.least);
        self.executor.tables().measured().settle(cost, self.least);
        self.record();
    }

    /// The page has come to `key`, after `bytes` read so far. In another partition than before, that
    /// one pays from here on, if need be below zero: the page was admitted where it begins.
    pub(super) fn reach(&mut self, key: &[u8], bytes: usize) {
        if self.gate.range().contains(key) {
            return;
        }
        let map = self.served.table.partition_map();
        let next = self.served.admission.gate(&map, key, self.vector.timestamp_ms);
        if next.partition() == self.gate.partition() {
            // The gates are not up to date yet; the next key asks again.
            return;
        }
        let passed = std::mem::replace(&mut self.gate, next);
        self.passed.push((passed, bytes.saturating_sub(self.bytes_before)));
        self.bytes_before = bytes;
    }

    /// The partition key of the first item of a page that does not begin at one.
    pub(super) fn set_key_hash(&mut self, key_hash: u64) {
        self.vector.key_hash = key_hash;
    }

    /// Of all that is read, the request is after so many bytes: what its vector says, while its units say
    /// what it took.
    pub(super) fn is_after(&mut self, bytes: usize) {
        self.wanted_bytes = Some(bytes);
    }

    /// Divides the cost among the partitions by the bytes read from them.
    fn pay(&self, cost: Units, bytes: usize) {
        let asking = &self.asking;
        if self.passed.is_empty() {
            return self.gate.settle(asking, self.how, cost, self.least);
        }
        let part = |of: usize| {
            let share = of as f64 / bytes.max(1) as f64;
            Units { read: cost.read * share, write: cost.write * share }
        };
        let mut taken = self.least;
        for (gate, read) in &self.passed {
            gate.settle(asking, self.how, part(*read), std::mem::take(&mut taken));
        }
        let rest = part(bytes.saturating_sub(self.bytes_before));
        self.gate.settle(asking, self.how, rest, taken);
    }

    fn record(&mut self) {
        self.recorded = true;
        record(self.executor, self.vector, &self.attempt, self.real_ms);
    }
}

impl Drop for Metered<'_> {
    /// A request that failed or was abandoned cost what it had taken, and was there.
    fn drop(&mut self) {
        if !self.recorded {
            set_units(&mut self.vector, self.least);
            self.record();
        }
    }
}

/// A request that is known only by who wants what.
fn nameless(client: u64, target: &Target<'_>) -> Attempt {
    Attempt::nameless(client, xxh3_64(target.key), target.request)
}

fn set_units(vector: &mut Vector, units: Units) {
    vector.read_units = units.read as f32;
    vector.write_units = units.write as f32;
}

fn record(executor: &Executor, mut vector: Vector, attempt: &Attempt, real_ms: i64) {
    vector.demand = executor.demand.counts(attempt, vector.outcome, real_ms);
    executor.recorder.record(&vector);
}
