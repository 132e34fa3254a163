//! Durable writes with one log per process and with one per partition, side by side in one run.
//!
//!     cargo run --release -p storage --example logs -- [seconds per run] [rounds]
//!
//! Writers put values of 400 bytes under keys of their own, spread over all partitions, one at a time
//! each. Both logs are measured in turn, several times, so that whatever else the machine does hits
//! both; figures and ratios are those of the median round. At the end a store that was not closed is opened: how long does
//! it take to read the log?

#![allow(clippy::unwrap_used, reason = "a measurement ends with the first error")]

use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use storage::{Components, Decision, LogKind, NewTable, Storage, StorageSettings, Table};
use types::ManualClock;

const VALUE_BYTES: usize = 400;
/// Partitions and writers.
const SHAPES: [(usize, usize); 5] = [(1, 1), (1, 64), (16, 1), (16, 64), (100, 64)];
const REOPEN_PARTITIONS: usize = 100;
const REOPEN_BYTES: usize = 50 << 20;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|given| given.parse::<u64>().unwrap());
    let run = Duration::from_secs(arguments.next().unwrap_or(5));
    let rounds = arguments.next().unwrap_or(3);
    println!("partitions writers | log      puts/s   p50 ms   p99 ms  max ms | node : engine");
    for (partitions, writers) in SHAPES {
        let mut measured = Vec::new();
        for _ in 0..rounds {
            let engine = measure(LogKind::Engine, partitions, writers, run).await;
            let node = measure(LogKind::Node, partitions, writers, run).await;
            measured.push((node.per_second / engine.per_second, engine, node));
        }
        measured.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (least, most) = (measured[0].0, measured[measured.len() - 1].0);
        let (ratio, engine, node) = measured[measured.len() / 2];
        println!("{partitions:>10} {writers:>7} | engine {engine}");
        println!("{:>18} | node   {node} | {ratio:.1} ({least:.1} to {most:.1})", "");
    }
    reopen().await;
}

/// What one run came to.
#[derive(Clone, Copy, Debug)]
struct Figures {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
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

async fn open(root: &Path, log: LogKind) -> Arc<Storage> {
    let components = Components::new(Arc::new(ManualClock::new(0)), 1);
    let settings = StorageSettings { log, ..StorageSettings::at(root) };
    Storage::open(settings, components).await.unwrap()
}

/// A table with so many partitions of equal width.
async fn table(storage: &Storage, partitions: usize) -> Arc<Table> {
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
fn key(writer: usize, n: u64) -> [u8; 16] {
    let spread = (n * 64 + writer as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut key = [0; 16];
    key[..8].copy_from_slice(&spread.to_be_bytes());
    key[8..].copy_from_slice(&n.to_be_bytes());
    // The axis ends before nine bytes of 0xff.
    key[0] &= 0xfe;
    key
}

async fn put(table: &Table, writer: usize, n: u64) {
    let value = Bytes::from(vec![n as u8; VALUE_BYTES]);
    table.read_modify_write(&key(writer, n), |_| Decision::Put(value, ())).await.unwrap();
}

async fn measure(log: LogKind, partitions: usize, writers: usize, run: Duration) -> Figures {
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

/// Opens a copy of a store that is open: what a crash leaves behind.
async fn reopen() {
    let root = tempfile::tempdir_in(".").unwrap();
    let storage = open(root.path(), LogKind::Node).await;
    let table = table(&storage, REOPEN_PARTITIONS).await;
    let writes = (REOPEN_BYTES / VALUE_BYTES) as u64;
    for chunk in 0..writes / 1_000 {
        let chunk = chunk * 1_000..(chunk + 1) * 1_000;
        futures::future::join_all(chunk.map(|n| put(&table, 0, n))).await;
    }
    let copy = tempfile::tempdir_in(".").unwrap();
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(root.path().join("."))
        .arg(copy.path())
        .status();
    assert!(copied.unwrap().success());
    let begun = Instant::now();
    let again = open(copy.path(), LogKind::Node).await;
    let (took, megabytes) = (begun.elapsed(), REOPEN_BYTES >> 20);
    println!("{REOPEN_PARTITIONS} partitions with {megabytes} MB of log open in {took:.2?}");
    again.close().await.unwrap();
    storage.close().await.unwrap();
}
