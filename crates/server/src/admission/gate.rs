//! The gate of one partition: its buckets, what requests of each kind cost there lately, and who asks.
//!
//! Where limits are measured, a partition's own buckets are what is **granted** whatever was measured: a
//! mistaken estimate takes nothing of it from anybody. What goes beyond is admitted until partition or
//! node have met a limit, and then as far as that goes.

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
    /// What becomes of requests beyond these.
    beyond: Beyond,
    /// Moving average of what a served request cost, by request type; zero before the first.
    mean: [Units; RequestType::COUNT],
    hot: HotKeys,
    /// What was served since somebody asked.
    served: Units,
}

/// What becomes of requests for which a gate's own buckets have nothing left.
#[derive(Debug)]
pub(crate) enum Beyond {
    /// They are refused.
    Refused,
    /// They are served as far as the partition sustains it, which is not known before it has met a limit.
    Sustained(Option<Buckets>),
}

/// How a request was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// Out of what the partition has been granted.
    Granted,
    /// Beyond it.
    Beyond,
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
    pub(crate) fn new(
        partition: PartitionId,
        range: KeyRange,
        buckets: Option<Buckets>,
        beyond: Beyond,
    ) -> Self {
        let state = State {
            buckets,
            beyond,
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

    /// Admits a request and takes the least that it costs, or refuses it. One that goes beyond what is
    /// granted is asked of the `node`, too.
    pub(crate) fn admit(
        &self,
        asking: &Asking,
        now_ms: i64,
        node: impl FnOnce() -> bool,
    ) -> Result<Admitted, Refused> {
        let Asking { request, key_hash, client, least } = *asking;
        let mut state = self.state.lock();
        let State { buckets: Some(buckets), beyond, hot, .. } = &mut *state else {
            return Ok(Admitted::Granted);
        };
        hot.ask(key_hash, client, least, now_ms);
        let hot_key = hot.is_hot(key_hash, rates(buckets));
        let reserved = hot_key && reaches_reserve(buckets, hot.others(key_hash), least, now_ms);
        if !reserved && buckets.try_take(least, now_ms) {
            beyond.debit(least);
            return Ok(Admitted::Granted);
        }
        if beyond.try_take(least, now_ms) {
            if node() {
                return Ok(Admitted::Beyond);
            }
            beyond.debit(Units { read: -least.read, write: -least.write });
        }
        let first = hot_key && hot.refuse(key_hash);
        Err(Refused { hot_key, first, ..state.refused(request, least) })
    }

    /// The refusal of a request that another limit than the gate's turns away.
    pub(crate) fn refused(&self, request: RequestType, least: Units) -> Refused {
        self.state.lock().refused(request, least)
    }

    /// Takes the rest of what an admitted request cost: `cost`, of which `taken` is paid.
    pub(crate) fn settle(&self, asking: &Asking, how: Admitted, cost: Units, taken: Units) {
        let mut state = self.state.lock();
        state.served += cost;
        let rest = Units { read: cost.read - taken.read, write: cost.write - taken.write };
        let State { buckets, beyond, hot, mean, .. } = &mut *state;
        if let Some(buckets) = buckets {
            // What went beyond the grant is not held against those who come later.
            if how == Admitted::Granted {
                debit(buckets, rest);
            }
            beyond.debit(rest);
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

    /// Changes what is sustained, where that is measured.
    pub(crate) fn limit(&self, change: impl FnOnce(Option<Buckets>) -> Option<Buckets>) {
        if let Beyond::Sustained(sustained) = &mut self.state.lock().beyond {
            *sustained = change(sustained.take());
        }
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

impl Beyond {
    fn try_take(&mut self, units: Units, now_ms: i64) -> bool {
        match self {
            Self::Refused => false,
            Self::Sustained(None) => true,
            Self::Sustained(Some(buckets)) => buckets.try_take(units, now_ms),
        }
    }

    fn debit(&mut self, units: Units) {
        if let Self::Sustained(Some(buckets)) = self {
            debit(buckets, units);
        }
    }
}

fn debit(buckets: &mut Buckets, units: Units) {
    buckets.read.debit(units.read);
    buckets.write.debit(units.write);
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
