//! How long a commit takes on this disk, by how far zeros are written ahead.
//!
//!     cargo run --release -p nodelog --example commits -- [directory] [seconds per run]

#![allow(clippy::unwrap_used, reason = "a measurement ends with the first error")]

use nodelog::{DatabaseName, Entry, Files, Log, LogSettings, NoHooks, Sync};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROW_BYTES: usize = 424;
const ROUNDS: usize = 3;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    let run = Duration::from_secs(arguments.next().map_or(2, |given| given.parse().unwrap()));
    println!("rows per group | zeros ahead | commits/s  p50 ms  p99 ms");
    for group in [1, 64] {
        for _ in 0..ROUNDS {
            for zero_ahead_bytes in [0, 256 << 10, 1 << 20, 4 << 20] {
                measure(&directory, group, zero_ahead_bytes, run);
            }
        }
    }
}

fn measure(directory: &std::path::Path, group: u64, zero_ahead_bytes: u64, run: Duration) {
    let directory = directory.join("commits-example");
    let disk = Arc::new(Files::open(&directory, Sync::Forced).unwrap());
    let settings = LogSettings { zero_ahead_bytes, ..LogSettings::default() };
    let (mut log, _) = Log::open(disk, settings, 1, Arc::new(NoHooks)).unwrap();
    let (database, rows) = (DatabaseName::new("data/t1/p1").unwrap(), [7; ROW_BYTES]);
    let (begun, mut latencies, mut id) = (Instant::now(), Vec::new(), 0);
    while begun.elapsed() < run {
        let entry = |n| Entry::Rows { database: &database, previous_id: n - 1, id: n, rows: &rows };
        let entries: Vec<Entry<'_>> = (id + 1..=id + group).map(entry).collect();
        let commit = Instant::now();
        log.commit(&entries).unwrap();
        latencies.push(commit.elapsed());
        id += group;
    }
    latencies.sort_unstable();
    let ms = |at: usize| latencies[at].as_secs_f64() * 1_000.0;
    let count = latencies.len();
    println!(
        "{group:>14} | {:>8} kB | {:>9.0} {:>7.2} {:>7.2}",
        zero_ahead_bytes >> 10,
        count as f64 / run.as_secs_f64(),
        ms(count / 2),
        ms(count * 99 / 100),
    );
    std::fs::remove_dir_all(&directory).unwrap();
}
