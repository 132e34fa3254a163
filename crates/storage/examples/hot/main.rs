//! Whether partitions help a hot range on one node, with nothing that limits them.
//!
//!     cargo run --release -p storage --example hot -- [seconds] [rounds]
//!
//! First, how many durable puts a second one range takes, in one partition and cut into four and sixteen, from
//! callers that ask again at once, and how many cores are busy with it.
//!
//! Then puts of 400 bytes come at a part of what one partition took, whether those before are answered or not, nine in ten
//! of them for a sixteenth of the key axis. Three tables get the same load, in turn: one that stays as it is (static),
//! one whose hot range is cut into four a second after the load has come, as a store reacts that is fast, and one
//! where that was done before. Printed is the 99th percentile of all puts of the window, the median of
//! the rounds, and its ratio to the static table's in the same round.

#![allow(clippy::unwrap_used, reason = "a measurement ends with the first error")]
#![allow(dead_code, reason = "what other measurements share")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../actions/load.rs"]
mod load;

use bytes::Bytes;
use load::{Load, Mix, quantile, saturation};
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::{Background, Components, Reslice, Storage, StorageSettings, Table};
use support::{cpu_seconds, table};
use types::ManualClock;

/// What is asked for: puts, most of them for a sixteenth of the axis.
const MIX: Mix = Mix { fillers: 64, of_each: 2_000, writes_percent: 100, hot_percent: 90 };
/// Who ask as fast as they are answered, when it is looked what a range takes.
const CALLERS: usize = 256;
/// What is left of that for the load that is compared.
const PARTS: [f64; 3] = [0.5, 0.75, 0.9];
/// When the store that reacts has seen enough.
const REACTS_AFTER: Duration = Duration::from_secs(1);

/// When the hot range is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Never,
    Late,
    Before,
}

impl Cut {
    fn name(self) -> &'static str {
        match self {
            Cut::Never => "static",
            Cut::Late => "cut 1 s after",
            Cut::Before => "cut before",
        }
    }
}

#[tokio::main]
async fn main() {
    let mut given = std::env::args().skip(1).map(|given| given.parse::<u64>().unwrap());
    let run = Duration::from_secs(given.next().unwrap_or(8));
    let rounds = given.next().unwrap_or(7) as usize;
    let root = tempfile::tempdir_in(".").unwrap();
    let background = Background::start().unwrap();
    let components = Components {
        background: background.handle(),
        ..Components::new(Arc::new(ManualClock::new(0)), 1)
    };
    let storage = Storage::open(StorageSettings::at(root.path()), components).await.unwrap();
    println!("parts of the hot range   puts/s   cores busy");
    let mut one = 0.0;
    for parts in [1, 4, 16] {
        let table = table(&storage, 1).await;
        cut_hot(&table, parts).await;
        let before = cpu_seconds();
        let begun = Instant::now();
        let most = saturation(&table, MIX, CALLERS, run).await;
        let cores = (cpu_seconds() - before) / begun.elapsed().as_secs_f64();
        storage.drop_table(table.name()).await.unwrap();
        one = if parts == 1 { most } else { one };
        println!("{parts:>22} {most:>8.0} {cores:>12.2}");
    }
    println!("puts/s    of one's   table         | p99 ms | : static (least to most) | cores busy");
    for part in PARTS {
        compare(&storage, one * part, part, run, rounds).await;
    }
    storage.close().await.unwrap();
}

/// The same load on the three tables, in turn, some rounds of it.
async fn compare(storage: &Arc<Storage>, per_second: f64, part: f64, run: Duration, rounds: usize) {
    let cuts = [Cut::Never, Cut::Late, Cut::Before];
    let mut all: [Vec<(f64, f64, f64)>; 3] = Default::default();
    for _ in 0..rounds {
        let mut of_static = f64::NAN;
        for (cut, all) in cuts.into_iter().zip(&mut all) {
            let (p99_ms, cores) = window(storage, per_second, run, cut).await;
            if cut == Cut::Never {
                of_static = p99_ms;
            }
            all.push((p99_ms, p99_ms / of_static, cores));
        }
    }
    let rising = |all: &[(f64, f64, f64)], of: fn(&(f64, f64, f64)) -> f64| {
        let mut rising: Vec<f64> = all.iter().map(of).collect();
        rising.sort_by(f64::total_cmp);
        rising
    };
    for (cut, all) in cuts.into_iter().zip(&all) {
        let (p99, ratio) = (rising(all, |one| one.0), rising(all, |one| one.1));
        println!(
            "{per_second:>8.0} {part:>8.2}   {:<13} | {:>6.1} | {:>8.2} ({:.2} to {:.2}) | {:>10.2}",
            cut.name(),
            quantile(&p99, 0.5),
            quantile(&ratio, 0.5),
            quantile(&ratio, 0.0),
            quantile(&ratio, 1.0),
            quantile(&rising(all, |one| one.2), 0.5),
        );
    }
}

/// The 99th percentile of the puts of one window, and the cores that were busy.
async fn window(storage: &Arc<Storage>, per_second: f64, run: Duration, cut: Cut) -> (f64, f64) {
    let table = table(storage, 1).await;
    if cut == Cut::Before {
        cut_hot(&table, 4).await;
    }
    let (cpu, begun) = (cpu_seconds(), Instant::now());
    let load = Load::start(&table, MIX, per_second);
    if cut == Cut::Late {
        tokio::time::sleep(REACTS_AFTER).await;
        cut_hot(&table, 4).await;
    }
    tokio::time::sleep(run.saturating_sub(begun.elapsed())).await;
    let cores = (cpu_seconds() - cpu) / begun.elapsed().as_secs_f64();
    let took = load.took_ms(Duration::ZERO, run).await;
    load.end().await;
    storage.drop_table(table.name()).await.unwrap();
    (quantile(&took, 0.99), cores)
}

/// Cuts the first sixteenth of the axis into so many parts of its own.
async fn cut_hot(table: &Arc<Table>, parts: u8) {
    if parts == 1 {
        return;
    }
    let sources = table.partition_map().partitions.iter().map(|partition| partition.id).collect();
    let boundaries = (1..=parts).map(|n| Bytes::from(vec![n * (16 / parts)])).collect();
    table.reslice(Reslice { sources, boundaries }).await.unwrap();
}
