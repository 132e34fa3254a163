//! The gate of one partition: its buckets, and what requests of each kind cost there lately.

use parking_lot::Mutex;
use planner::Buckets;
use types::{KeyRange, PartitionId, Units};
use workload::RequestType;

/// Weight of the latest request in the moving average of costs: about the last 30 count.
const LATEST_WEIGHT: f64 = 1.0 / 16.0;

/// How many request types there are; their numbers index the averages.
const REQUEST_TYPES: usize = 5;

/// One partition's gate.
#[derive(Debug)]
pub(crate) struct Gate {
    partition: PartitionId,
    range: KeyRange,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` without limits.
    buckets: Option<Buckets>,
    /// Moving average of what a served request cost, by request type; zero before the first.
    mean: [Units; REQUEST_TYPES],
}

/// A request was refused; it would have cost about this much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Refused {
    /// What it would have cost, as far as known.
    pub(crate) estimate: Units,
}

impl Gate {
    /// A gate with `buckets`, or one that admits everything.
    pub(crate) fn new(partition: PartitionId, range: KeyRange, buckets: Option<Buckets>) -> Self {
        let state = State { buckets, mean: [Units::ZERO; REQUEST_TYPES] };
        Self { partition, range, state: Mutex::new(state) }
    }

    /// The partition behind the gate.
    pub(crate) fn partition(&self) -> PartitionId {
        self.partition
    }

    /// The partition's keys.
    pub(crate) fn range(&self) -> &KeyRange {
        &self.range
    }

    /// Admits a request that will cost at least `least` and takes that, or refuses it.
    pub(crate) fn admit(
        &self,
        request: RequestType,
        least: Units,
        now_ms: i64,
    ) -> Result<(), Refused> {
        let mut state = self.state.lock();
        let Some(buckets) = &mut state.buckets else {
            return Ok(());
        };
        if buckets.try_take(least, now_ms) {
            return Ok(());
        }
        Err(state.refused(request, least))
    }

    /// The refusal of a request that another limit than the gate's turns away.
    pub(crate) fn refused(&self, request: RequestType, least: Units) -> Refused {
        self.state.lock().refused(request, least)
    }

    /// Takes the rest of what an admitted request cost: `cost`, of which `taken` is paid.
    pub(crate) fn settle(&self, request: RequestType, cost: Units, taken: Units) {
        let mut state = self.state.lock();
        if let Some(buckets) = &mut state.buckets {
            buckets.read.debit(cost.read - taken.read);
            buckets.write.debit(cost.write - taken.write);
        }
        let mean = &mut state.mean[request as usize];
        if *mean == Units::ZERO {
            *mean = cost;
        } else {
            mean.read += (cost.read - mean.read) * LATEST_WEIGHT;
            mean.write += (cost.write - mean.write) * LATEST_WEIGHT;
        }
    }

    /// What the buckets have left; `None` without limits.
    pub(crate) fn level(&self, now_ms: i64) -> Option<Units> {
        self.state.lock().buckets.as_mut().map(|buckets| buckets.level(now_ms))
    }
}

impl State {
    fn refused(&self, request: RequestType, least: Units) -> Refused {
        let mean = self.mean[request as usize];
        let estimate =
            Units { read: least.read.max(mean.read), write: least.write.max(mean.write) };
        Refused { estimate }
    }
}
