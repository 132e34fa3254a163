//! For how long a split and a merge hold writes, by how much data there is.
//!
//!     cargo run --release -p storage --example pauses -- [megabytes ...]
//!
//! For each size a table is filled with random values of 4,000 bytes; then, with 16 writers at work,
//! its partition is split in the middle and merged again, several times. Printed are the medians of
//! the pause and of its parts, and the longest pause.

#![allow(clippy::unwrap_used, reason = "a measurement ends with the first error")]
#![allow(dead_code, reason = "what other measurements share")]

mod support;

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use storage::{LogKind, Reslice, ResliceReport, Table};
use support::{fill, open, put, table};

/// How many writers there are during the reslices.
const WRITERS: usize = 16;
/// Splits, and as many merges.
const TIMES: usize = 9;

#[tokio::main]
async fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).map(|given| given.parse().unwrap()).collect();
    let sizes = if sizes.is_empty() { vec![1, 100, 500] } else { sizes };
    println!(
        "      MB        | pause ms: median  max |  hold  drain   copy publish | before it: flush  clone   open catch up"
    );
    for megabytes in sizes {
        measure(megabytes).await;
    }
}

async fn measure(megabytes: usize) {
    let root = tempfile::tempdir_in(".").unwrap();
    let storage = open(root.path(), LogKind::Node).await;
    let table = table(&storage, 1).await;
    fill(&table, megabytes).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS).map(|writer| write(&table, writer, &stop)).collect();
    let (mut splits, mut merges) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        splits.push(reslice(&table, vec![Bytes::from_static(&[0x7f])]).await);
        merges.push(reslice(&table, Vec::new()).await);
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    print(megabytes, "split", &splits);
    print(megabytes, "merge", &merges);
    storage.close().await.unwrap();
}

fn write(table: &Arc<Table>, writer: usize, stop: &Arc<AtomicBool>) -> tokio::task::JoinHandle<()> {
    let (table, stop) = (table.clone(), stop.clone());
    tokio::spawn(async move {
        for n in 0.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            put(&table, writer, n % 1_000).await;
        }
    })
}

async fn reslice(table: &Arc<Table>, boundaries: Vec<Bytes>) -> ResliceReport {
    let sources = table.partition_map().partitions.iter().map(|partition| partition.id).collect();
    table.reslice(Reslice { sources, boundaries }).await.unwrap()
}

fn print(megabytes: usize, what: &str, reports: &[ResliceReport]) {
    let sorted = |part: fn(&ResliceReport) -> f64| {
        let mut parts: Vec<f64> = reports.iter().map(part).collect();
        parts.sort_by(f64::total_cmp);
        parts
    };
    let median = |part| sorted(part)[reports.len() / 2];
    println!(
        "{megabytes:>8} {what:<6} | {:>16.1} {:>5.1} | {:>5.1} {:>6.1} {:>6.1} {:>7.1} | {:>16.1} {:>6.1} {:>6.1} {:>8.1}",
        median(|r| r.pause_ms),
        sorted(|r| r.pause_ms)[reports.len() - 1],
        median(|r| r.making.hold_ms),
        median(|r| r.pause.drain_ms),
        median(|r| r.pause.copy_ms),
        median(|r| r.pause.publish_ms),
        median(|r| r.making.flush_ms),
        median(|r| r.making.clone_ms),
        median(|r| r.making.open_ms),
        median(|r| r.making.catch_up_ms),
    );
}
