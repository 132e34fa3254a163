//! What a change of the key order costs: seconds and CPU per GB, and for how long it holds writes.
//!
//!     cargo run --release -p storage --example rekey -- [megabytes] [writers]
//!
//! A table of four partitions is filled with random values of 4,000 bytes. Then its order is changed,
//! as fast as it goes, with so many writers at work (none by default: then the CPU is that of the copying
//! and of the compactions that come with it).

#![allow(clippy::unwrap_used, reason = "a measurement ends with the first error")]
#![allow(dead_code, reason = "what other measurements share")]

mod support;

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;
use storage::{Components, Decision, Rekey, Storage, StorageError, StorageSettings, Table};
use support::{Backwards, VALUE_BYTES, cpu_seconds, fill, key, table};
use types::ManualClock;

const PARTITIONS: usize = 4;
const GB: f64 = 1e9;

#[tokio::main]
async fn main() {
    let given = |at| std::env::args().nth(at).map(|given| given.parse().unwrap());
    let (megabytes, writers) = (given(1).unwrap_or(100), given(2).unwrap_or(0));
    let root = tempfile::tempdir_in(".").unwrap();
    let components = Components::new(Arc::new(ManualClock::new(0)), 1);
    let settings = StorageSettings { rekey_bytes_per_s: 0, ..StorageSettings::at(root.path()) };
    let storage = Storage::open(settings, components).await.unwrap();
    let table = table(&storage, PARTITIONS).await;
    fill(&table, megabytes).await;

    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let (table, stop, written) = (table.clone(), stop.clone(), written.clone());
            tokio::spawn(async move {
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    put(&table, writer, n % 1_000).await;
                    written.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let boundaries = (1..PARTITIONS as u8).map(|n| Bytes::from(vec![n * 16])).collect();
    let request = Rekey { target: "backwards".into(), boundaries, order: Arc::new(Backwards) };
    let report = table.rekey(request).await.unwrap();
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    let gigabytes = report.bytes as f64 / GB;
    println!(
        "{} items, {gigabytes:.3} GB: {:.1} s and {:.1} s of CPU per GB; writes were held for {:.1} ms; \
         {:.0} writes/s meanwhile",
        report.items,
        seconds / gigabytes,
        cpu / gigabytes,
        report.pause_ms,
        written.load(Ordering::Relaxed) as f64 / seconds
    );
    storage.close().await.unwrap();
}

/// Puts an item, under the key that it has by then.
async fn put(table: &Arc<Table>, writer: usize, n: u64) {
    let value = Bytes::from(vec![n as u8; VALUE_BYTES]);
    loop {
        let order = table.order();
        let mut key = key(writer, n);
        if order % 2 == 1 {
            key.reverse();
        }
        let put = |_: Option<&Bytes>| Decision::Put(value.clone(), ());
        match table.in_order(order).read_modify_write(&key, put).await {
            Err(StorageError::Rekeyed(_)) => {}
            done => return done.unwrap(),
        }
    }
}
