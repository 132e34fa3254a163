//! Writers that count up names and delete some, readers and scans that watch them, while the order
//! changes. Each name has one writer, so every version of it is known.

use super::orders::{modify, read, text};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use storage::{Decision, Direction, StorageError, Table};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use types::KeyRange;

/// How many names a writer has.
const NAMES: u64 = 20;
/// Every so many writes a name is deleted, and counts on from where it was when it comes back.
const DELETE_EVERY: u64 = 7;

/// Writers, a reader and a scanner under way.
pub(crate) struct Counters {
    stop: Arc<AtomicBool>,
    /// Tells every acknowledged write.
    acknowledged: Arc<watch::Sender<u64>>,
    writers: Vec<JoinHandle<BTreeMap<String, u64>>>,
    watchers: Vec<JoinHandle<u64>>,
}

impl Counters {
    pub(crate) fn start(table: &Arc<Table>, writers: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(watch::Sender::new(0));
        let table = table.clone();
        let tasks = (0..writers).map(|writer| {
            let (table, stop, count) = (table.clone(), stop.clone(), acknowledged.clone());
            tokio::spawn(async move { write(&table, writer, &stop, &count).await })
        });
        let writers_under_way = tasks.collect();
        let watchers = vec![
            tokio::spawn(watch(table.clone(), acknowledged.subscribe(), writers)),
            tokio::spawn(scan(table, acknowledged.subscribe())),
        ];
        Self { stop, acknowledged, writers: writers_under_way, watchers }
    }

    /// Waits until `more` writes were acknowledged from now on.
    pub(crate) async fn wait_for(&self, more: u64) {
        let mut acknowledged = self.acknowledged.subscribe();
        let goal = *acknowledged.borrow() + more;
        while *acknowledged.borrow_and_update() < goal {
            assert!(self.writers.iter().all(|writer| !writer.is_finished()), "a writer failed");
            assert!(self.watchers.iter().all(|watcher| !watcher.is_finished()), "a reader failed");
            acknowledged.changed().await.unwrap();
        }
    }

    /// Stops all, and compares the table with what was acknowledged.
    pub(crate) async fn stop_and_check(self, table: &Arc<Table>) {
        self.stop.store(true, Ordering::SeqCst);
        let mut expected = BTreeMap::new();
        for writer in self.writers {
            expected.extend(writer.await.unwrap());
        }
        drop(self.acknowledged);
        for watcher in self.watchers {
            assert!(watcher.await.unwrap() > 0, "it has seen something");
        }
        expected.retain(|_, count| *count % DELETE_EVERY != 0);
        let mut found = BTreeMap::new();
        let mut scan = table.scan(KeyRange::full(), Direction::Forward);
        while let Some((key, value)) = scan.next().await.unwrap() {
            let name = text(table.order(), std::str::from_utf8(&key).unwrap());
            found.insert(name, number(Some(&value)));
        }
        assert_eq!(found, expected);
    }
}

fn name(writer: u64, n: u64) -> String {
    format!("w{writer}-{:02}", n % NAMES)
}

fn number(value: Option<&Bytes>) -> u64 {
    value.map_or(0, |value| std::str::from_utf8(value).unwrap().parse().unwrap())
}

/// Counts up, on the condition that the count before is there.
async fn write(
    table: &Arc<Table>,
    writer: u64,
    stop: &AtomicBool,
    acknowledged: &watch::Sender<u64>,
) -> BTreeMap<String, u64> {
    let mut done: BTreeMap<String, u64> = BTreeMap::new();
    for n in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let name = name(writer, n);
        let before = done.get(&name).copied().unwrap_or(0);
        let visible = if before % DELETE_EVERY == 0 { 0 } else { before };
        let next = before + 1;
        let found = modify(table, &name, |old| match number(old) == visible {
            true if next % DELETE_EVERY == 0 => Decision::Delete(None),
            true => Decision::Put(next.to_string().into(), None),
            false => Decision::Keep(Some(number(old))),
        });
        let wrong = found.await.unwrap();
        assert_eq!(wrong, None, "{name}: not what was acknowledged last, {visible}");
        done.insert(name, next);
        acknowledged.send_modify(|count| *count += 1);
    }
    done
}

/// Reads names again and again: no count goes back.
async fn watch(table: Arc<Table>, mut written: watch::Receiver<u64>, writers: u64) -> u64 {
    let mut newest: BTreeMap<String, u64> = BTreeMap::new();
    let mut seen = 0;
    for n in 0.. {
        // One read for each write or so, until nobody writes any more.
        if written.changed().await.is_err() {
            break;
        }
        let name = name(n % writers, n / writers);
        let count = number(read(&table, &name).await.unwrap().as_ref());
        if count > 0 {
            let newest = newest.entry(name.clone()).or_default();
            assert!(count >= *newest, "{name}: {count} after {newest}");
            *newest = count;
            seen += 1;
        }
    }
    seen
}

/// Scans from one end to the other again and again: keys rise strictly, whatever order they are of.
async fn scan(table: Arc<Table>, mut written: watch::Receiver<u64>) -> u64 {
    let mut seen = 0;
    while written.changed().await.is_ok() {
        let mut last = Bytes::new();
        let mut scan = table.scan(KeyRange::full(), Direction::Forward);
        loop {
            match scan.next().await {
                Ok(Some((key, _))) => {
                    assert!(key > last, "{key:?} after {last:?}");
                    last = key;
                    seen += 1;
                }
                Ok(None) => break,
                // The time that old orders are served for is short in most tests.
                Err(StorageError::Rekeyed(_)) => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
    seen
}
