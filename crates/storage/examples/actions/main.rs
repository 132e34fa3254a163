//! What each change of partitions costs a table that is under load.
//!
//!     cargo run --release -p storage --example actions -- [megabytes] [windows] [file.json]
//!
//! A table is filled with random values of 4,000 bytes. It is looked how many requests a second it
//! answers, half of them reads and half writes of 400 bytes; then half as many come, whether those before are
//! answered or not, and one action after the other is done, so many times each: 1→2, 2→2, 2→1, 1→3, 1→4 and a
//! change of the key order. Between two actions housekeeping runs until the new partitions borrow
//! nothing.
//!
//! Of each action: how long it takes, for how long it holds writes, what is written anew because of it
//! (compactions until nothing is borrowed; for a change of the key order what is copied, too), and the 99th
//! percentile of all requests that were due during the action, over that of the seconds just before it: a pair
//! of windows for each time. The same for the time from its end until nothing is borrowed.
//!
//! With `SHARED_THREADS` in the environment flushes and compactions run on the threads that answer requests,
//! to see what threads of their own are worth.
//!
//! Housekeeping is hurried (polls and graces of fractions of a second), so that a run takes minutes.

#![allow(clippy::unwrap_used, reason = "a measurement ends with the first error")]
#![allow(dead_code, reason = "what other measurements share")]

#[path = "../support/mod.rs"]
mod support;

mod load;

use bytes::Bytes;
use load::{Load, Mix, quantile, saturation};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::{Background, Components, Rekey, Reslice, Storage, StorageSettings, Table};
use support::{Backwards, FILL_BYTES, FILLERS, fill, table};
use types::ManualClock;

/// How long the machine is looked at before it is loaded with half of what it sustains.
const SATURATION: Duration = Duration::from_secs(4);
/// Who ask meanwhile, each as fast as it is answered.
const CALLERS: usize = 64;
/// The window before an action.
const BEFORE: Duration = Duration::from_secs(2);
/// How often it is looked whether something is still borrowed.
const TIDY: Duration = Duration::from_millis(100);

/// What is done, in this order: each finds the partitions that the one before has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Split2,
    Shift,
    Merge,
    Isolate,
    /// Back to one partition, not measured.
    Reunite,
    Split4,
    Rekey,
}

const CYCLE: [Action; 8] = [
    Action::Split2,
    Action::Shift,
    Action::Merge,
    Action::Isolate,
    Action::Reunite,
    Action::Split4,
    Action::Reunite,
    Action::Rekey,
];

impl Action {
    fn name(self) -> &'static str {
        match self {
            Action::Split2 => "split 1→2",
            Action::Shift => "shift 2→2",
            Action::Merge => "merge 2→1",
            Action::Isolate => "isolate 1→3",
            Action::Reunite => "back to 1",
            Action::Split4 => "split 1→4",
            Action::Rekey => "rekey 1→1",
        }
    }

    /// First bytes of keys; they are spread evenly, up to 0xfe.
    fn boundaries(self) -> Vec<Bytes> {
        let cuts: &[&[u8]] = match self {
            Action::Split2 => &[&[0x7f]],
            Action::Shift => &[&[0x9f]],
            Action::Isolate => &[&[0x7f, 0x10], &[0x7f, 0x11]],
            Action::Split4 => &[&[0x3f], &[0x7f], &[0xbf]],
            Action::Merge | Action::Reunite | Action::Rekey => &[],
        };
        cuts.iter().map(|cut| Bytes::copy_from_slice(cut)).collect()
    }
}

/// What one action came to.
struct Once {
    total_ms: f64,
    pause_ms: f64,
    rewritten_bytes: f64,
    before_p99_ms: f64,
    during_p99_ms: f64,
    tidying_p99_ms: f64,
    tidying_ms: f64,
}

#[tokio::main]
async fn main() {
    let given = |at| std::env::args().nth(at);
    let megabytes: usize = given(1).map_or(100, |given| given.parse().unwrap());
    let windows: usize = given(2).map_or(10, |given| given.parse().unwrap());
    let root = tempfile::tempdir_in(".").unwrap();
    let background = Background::start().unwrap();
    let components = Components {
        background: std::env::var_os("SHARED_THREADS").map_or(background.handle(), |_| None),
        ..Components::new(Arc::new(ManualClock::new(0)), 1)
    };
    let storage = Storage::open(hurried(root.path()), components).await.unwrap();
    let table = table(&storage, 1).await;
    fill(&table, megabytes).await;
    tidy(&storage).await;
    let of_each = ((megabytes << 20) / FILL_BYTES / FILLERS) as u64;
    let mix = Mix { fillers: FILLERS, of_each, writes_percent: 50, hot_percent: 0 };
    let most = saturation(&table, mix, CALLERS, SATURATION).await;
    tidy(&storage).await;
    let load = Load::start(&table, mix, most / 2.0);
    println!("{megabytes} MB; {:.0} of {most:.0} requests/s, half of them writes", most / 2.0);
    let mut all: Vec<(Action, Vec<Once>)> = Vec::new();
    for window in 1..=windows {
        eprintln!("window {window} of {windows}");
        for action in CYCLE {
            let once = measure(&storage, &table, &load, action).await;
            match all.iter_mut().find(|(other, _)| *other == action) {
                Some((_, times)) => times.push(once),
                None => all.push((action, vec![once])),
            }
        }
    }
    load.end().await;
    all.retain(|(action, _)| *action != Action::Reunite);
    print(&all);
    let document = json!({
        "megabytes": megabytes,
        "requests_per_s": most / 2.0,
        "windows": windows,
        "actions": all.iter().map(|(action, times)| document(*action, times)).collect::<Vec<_>>(),
    });
    match given(3) {
        Some(file) => std::fs::write(file, format!("{document:#}\n")).unwrap(),
        None => println!("{document}"),
    }
    storage.close().await.unwrap();
}

fn hurried(root: &Path) -> StorageSettings {
    StorageSettings {
        compaction_poll_ms: 200,
        scan_grace_ms: 500,
        garbage_poll_ms: 1_000,
        garbage_age_ms: 1_000,
        rekey_grace_ms: 500,
        ..StorageSettings::at(root)
    }
}

async fn measure(storage: &Storage, table: &Arc<Table>, load: &Load, action: Action) -> Once {
    tokio::time::sleep(BEFORE).await;
    let (began, compacted) = (load.now(), compacted_bytes(storage));
    let (total_ms, pause_ms, copied) = act(table, action).await;
    let ended = load.now();
    tidy(storage).await;
    let tidied = load.now();
    let rewritten_bytes = (compacted_bytes(storage) - compacted) as f64 + copied;
    let p99 = |took: Vec<f64>| quantile(&took, 0.99);
    Once {
        total_ms,
        pause_ms,
        rewritten_bytes,
        before_p99_ms: p99(load.took_ms(began.saturating_sub(BEFORE), began).await),
        during_p99_ms: p99(load.took_ms(began, ended).await),
        tidying_p99_ms: p99(load.took_ms(ended, tidied).await),
        tidying_ms: (tidied - ended).as_secs_f64() * 1e3,
    }
}

/// How long it took, how long writes were held, and what was copied.
async fn act(table: &Arc<Table>, action: Action) -> (f64, f64, f64) {
    if action == Action::Rekey {
        let target = "backwards".into();
        let request = Rekey { target, boundaries: Vec::new(), order: Arc::new(Backwards) };
        let begun = Instant::now();
        let report = table.rekey(request).await.unwrap();
        return (begun.elapsed().as_secs_f64() * 1e3, report.pause_ms, report.bytes as f64);
    }
    let sources = table.partition_map().partitions.iter().map(|partition| partition.id).collect();
    let request = Reslice { sources, boundaries: action.boundaries() };
    let report = table.reslice(request).await.unwrap();
    (report.total_ms, report.pause_ms, 0.0)
}

/// Keeps house until nothing is borrowed, nothing is retired and nothing waits to be compacted.
async fn tidy(storage: &Storage) {
    loop {
        let report = storage.maintain().await.unwrap();
        if report.borrowing == 0 && report.compactions == 0 && report.parents_kept == 0 {
            return;
        }
        tokio::time::sleep(TIDY).await;
    }
}

fn compacted_bytes(storage: &Storage) -> u64 {
    let counters = storage.engine_counters();
    let compacted = counters.iter().filter(|c| c.name == "slatedb.compactor.bytes_compacted");
    compacted.map(|counter| counter.value).sum()
}

fn rising(times: &[Once], of: impl Fn(&Once) -> f64) -> Vec<f64> {
    let mut all: Vec<f64> = times.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all
}

fn ratio(once: &Once, of: f64) -> f64 {
    of / once.before_p99_ms.max(f64::MIN_POSITIVE)
}

fn print(all: &[(Action, Vec<Once>)]) {
    println!(
        "            |  ms: p50     max | pause ms: p50   p99   max | MB anew | p99 before  during ms | over it: p50 (min to max) | until tidy: s  over it"
    );
    for (action, times) in all {
        let of = |part: fn(&Once) -> f64, q| quantile(&rising(times, part), q);
        let during = rising(times, |once| ratio(once, once.during_p99_ms));
        let tidying = rising(times, |once| ratio(once, once.tidying_p99_ms));
        println!(
            "{:<11} | {:>8.0} {:>7.0} | {:>13.1} {:>5.1} {:>5.1} | {:>7.0} | {:>10.1} {:>10.1} | {:>9.2} ({:.2} to {:.2}) | {:>13.1} {:>7.2}",
            action.name(),
            of(|once| once.total_ms, 0.5),
            of(|once| once.total_ms, 1.0),
            of(|once| once.pause_ms, 0.5),
            of(|once| once.pause_ms, 0.99),
            of(|once| once.pause_ms, 1.0),
            of(|once| once.rewritten_bytes, 0.5) / 1e6,
            of(|once| once.before_p99_ms, 0.5),
            of(|once| once.during_p99_ms, 0.5),
            quantile(&during, 0.5),
            quantile(&during, 0.0),
            quantile(&during, 1.0),
            of(|once| once.tidying_ms, 0.5) / 1e3,
            quantile(&tidying, 0.5),
        );
    }
}

fn document(action: Action, times: &[Once]) -> serde_json::Value {
    let once = |once: &Once| {
        json!({
            "total_ms": once.total_ms,
            "pause_ms": once.pause_ms,
            "rewritten_bytes": once.rewritten_bytes,
            "before_p99_ms": once.before_p99_ms,
            "during_p99_ms": once.during_p99_ms,
            "tidying_p99_ms": once.tidying_p99_ms,
            "tidying_ms": once.tidying_ms,
        })
    };
    json!({ "action": action.name(), "times": times.iter().map(once).collect::<Vec<_>>() })
}
