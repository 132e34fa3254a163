//! What the measurements share: a store, a table of equal partitions, and writers.

use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use storage::{Components, Decision, LogKind, NewOrder, NewTable, Storage, StorageSettings, Table};
use types::ManualClock;

/// The bytes of an item.
pub(crate) const VALUE_BYTES: usize = 400;

/// The bytes of an item that fills a table, and how many tasks fill it.
pub(crate) const FILL_BYTES: usize = 4_000;
pub(crate) const FILLERS: usize = 64;

/// What one run came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Figures {
    fn new(mut latencies: Vec<Duration>, run: Duration) -> Self {
        latencies.sort_unstable();
        let count = latencies.len();
        let ms = |part: f64| {
            let at = ((count as f64 * part) as usize).min(count - 1);
            latencies[at].as_secs_f64() * 1_000.0
        };
        let per_second = count as f64 / run.as_secs_f64();
        Self { per_second, p50_ms: ms(0.5), p99_ms: ms(0.99), max_ms: ms(1.0) }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { per_second, p50_ms, p99_ms, max_ms } = self;
        write!(f, "{per_second:>8.0} {p50_ms:>8.2} {p99_ms:>8.2} {max_ms:>7.1}")
    }
}

/// Opens a store with the default settings.
pub(crate) async fn open(root: &Path, log: LogKind) -> Arc<Storage> {
    let components = Components::new(Arc::new(ManualClock::new(0)), 1);
    let settings = StorageSettings { log, ..StorageSettings::at(root) };
    Storage::open(settings, components).await.unwrap()
}

/// A table with so many partitions of equal width.
pub(crate) async fn table(storage: &Storage, partitions: usize) -> Arc<Table> {
    let boundary = |n: usize| {
        let start = (n as u64) * (u64::MAX / partitions as u64);
        Bytes::copy_from_slice(&start.to_be_bytes())
    };
    let boundaries = (1..partitions).map(boundary).collect();
    let definition = serde_json::Value::Null;
    let new = NewTable { name: "measured".to_owned(), definition, boundaries };
    storage.create_table(new).await.unwrap()
}

/// A key that is spread over the whole axis.
pub(crate) fn key(writer: usize, n: u64) -> [u8; 16] {
    let spread = (n * 64 + writer as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut key = [0; 16];
    key[..8].copy_from_slice(&spread.to_be_bytes());
    key[8..].copy_from_slice(&n.to_be_bytes());
    // The axis ends before nine bytes of 0xff.
    key[0] &= 0xfe;
    key
}

/// Fills a table with so many megabytes of random values.
pub(crate) async fn fill(table: &Arc<Table>, megabytes: usize) {
    let items = (megabytes << 20) / FILL_BYTES;
    let fillers = (0..FILLERS).map(|filler| {
        let table = table.clone();
        tokio::spawn(async move {
            let mut random = filler as u64 + 1;
            for n in (filler..items).step_by(FILLERS) {
                let value: Vec<u8> = (0..FILL_BYTES / 8)
                    .flat_map(|_| {
                        random ^= random << 13;
                        random ^= random >> 7;
                        random ^= random << 17;
                        random.to_be_bytes()
                    })
                    .collect();
                let value = Bytes::from(value);
                let key = key(filler, (n / FILLERS) as u64);
                table.read_modify_write(&key, |_| Decision::Put(value, ())).await.unwrap();
            }
        })
    });
    for filler in fillers.collect::<Vec<_>>() {
        filler.await.unwrap();
    }
}

/// Puts one item.
pub(crate) async fn put(table: &Table, writer: usize, n: u64) {
    let value = Bytes::from(vec![n as u8; VALUE_BYTES]);
    table.read_modify_write(&key(writer, n), |_| Decision::Put(value, ())).await.unwrap();
}

/// Writers that put items for a while.
pub(crate) async fn measure(
    log: LogKind,
    partitions: usize,
    writers: usize,
    run: Duration,
) -> Figures {
    let root = tempfile::tempdir_in(".").unwrap();
    let storage = open(root.path(), log).await;
    let table = table(&storage, partitions).await;
    let stop = Arc::new(AtomicBool::new(false));
    let write = |writer: usize| {
        let (table, stop) = (table.clone(), stop.clone());
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let begun = Instant::now();
                put(&table, writer, n).await;
                latencies.push(begun.elapsed());
            }
            latencies
        })
    };
    let running: Vec<_> = (0..writers).map(write).collect();
    tokio::time::sleep(run).await;
    stop.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    for writer in running {
        latencies.extend(writer.await.unwrap());
    }
    storage.close().await.unwrap();
    Figures::new(latencies, run)
}

/// The CPU time that this process has used, user and system.
pub(crate) fn cpu_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = &stat[stat.rfind(')').unwrap() + 2..];
    let fields: Vec<&str> = after_name.split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS_PER_SECOND
}

/// Keys that are read from the end.
#[derive(Debug)]
pub(crate) struct Backwards;

impl NewOrder for Backwards {
    fn key(&self, old: &[u8]) -> Result<Bytes, String> {
        Ok(old.iter().rev().copied().collect())
    }

    fn definition(&self, old: &serde_json::Value) -> serde_json::Value {
        old.clone()
    }
}
