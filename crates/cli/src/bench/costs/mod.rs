//! `foreshard bench costs`: what re-partitioning costs on this engine and this machine, as one file.
//!
//! The simulator and everything that decides by it read that file (`simulate --costs FILE`); the copy
//! that comes with the program is one of these. Each part is measured on a store of its own. What is
//! not measured (a move to another node) is not in it. docs/evaluation.md describes the fields.

mod bucket;
mod fixture;
mod machine;
mod rekey;
mod reslices;

use crate::clock::WallClock;
use fixture::Fixture;
use simulator::MeasuredCosts;
use simulator::costs::{Provenance, VERSION};
use std::path::{Path, PathBuf};
use std::time::Duration;
use types::{Clock, KeyRange};

/// Partitions of the table whose scan is compared with that of one partition.
const SCANNED_PARTITIONS: u64 = 64;
/// Its bytes: few, or what there is to read would hide what partitions cost.
const SCANNED_BYTES: u64 = 2 << 20;
/// Scans of each.
const SCANS: usize = 15;
/// How often the store is opened.
const OPENS: usize = 5;

/// What `foreshard bench costs` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Where the figures go [default: only printed]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How much data the partition has that is split
    #[arg(long, value_name = "MB", default_value_t = 100, value_parser = clap::value_parser!(u64).range(4..=20_000))]
    megabytes: u64,
    /// The stores are made in new directories inside this one, and removed at the end
    #[arg(long, value_name = "DIR", default_value = ".")]
    data: PathBuf,
    /// What to write down as the machine [default: what the kernel says]
    #[arg(long, value_name = "TEXT")]
    machine: Option<String>,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CostsError {
    #[error("bench costs: no directory for the data: {0}")]
    Directory(std::io::Error),
    #[error("bench costs: {0}")]
    Storage(#[from] storage::StorageError),
    #[error("bench costs: the kernel does not say what was used: {0}")]
    Kernel(std::io::Error),
    #[error("bench costs: a client failed: {0}")]
    Client(#[from] tokio::task::JoinError),
    #[error("bench costs: the table is gone after opening the store again")]
    NoTable,
    #[error("bench costs: an item that was written is not there")]
    NoItem,
    #[error("bench costs: children still borrow after {0} s")]
    Borrowing(u64),
    #[error("bench costs: cannot write {path}: {1}", path = .0.display())]
    Out(PathBuf, std::io::Error),
    #[error("bench costs: {0}")]
    Json(#[from] serde_json::Error),
}

/// Runs the command.
pub(crate) async fn run(args: Args) -> Result<(), CostsError> {
    let costs = measure(&args).await?;
    let text = serde_json::to_string_pretty(&costs)? + "\n";
    print!("{text}");
    if let Some(path) = &args.out {
        std::fs::write(path, text).map_err(|why| CostsError::Out(path.clone(), why))?;
    }
    Ok(())
}

async fn measure(args: &Args) -> Result<MeasuredCosts, CostsError> {
    let (parent, bytes) = (args.data.as_path(), args.megabytes << 20);
    let step = |what: &str| eprintln!("measuring {what} ...");
    step("splits and merges");
    let (split, merge) = reslices::pauses(parent, bytes).await?;
    step("reads after a split");
    let cold = reslices::cold(parent, bytes).await?;
    step("what a split leaves to be rewritten");
    let debt = reslices::debt(parent, bytes).await?;
    step("another key order");
    let rekey = Some(rekey::rekey(parent, bytes).await?);
    step("opening");
    let open_partition_ms = open_ms(parent, bytes).await?;
    step("scans");
    let scan_partition_us = scan_partition_us(parent).await?;
    step("requests of a partition in a bucket");
    let bucket = bucket::puts().await?;
    let machine = args.machine.clone().unwrap_or_else(|| machine::description(parent));
    let measured = Provenance {
        machine,
        date: today(),
        command: format!("foreshard bench costs --megabytes {}", args.megabytes),
        partition_bytes: bytes,
    };
    Ok(MeasuredCosts {
        version: VERSION,
        measured,
        split,
        merge,
        debt,
        cold,
        rekey,
        open_partition_ms,
        scan_partition_us,
        bucket,
    })
}

fn today() -> String {
    let now = jiff::Timestamp::from_millisecond(WallClock.now_ms()).unwrap_or_default();
    now.strftime("%Y-%m-%d").to_string()
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Opening a store with one partition whose data are in files.
async fn open_ms(parent: &Path, bytes: u64) -> Result<f64, CostsError> {
    let mut fixture = Fixture::filled(parent, bytes).await?;
    let mut took = Vec::new();
    for _ in 0..OPENS {
        let (again, opening) = fixture.reopened().await?;
        fixture = again;
        took.push(opening.as_secs_f64() * 1e3);
    }
    fixture.storage.close().await?;
    Ok(median(took))
}

/// The CPU time that each further partition adds to a scan of all of them.
async fn scan_partition_us(parent: &Path) -> Result<f64, CostsError> {
    let fixture = Fixture::filled(parent, SCANNED_BYTES).await?;
    let (fixture, _) = fixture.reopened().await?;
    let one = scan_us(&fixture).await?;
    fixture.reslice(SCANNED_PARTITIONS).await?;
    let many = scan_us(&fixture).await?;
    fixture.storage.close().await?;
    Ok(((many - one) / (SCANNED_PARTITIONS - 1) as f64).max(0.0))
}

/// The CPU time of a scan of everything, microseconds: the median of several, after a first one that warms up.
async fn scan_us(fixture: &Fixture) -> Result<f64, CostsError> {
    let mut took = Vec::new();
    for _ in 0..=SCANS {
        let before = machine::cpu_seconds().map_err(CostsError::Kernel)?;
        let mut scan = fixture.table.scan(KeyRange::full(), storage::Direction::Forward);
        while scan.next().await?.is_some() {}
        let after = machine::cpu_seconds().map_err(CostsError::Kernel)?;
        took.push((after - before) * 1e6);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(median(took.into_iter().skip(1)))
}
