//! The gate of one partition: its buckets, what requests of each kind cost there lately, and who asks.

use parking_lot::Mutex;
use planner::Buckets;
use types::{KeyRange, PartitionId, Units};
use workload::RequestType;

use super::hot_keys::{HotKey, HotKeys};

/// Weight of the latest request in the moving average of costs: about the last 30 count.
const LATEST_WEIGHT: f64 = 1.0 / 16.0;

/// What others ask for in so many seconds is kept from hot keys, up to a second of capacity.
const RESERVED_S: f64 = 2.0;

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
    mean: [Units; RequestType::COUNT],
    hot: HotKeys,
    /// What was served since somebody asked.
    served: Units,
}

/// A request at a gate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking {
    /// What it does.
    pub(crate) request: RequestType,
    /// Hash of its partition key.
    pub(crate) key_hash: u64,
    /// Whose it is.
    pub(crate) client: u64,
    /// What it costs at least.
    pub(crate) least: Units,
}

/// A request was refused; it would have cost about this much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Refused {
    /// What it would have cost, as far as known.
    pub(crate) estimate: Units,
    /// Whether it is its key that is too much, and not the partition as a whole.
    pub(crate) hot_key: bool,
    /// Whether it is the first one of that key.
    pub(crate) first: bool,
}

impl Gate {
    /// A gate with `buckets`, or one that admits everything.
    pub(crate) fn new(partition: PartitionId, range: KeyRange, buckets: Option<Buckets>) -> Self {
        let state = State {
            buckets,
            mean: [Units::ZERO; RequestType::COUNT],
            hot: HotKeys::default(),
            served: Units::ZERO,
        };
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

    /// Admits a request and takes the least that it costs, or refuses it.
    pub(crate) fn admit(&self, asking: &Asking, now_ms: i64) -> Result<(), Refused> {
        let Asking { request, key_hash, client, least } = *asking;
        let mut state = self.state.lock();
        let State { buckets: Some(buckets), hot, .. } = &mut *state else {
            return Ok(());
        };
        hot.ask(key_hash, client, least, now_ms);
        let hot_key = hot.is_hot(key_hash, rates(buckets));
        let reserved = hot_key && reaches_reserve(buckets, hot.others(key_hash), least, now_ms);
        if !reserved && buckets.try_take(least, now_ms) {
            return Ok(());
        }
        let first = hot_key && hot.refuse(key_hash);
        Err(Refused { hot_key, first, ..state.refused(request, least) })
    }

    /// The refusal of a request that another limit than the gate's turns away.
    pub(crate) fn refused(&self, request: RequestType, least: Units) -> Refused {
        self.state.lock().refused(request, least)
    }

    /// Takes the rest of what an admitted request cost: `cost`, of which `taken` is paid.
    pub(crate) fn settle(&self, asking: &Asking, cost: Units, taken: Units) {
        let mut state = self.state.lock();
        state.served += cost;
        let rest = Units { read: cost.read - taken.read, write: cost.write - taken.write };
        let State { buckets, hot, mean, .. } = &mut *state;
        if let Some(buckets) = buckets {
            buckets.read.debit(rest.read);
            buckets.write.debit(rest.write);
            hot.pay(asking.key_hash, rest);
        }
        let mean = &mut mean[asking.request as usize];
        if *mean == Units::ZERO {
            *mean = cost;
        } else {
            mean.read += (cost.read - mean.read) * LATEST_WEIGHT;
            mean.write += (cost.write - mean.write) * LATEST_WEIGHT;
        }
    }

    /// What was served since the last time.
    pub(crate) fn take_served(&self) -> Units {
        std::mem::take(&mut self.state.lock().served)
    }

    /// Puts other buckets in the place of those that there are.
    pub(crate) fn limit(&self, change: impl FnOnce(Option<Buckets>) -> Option<Buckets>) {
        let mut state = self.state.lock();
        state.buckets = change(state.buckets.take());
    }

    /// What the buckets have left; `None` without limits.
    pub(crate) fn level(&self, now_ms: i64) -> Option<Units> {
        self.state.lock().buckets.as_mut().map(|buckets| buckets.level(now_ms))
    }

    /// The keys that ask for much of what the partition serves.
    pub(crate) fn hot_keys(&self) -> Vec<HotKey> {
        let state = self.state.lock();
        let buckets = state.buckets.as_ref();
        buckets.map_or(Vec::new(), |buckets| state.hot.hot(rates(buckets)))
    }
}

/// What the buckets gain per second.
fn rates(buckets: &Buckets) -> Units {
    Units { read: buckets.read.per_second(), write: buckets.write.per_second() }
}

/// Whether a kind of what is asked for is down to what is kept for the others.
fn reaches_reserve(buckets: &mut Buckets, others: Units, least: Units, now_ms: i64) -> bool {
    let reaches = |bucket: &mut planner::TokenBucket, others: f64, units: f64| {
        let most = bucket.per_second().min(bucket.most() / 2.0);
        units > 0.0 && bucket.level(now_ms) <= (others * RESERVED_S).min(most)
    };
    reaches(&mut buckets.read, others.read, least.read)
        || reaches(&mut buckets.write, others.write, least.write)
}

impl State {
    fn refused(&self, request: RequestType, least: Units) -> Refused {
        let mean = self.mean[request as usize];
        let estimate =
            Units { read: least.read.max(mean.read), write: least.write.max(mean.write) };
        Refused { estimate, hot_key: false, first: false }
    }
}
