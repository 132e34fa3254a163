//! `limits = "measured"`: capacity from what partitions and this node are seen to sustain.
//!
//! Once a second it is looked at what every gate has let through and how hard that was: the log's queue
//! and the cores for the node, the bytes that wait to be flushed for a partition. What that means is
//! `planner::measured`'s; here are the signs, and the effect on the gates. Nobody is refused before a
//! limit was met, and then only beyond what was sustained, and never what a partition has been granted
//! ([`Gate`](super::Gate)): pressure that comes from elsewhere, and an estimate that is wrong because of it, takes
//! nothing of that.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use planner::Buckets;
use planner::measured::{self, Estimator, MeasuredSettings, Sample};
use planner::view::NodeView;
use storage::{LogMetrics, Storage};
use types::{Clock, PartitionId, TableId, Units};

use crate::tables::{SeenGate, Tables};

/// How often it is looked.
const INTERVAL: Duration = Duration::from_secs(1);
/// Bytes that the log forces in one go, at the most.
const LOG_GROUP_BYTES: f64 = (4 << 20) as f64;
/// Ticks of processor time per second, as Linux tells it to everybody.
const CPU_TICKS_PER_S: f64 = 100.0;

/// What is known of this node and its partitions.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Whether the node has met a limit: until then no request waits for the lock.
    limiting: AtomicBool,
    node: Mutex<Node>,
    partitions: Mutex<HashMap<(TableId, PartitionId), Estimator>>,
}

#[derive(Debug, Default)]
struct Node {
    estimator: Estimator,
    load: Units,
    at_limit: bool,
    /// `None` as long as no limit was met.
    buckets: Option<Buckets>,
}

impl Measured {
    /// Admits a request if the node has room for it.
    pub(crate) fn admit(&self, least: Units, now_ms: i64) -> bool {
        if !self.limiting.load(Ordering::Relaxed) {
            return true;
        }
        let mut node = self.node.lock();
        node.buckets.as_mut().is_none_or(|buckets| buckets.try_take(least, now_ms))
    }

    /// Takes what a request cost beyond what was taken.
    pub(crate) fn settle(&self, cost: Units, taken: Units) {
        if !self.limiting.load(Ordering::Relaxed) {
            return;
        }
        if let Some(buckets) = &mut self.node.lock().buckets {
            buckets.read.debit(cost.read - taken.read);
            buckets.write.debit(cost.write - taken.write);
        }
    }

    /// What a partition sustains, as far as plans are made on it.
    pub(crate) fn capacity(&self, table: TableId, partition: PartitionId, prior: Units) -> Units {
        let partitions = self.partitions.lock();
        partitions.get(&(table, partition)).map_or(prior, |known| known.planning(prior))
    }

    /// The node, as the planner sees it.
    pub(crate) fn node(&self) -> NodeView {
        let node = self.node.lock();
        NodeView { load: node.load, capacity: node.estimator.limit(), at_limit: node.at_limit }
    }

    /// Takes in one second, and lets the gates have what follows.
    fn look(&self, seen: &[SeenGate], signs: &Signs, now_ms: i64, settings: &MeasuredSettings) {
        let seconds = signs.seconds.max(f64::MIN_POSITIVE);
        let per_s =
            |units: Units| Units { read: units.read / seconds, write: units.write / seconds };
        let served: Vec<Units> = seen.iter().map(|gate| per_s(gate.gate.take_served())).collect();
        let at_limit = {
            let mut node = self.node.lock();
            node.load = served.iter().copied().sum();
            let sample = Sample {
                served: node.load,
                queue_ms: signs.queue_ms,
                cpu_share: signs.cpu_share,
                backlog_share: 0.0,
            };
            node.estimator.observe(&sample, false, settings);
            node.at_limit = node.estimator.at_limit(settings);
            let limit = measured::admitted(node.estimator.limit());
            node.buckets = limit.map(|limit| limited(node.buckets.take(), limit, now_ms));
            self.limiting.store(node.buckets.is_some(), Ordering::Relaxed);
            sample.pressure(settings) >= 1.0
        };
        let mut known = self.partitions.lock();
        let mut next = HashMap::with_capacity(seen.len());
        for (gate, served) in seen.iter().zip(served) {
            let id = (gate.table, gate.gate.partition());
            // A new partition has met no limit.
            let mut estimator = known.remove(&id).unwrap_or_default();
            let sample = Sample { served, backlog_share: gate.backlog_share, ..Sample::default() };
            estimator.observe(&sample, at_limit, settings);
            let limit = measured::admitted(estimator.limit());
            gate.gate.limit(|buckets| limit.map(|limit| limited(buckets, limit, now_ms)));
            next.insert(id, estimator);
        }
        *known = next;
    }
}

/// Buckets for a limit: what is in them is kept, as far as it fits.
fn limited(buckets: Option<Buckets>, limit: Units, now_ms: i64) -> Buckets {
    match buckets {
        Some(mut buckets) => {
            let level = buckets.level(now_ms);
            Buckets::at_level(level, limit, measured::BURST_S, now_ms)
        }
        None => Buckets::full(limit, measured::BURST_S, now_ms),
    }
}

/// How hard the last second was for the node.
#[derive(Clone, Copy, Debug, Default)]
struct Signs {
    /// How long it was, on the service's clock.
    seconds: f64,
    queue_ms: f64,
    cpu_share: f64,
}

/// Reads the signs, each time against the time before.
struct Watcher {
    clock: Arc<dyn Clock>,
    storage: Arc<Storage>,
    looked: Instant,
    looked_ms: i64,
    cpu_s: Option<f64>,
    log: LogMetrics,
}

impl Watcher {
    fn new(clock: Arc<dyn Clock>, storage: Arc<Storage>) -> Self {
        let log = storage.log_metrics().unwrap_or_default();
        let looked_ms = clock.now_ms();
        Self { clock, storage, looked: Instant::now(), looked_ms, cpu_s: cpu_s(), log }
    }

    fn signs(&mut self) -> Signs {
        let (now_ms, real_s) = (self.clock.now_ms(), self.looked.elapsed().as_secs_f64());
        let seconds = (now_ms - self.looked_ms) as f64 / 1000.0;
        (self.looked, self.looked_ms) = (Instant::now(), now_ms);
        let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
        let before = std::mem::replace(&mut self.cpu_s, cpu_s());
        let busy_s = self.cpu_s.zip(before).map_or(0.0, |(now, before)| now - before);
        let log = self.storage.log_metrics().unwrap_or_default();
        let before = std::mem::replace(&mut self.log, log);
        Signs {
            seconds,
            queue_ms: queue_ms(&before, &self.log),
            cpu_share: busy_s / cores / real_s.max(f64::MIN_POSITIVE),
        }
    }
}

/// How long what is queued will have to wait for the log, by how long forcing took lately.
fn queue_ms(before: &LogMetrics, now: &LogMetrics) -> f64 {
    let syncs = now.sync_us.count().saturating_sub(before.sync_us.count());
    if syncs == 0 {
        return 0.0;
    }
    let spent_us = now.sync_us.sum.saturating_sub(before.sync_us.sum);
    let sync_ms = spent_us as f64 / syncs as f64 / 1000.0;
    sync_ms * now.queued_bytes as f64 / LOG_GROUP_BYTES
}

/// The processor time of this process in seconds; `None` where nobody tells.
fn cpu_s() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the process comes first, in brackets, and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = |field: Option<&str>| field.and_then(|text| text.parse::<f64>().ok());
    Some((ticks(fields.next())? + ticks(fields.next())?) / CPU_TICKS_PER_S)
}

/// Looks once a second until it is aborted.
pub(crate) async fn run(
    measured: Arc<Measured>,
    tables: Arc<Tables>,
    storage: Arc<Storage>,
    clock: Arc<dyn Clock>,
    settings: MeasuredSettings,
) {
    let mut watcher = Watcher::new(clock, storage);
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        let signs = watcher.signs();
        if signs.seconds > 0.0 {
            measured.look(&tables.gates(), &signs, watcher.looked_ms, &settings);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Admitted, Asking, Beyond, Gate};
    use storage::Powers;
    use types::KeyRange;
    use workload::RequestType;

    const PRIOR: Units = Units { read: 3000.0, write: 1000.0 };
    /// What the gates of these tests grant, for a second at once.
    const GRANTED: Units = Units { read: 10.0, write: 10.0 };

    /// A gate that has let through so many writes of one unit.
    fn seen(gate: &Arc<Gate>, writes: u32, backlog_share: f64) -> SeenGate {
        let least = Units::write(1.0);
        let asking = Asking { request: RequestType::Store, key_hash: 1, client: 1, least };
        (0..writes).for_each(|_| gate.settle(&asking, Admitted::Granted, least, least));
        SeenGate { table: TableId(1), gate: Arc::clone(gate), backlog_share }
    }

    fn gate(id: u64) -> Arc<Gate> {
        let granted = Some(Buckets::full(GRANTED, 1.0, 0));
        Arc::new(Gate::new(PartitionId(id), KeyRange::full(), granted, Beyond::Sustained(None)))
    }

    fn admitted(measured: &Measured, gate: &Gate, now_ms: i64) -> usize {
        let least = Units::write(1.0);
        let asking = Asking { request: RequestType::Store, key_hash: 1, client: 1, least };
        let admits = |_: &usize| {
            let admitted = gate.admit(&asking, now_ms, || measured.admit(least, now_ms));
            if admitted == Ok(Admitted::Granted) {
                measured.settle(least, Units::ZERO);
            }
            admitted.is_ok()
        };
        (0..10_000).take_while(admits).count()
    }

    #[test]
    fn a_node_at_its_limit_limits_itself_and_not_its_partitions() {
        let (measured, settings) = (Measured::default(), MeasuredSettings::default());
        let gates = [gate(1), gate(2)];
        let busy = Signs { seconds: 1.0, queue_ms: 0.0, cpu_share: 0.99 };
        for second in 0..10 {
            assert_eq!(measured.node().at_limit, second >= settings.samples_min as i64);
            let seen = [seen(&gates[0], 500, 0.1), seen(&gates[1], 300, 0.1)];
            measured.look(&seen, &busy, second * 1000, &settings);
        }
        let node = measured.node();
        assert_eq!((node.load.write, node.capacity.write), (800.0, 800.0));
        assert!(node.capacity.read.is_infinite());
        assert_eq!(measured.capacity(TableId(1), PartitionId(1), PRIOR), PRIOR);
        // Two seconds may be saved up, whichever partition it is for.
        assert_eq!(admitted(&measured, &gates[0], 9_000), 1_600);
        assert_eq!(admitted(&measured, &gates[1], 10_000), 800);
        let calm = Signs { cpu_share: 0.2, ..busy };
        measured.look(&[seen(&gates[0], 900, 0.1)], &calm, 11_000, &settings);
        assert!(!measured.node().at_limit && measured.node().capacity.write >= 900.0);
    }

    #[test]
    fn what_is_granted_is_served_whatever_was_measured() {
        let (measured, settings) = (Measured::default(), MeasuredSettings::default());
        let gate = gate(1);
        // Somebody else keeps the cores busy and the disk, while hardly anybody asks here.
        let busy = Signs { seconds: 1.0, queue_ms: 500.0, cpu_share: 1.0 };
        for second in 0..10 {
            measured.look(&[seen(&gate, 1, 0.99)], &busy, second * 1000, &settings);
        }
        assert_eq!(measured.node().capacity.write, 1.0, "a mistake");
        for second in 20..30 {
            let served = admitted(&measured, &gate, second * 1000);
            assert!((10..=12).contains(&served), "{second}: {served}");
        }
    }

    #[test]
    fn what_goes_beyond_the_grant_is_not_held_against_those_who_come_later() {
        let (measured, gate) = (Measured::default(), gate(1));
        let asking = Asking {
            request: RequestType::Retrieve,
            key_hash: 1,
            client: 1,
            least: Units::read(1.0),
        };
        let ask = || gate.admit(&asking, 0, || measured.admit(asking.least, 0)).unwrap();
        let granted = (0..100).filter(|_| ask() == Admitted::Granted).count();
        assert_eq!(granted, 10);
        gate.settle(&asking, Admitted::Beyond, Units::read(1e6), asking.least);
        assert_eq!(gate.level(1_000).unwrap().read, 10.0, "a second later all is there again");
        gate.settle(&asking, Admitted::Granted, Units::read(5.0), asking.least);
        assert_eq!(gate.level(1_000).unwrap().read, 6.0);
    }

    #[test]
    fn a_partition_that_cannot_flush_is_limited_and_its_neighbour_is_not() {
        let (measured, settings) = (Measured::default(), MeasuredSettings::default());
        let (slow, quick) = (gate(1), gate(2));
        let calm = Signs { seconds: 1.0, queue_ms: 1.0, cpu_share: 0.3 };
        for second in 0..10 {
            let seen = [seen(&slow, 400, 0.95), seen(&quick, 2_000, 0.1)];
            measured.look(&seen, &calm, second * 1000, &settings);
        }
        assert!(!measured.node().at_limit && measured.node().capacity.write.is_infinite());
        let capacity = |id| measured.capacity(TableId(1), PartitionId(id), PRIOR).write;
        assert_eq!((capacity(1), capacity(2)), (400.0, 2_000.0));
        assert_eq!(admitted(&measured, &slow, 9_000), 800);
        assert_eq!(admitted(&measured, &quick, 9_000), 10_000, "no limit is known");
        measured.look(&[seen(&quick, 1, 0.0)], &calm, 10_000, &settings);
        assert_eq!(capacity(1), PRIOR.write, "a partition that is gone is forgotten");
    }

    #[test]
    fn this_process_has_used_some_time() {
        let before = cpu_s().unwrap();
        let mut sum = 0_u64;
        while cpu_s().unwrap() <= before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(sum > 0);
    }

    #[test]
    fn a_queue_waits_for_as_many_forced_writes_as_it_fills() {
        let log = |count: u64, sum: u64, queued_bytes| LogMetrics {
            sync_us: Powers { counts: vec![count], sum },
            queued_bytes,
            ..LogMetrics::default()
        };
        assert_eq!(queue_ms(&log(10, 5_000, 0), &log(10, 5_000, 99)), 0.0, "nothing was forced");
        let two_groups = 8 << 20;
        let waited = queue_ms(&log(10, 5_000, 0), &log(20, 25_000, two_groups));
        assert!((waited - 4.0).abs() < 1e-9, "2 ms each, two of them: {waited}");
    }
}
