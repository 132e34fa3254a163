//! What training a table's thresholds costs, and what it does to serving meanwhile.
//!
//!     cargo run --release -p manager --example training_beside -- [pairs [seconds [cpu share]]]
//!
//! Eight tasks put items of 400 bytes into a table of four partitions, durably. Windows come in pairs, one
//! with training and one without, their order drawn by a coin that is not: it alternates. Training is
//! that of `simulator::tuning` on the 28 days of history of the generated day-and-night load, again and
//! again, paced as the manager paces it; in a window without, it waits where it is. Printed are the
//! ratios of the pairs, the median with its quartiles, which is all that a machine with other work on it can say,
//! and the CPU seconds of each training.

#![allow(clippy::unwrap_used, reason = "a measurement ends with the first error")]

use bytes::Bytes;
use simulator::case::Case;
use simulator::minutes::PlaySettings;
use simulator::tuning::{Days, Pace, TrainSettings, frugal, train};
use simulator::workloads;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use storage::{Components, Decision, NewTable, Storage, StorageSettings, Table};
use types::ManualClock;

const WRITERS: u64 = 8;
const VALUE_BYTES: usize = 400;
/// How often a training that has to wait looks whether it may go on.
const LOOK: Duration = Duration::from_millis(5);

#[tokio::main]
async fn main() {
    let given: Vec<f64> = std::env::args().skip(1).map(|given| given.parse().unwrap()).collect();
    let of = |at: usize, default: f64| given.get(at).copied().unwrap_or(default);
    let (pairs, window) = (of(0, 20.0) as u64, Duration::from_secs_f64(of(1, 3.0)));
    let root = tempfile::tempdir_in(".").unwrap();
    let components = Components::new(Arc::new(ManualClock::new(0)), 1);
    let storage = Storage::open(StorageSettings::at(root.path()), components).await.unwrap();
    let boundaries = (1..4_u64).map(|i| Bytes::copy_from_slice(&(i << 62).to_be_bytes()));
    let definition = serde_json::Value::Null;
    let new = NewTable { name: "beside".into(), definition, boundaries: boundaries.collect() };
    let table = storage.create_table(new).await.unwrap();
    let (training, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let done = Arc::new(AtomicU64::new(0));
    let trainer = trainer(training.clone(), stop.clone(), of(2, 0.1));
    let waits: Arc<parking_lot::Mutex<Vec<Duration>>> = Arc::default();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| write(table.clone(), writer, done.clone(), waits.clone(), stop.clone()))
        .collect();
    let (mut rates, mut tails) = (Vec::new(), Vec::new());
    for pair in 0..=pairs {
        let mut seen = [(0.0, 0.0); 2];
        for half in 0..2 {
            let with = (pair + half) % 2 == 0;
            training.store(with, Ordering::Relaxed);
            // What the window before has left is not counted.
            tokio::time::sleep(window / 6).await;
            waits.lock().clear();
            let (before, begun) = (done.load(Ordering::Relaxed), Instant::now());
            tokio::time::sleep(window).await;
            let puts = done.load(Ordering::Relaxed) - before;
            let rate = puts as f64 / begun.elapsed().as_secs_f64();
            seen[usize::from(with)] = (rate, p99_ms(&mut waits.lock()));
        }
        // The first pair warms up.
        if pair > 0 {
            rates.push(seen[1].0 / seen[0].0);
            tails.push(seen[1].1 / seen[0].1);
        }
    }
    print("puts per second", &mut rates);
    print("p99 of a put", &mut tails);
    training.store(true, Ordering::Relaxed);
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    trainer.join().unwrap();
    storage.close().await.unwrap();
}

fn write(
    table: Arc<Table>,
    writer: u64,
    done: Arc<AtomicU64>,
    waits: Arc<parking_lot::Mutex<Vec<Duration>>>,
    stop: Arc<AtomicBool>,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        for n in 0_u64.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let spread = (n % 1_000 * WRITERS + writer).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1;
            let value = Bytes::from(vec![n as u8; VALUE_BYTES]);
            let begun = Instant::now();
            let key = spread.to_be_bytes();
            table.read_modify_write(&key, |_| Decision::Put(value, ())).await.unwrap();
            waits.lock().push(begun.elapsed());
            done.fetch_add(1, Ordering::Relaxed);
        }
    })
}

/// Trains again and again, in the windows in which it may, and says what each training took.
fn trainer(may: Arc<AtomicBool>, stop: Arc<AtomicBool>, share: f64) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let case = Case::generated(workloads::find("diurnal").unwrap(), 1);
        let settings = TrainSettings::default();
        let pace = pace(may, stop.clone(), share);
        while !stop.load(Ordering::Relaxed) {
            let before = cpu_seconds();
            let days = Days::before(&case, settings.days, frugal(&PlaySettings::default()));
            let trained = train(&days.unwrap().paced(&pace), &settings);
            let whole = if trained.is_ok() { "a training" } else { "one that was broken off" };
            println!("{whole} took {:.1} s of CPU", cpu_seconds() - before);
        }
    })
}

/// As the manager's: so much rest after a day's play that it keeps to its share of a core.
fn pace(may: Arc<AtomicBool>, stop: Arc<AtomicBool>, share: f64) -> Pace {
    let since = parking_lot::Mutex::new(Instant::now());
    Arc::new(move || {
        let mut since = since.lock();
        let rested = Instant::now() + since.elapsed().mul_f64(1.0 / share - 1.0);
        let waits = || !may.load(Ordering::Relaxed) || Instant::now() < rested;
        while waits() && !stop.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK);
        }
        *since = Instant::now();
        !stop.load(Ordering::Relaxed)
    })
}

fn p99_ms(waits: &mut [Duration]) -> f64 {
    waits.sort_unstable();
    let at = (waits.len() * 99 / 100).min(waits.len().saturating_sub(1));
    waits.get(at).map_or(f64::NAN, |wait| wait.as_secs_f64() * 1_000.0)
}

fn print(what: &str, ratios: &mut [f64]) {
    ratios.sort_by(f64::total_cmp);
    let at = |share: f64| ratios[((ratios.len() - 1) as f64 * share).round() as usize];
    println!(
        "{what}, with training over without: {:.3} ({:.3} to {:.3})",
        at(0.5),
        at(0.25),
        at(0.75)
    );
}

/// The CPU time of this thread.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}
