//! What partitions cost that nobody uses, and what a flood of writers does to memory.
//!
//!     cargo run --release -p storage --example idle -- [seconds] [partitions]
//!
//! First so many partitions are opened, written to once, and left alone: printed is the CPU time. Then
//! 2,000 writers put values of 8 kB as fast as they can: printed is the memory before and at the most.

#![allow(clippy::unwrap_used, reason = "a measurement ends with the first error")]
#![allow(dead_code, reason = "what other measurements share")]

mod support;

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use storage::{Decision, LogKind, Table};
use support::{cpu_seconds, key, open, put, table};

const FLOOD_WRITERS: usize = 2_000;
const FLOOD_BYTES: usize = 8 << 10;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|given| given.parse::<u64>().unwrap());
    let seconds = arguments.next().unwrap_or(20);
    let partitions = arguments.next().unwrap_or(100) as usize;
    let root = tempfile::tempdir_in(".").unwrap();
    let storage = open(root.path(), LogKind::Node).await;
    let table = table(&storage, partitions).await;
    for n in 0..1_000 {
        put(&table, 0, n).await;
    }
    let before = cpu_seconds();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let share = (cpu_seconds() - before) / seconds as f64 * 100.0;
    println!("{partitions} idle partitions use {share:.2} % of one core");
    flood(&table, seconds).await;
    storage.close().await.unwrap();
}

async fn flood(table: &Arc<Table>, seconds: u64) {
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let before = resident_mb();
    let write = |writer: usize| {
        let (table, stop, written) = (table.clone(), stop.clone(), written.clone());
        tokio::spawn(async move {
            let value = Bytes::from(vec![writer as u8; FLOOD_BYTES]);
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let value = value.clone();
                let put = |_: Option<&Bytes>| Decision::Put(value, ());
                table.read_modify_write(&key(writer, n), put).await.unwrap();
                written.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let writers: Vec<_> = (0..FLOOD_WRITERS).map(write).collect();
    let mut most = before;
    for _ in 0..seconds * 10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        most = most.max(resident_mb());
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    let megabytes = (written.load(Ordering::Relaxed) * FLOOD_BYTES as u64) >> 20;
    println!(
        "a flood of {megabytes} MB in {seconds} s: {before} MB of memory before, {most} MB at the most"
    );
}

/// The memory of this process.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() >> 10
}
