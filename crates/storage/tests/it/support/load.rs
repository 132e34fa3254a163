//! Writers that never rest: each counts up its own keys with conditional writes and remembers what
//! was acknowledged.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use storage::{Decision, ResliceReport, Table};
use tokio::task::JoinHandle;

/// How many keys a writer has.
const KEYS: u64 = 20;

/// Writers under way.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    writers: Vec<JoinHandle<BTreeMap<String, u64>>>,
}

/// What was acknowledged: the last number of each key.
pub(crate) struct Done(BTreeMap<String, u64>);

impl Load {
    /// Starts writers `w00`, `w01` and so on.
    pub(crate) fn start(table: &Arc<Table>, writers: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicU64::new(0));
        let writers = (0..writers)
            .map(|writer| {
                let (table, stop) = (table.clone(), stop.clone());
                let acknowledged = acknowledged.clone();
                tokio::spawn(async move {
                    let mut done = BTreeMap::new();
                    for n in 0.. {
                        if stop.load(Ordering::SeqCst) {
                            break;
                        }
                        let key = format!("w{writer:02}-{:02}", n % KEYS);
                        let before = done.get(&key).copied().unwrap_or(0);
                        count_up(&table, &key, before).await;
                        done.insert(key, before + 1);
                        acknowledged.fetch_add(1, Ordering::SeqCst);
                    }
                    done
                })
            })
            .collect();
        Self { stop, acknowledged, writers }
    }

    /// Waits until `more` writes were acknowledged from now on.
    pub(crate) async fn wait_for(&self, more: u64) {
        let goal = self.acknowledged.load(Ordering::SeqCst) + more;
        while self.acknowledged.load(Ordering::SeqCst) < goal {
            assert!(self.writers.iter().all(|writer| !writer.is_finished()), "a writer failed");
            tokio::task::yield_now().await;
        }
    }

    /// Stops the writers.
    pub(crate) async fn stop(self) -> Done {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = BTreeMap::new();
        for writer in self.writers {
            all.extend(writer.await.unwrap());
        }
        Done(all)
    }
}

impl Done {
    /// How many writes were acknowledged.
    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// Writes `before + 1`, provided that `before` is there.
async fn count_up(table: &Table, key: &str, before: u64) {
    let expected = (before > 0).then(|| Bytes::from(before.to_string()));
    let next = Bytes::from((before + 1).to_string());
    let found = table.read_modify_write(key.as_bytes(), |old| match old == expected.as_ref() {
        true => Decision::Put(next, Ok(())),
        false => Decision::Keep(Err(old.cloned())),
    });
    found.await.unwrap().unwrap_or_else(|old| panic!("{key}: {old:?} instead of {expected:?}"));
}

/// Whether the table holds exactly what was acknowledged.
pub(crate) async fn check(table: &Arc<Table>, done: &Done) {
    let mut found = BTreeMap::new();
    let mut scan = table.scan(types::KeyRange::full(), storage::Direction::Forward);
    while let Some((key, value)) = scan.next().await.unwrap() {
        let key = String::from_utf8(key.to_vec()).unwrap();
        found.insert(key, std::str::from_utf8(&value).unwrap().parse().unwrap());
    }
    assert_eq!(found, done.0);
}

/// The numbers of a table's partitions.
pub(crate) fn ids(table: &Table) -> Vec<u64> {
    table.partition_map().partitions.iter().map(|partition| partition.id.0).collect()
}

/// Prints how long writes were held.
pub(crate) fn print_pauses(what: &str, reports: &[ResliceReport]) {
    let mut pauses: Vec<f64> = reports.iter().map(|report| report.pause_ms).collect();
    pauses.sort_by(f64::total_cmp);
    let quantile = |q: f64| pauses[((pauses.len() - 1) as f64 * q).round() as usize];
    let mean = |part: fn(&ResliceReport) -> f64| {
        reports.iter().map(part).sum::<f64>() / reports.len() as f64
    };
    println!(
        "{what}: {} pauses, p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms; mean parts: hold {:.1}, drain \
         {:.1}, copy {:.1}, publish {:.1} ms; before it: flush {:.1}, clone {:.1}, open {:.1}, catch up \
         {:.1} ms of {:.1} ms",
        pauses.len(),
        quantile(0.5),
        quantile(0.99),
        quantile(1.0),
        mean(|r| r.making.hold_ms),
        mean(|r| r.pause.drain_ms),
        mean(|r| r.pause.copy_ms),
        mean(|r| r.pause.publish_ms),
        mean(|r| r.making.flush_ms),
        mean(|r| r.making.clone_ms),
        mean(|r| r.making.open_ms),
        mean(|r| r.making.catch_up_ms),
        mean(|r| r.prepare_ms),
    );
}
