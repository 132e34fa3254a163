//! `foreshard bench server`: what a request costs the service itself, over HTTP, on this machine.
//!
//! Services of our own are started as processes (with 1, 16 and 100 partitions, with signatures
//! verified, and on request another build of the program), all with the same items. They are loaded in
//! turn, several rounds of it, so that whatever else the machine does hits all of them; the CPU time of
//! the loaded process is read from outside before and after. At the end of each round one connection
//! puts alone, beside appends of the same size with `fdatasync` on the same disk.
//!
//! It is not `bench --endpoint`: that measures throughput and latency of any DynamoDB endpoint from
//! where a client is; this measures what is spent at the other end.

mod disk;
mod process;
mod report;
mod wire;

use crate::client::{ClientError, DynamoClient};
use hdrhistogram::Histogram;
use process::{CREDENTIALS, Served, Variant};
use report::{Alone, Measured, Report, Runs, rows};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use wire::{Load, Operation, Player, Progress, TABLE};

/// Before this much of a run has passed nothing is counted.
const WARM_UP: Duration = Duration::from_millis(500);
/// What the log adds to an item: two headers, key and names. Counted in a log of single puts.
const LOGGED_BYTES: usize = 120;

/// What `foreshard bench server` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// How long each service is measured in each round
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// How often all services are measured in turn
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Connections that send at the same time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4_000))]
    connections: u32,
    /// Size of an item, keys included
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(64..=400_000))]
    item_bytes: u32,
    /// Number of items
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..=1_000_000))]
    items: u64,
    /// The services keep their data in new directories inside this one; they are removed at the end
    #[arg(long, value_name = "DIR", default_value = ".")]
    data: PathBuf,
    /// Another build of foreshard, measured in the same rounds
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerBenchError {
    /// No service, or no directory for its data.
    #[error("bench server: cannot start {path}: {1}", path = .0.display())]
    Start(PathBuf, std::io::Error),
    /// A service ended by itself; why stands above, on its stderr.
    #[error("bench server: the service \"{0}\" has ended")]
    Ended(String),
    /// This needs Linux's /proc.
    #[error("bench server: the CPU time of a service cannot be read: {0}")]
    CpuTime(std::io::Error),
    /// A connection broke.
    #[error("bench server: a connection failed: {0}")]
    Connection(std::io::Error),
    /// The service refused a request.
    #[error("bench server: a request was refused: {0}")]
    Refused(String),
    /// A request could not be made.
    #[error("bench server: {0}")]
    Client(#[from] ClientError),
    /// The disk refused an append.
    #[error("bench server: cannot measure the disk: {0}")]
    Disk(std::io::Error),
    /// The histogram refused its parameters or a merge.
    #[error("bench server: histogram: {0}")]
    Histogram(String),
    /// The load generator's thread died.
    #[error("bench server: the load generator failed")]
    Generator,
    /// The report could not be written.
    #[error("bench server: {0}")]
    Json(#[from] serde_json::Error),
}

/// Runs the command.
pub(crate) async fn run(args: Args) -> Result<(), ServerBenchError> {
    let mut services = Vec::new();
    for variant in variants(&args)? {
        let served = Served::start(variant, &args.data).await?;
        create_table(&served).await?;
        services.push(served);
    }
    let report = measure_all(&args, &services).await;
    for served in services {
        served.stop().await?;
    }
    let report = report?;
    match args.json {
        true => println!("{}", serde_json::to_string(&report)?),
        false => print!("{report}"),
    }
    Ok(())
}

/// The services to measure; the first one is what the others are compared with.
fn variants(args: &Args) -> Result<Vec<Variant>, ServerBenchError> {
    let here = std::env::current_exe()
        .map_err(|why| ServerBenchError::Start(PathBuf::from("foreshard"), why))?;
    let variant = |binary: &PathBuf, name: &str, partitions, verifies| Variant {
        binary: binary.clone(),
        name: name.to_owned(),
        partitions,
        verifies,
    };
    let mut all = vec![
        variant(&here, "1 partition", 1, false),
        variant(&here, "1 partition, signatures", 1, true),
        variant(&here, "16 partitions", 16, false),
        variant(&here, "100 partitions", 100, false),
    ];
    if let Some(other) = &args.against {
        all.push(variant(other, "other: 1 partition", 1, false));
        all.push(variant(other, "other: signatures", 1, true));
    }
    Ok(all)
}

fn client(served: &Served) -> Result<DynamoClient, ClientError> {
    let (id, secret) = CREDENTIALS;
    DynamoClient::signing(&format!("http://{}", served.address), id, secret)
}

async fn create_table(served: &Served) -> Result<(), ServerBenchError> {
    let table = json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }]
    });
    client(served)?.expect("CreateTable", &table).await?;
    Ok(())
}

async fn measure_all(args: &Args, services: &[Served]) -> Result<Report, ServerBenchError> {
    let connections = args.connections as usize;
    let run = Duration::from_secs(args.seconds.into());
    let operations = [Operation::Put, Operation::Get];
    let mut all: Vec<Runs> = operations
        .into_iter()
        .flat_map(|operation| {
            let runs = move |served: &Served| {
                let variant = served.variant.name.clone();
                Runs { operation, variant, rounds: Vec::new() }
            };
            services.iter().map(runs)
        })
        .collect();
    for served in services {
        fill(args, served).await?;
    }
    let mut alone = Vec::new();
    for _ in 0..args.rounds {
        for (at, runs) in all.iter_mut().enumerate() {
            let served = &services[at % services.len()];
            let load = Load { connections, ..load(args, served, runs.operation)? };
            runs.rounds.push(measure(served, load, run).await?);
        }
        // One connection waits most of the time: half the time is enough, and the disk's turn follows.
        let put = measure(&services[0], load(args, &services[0], Operation::Put)?, run / 2).await?;
        let bytes = args.item_bytes as usize + LOGGED_BYTES;
        alone.push((put.p50_ms, disk::forced_append_ms(&args.data, bytes, run / 2)?));
    }
    Ok(Report {
        connections,
        item_bytes: args.item_bytes as usize,
        rounds: args.rounds as usize,
        rows: rows(&all),
        alone: Alone::of(&alone),
    })
}

/// One endless connection. Signatures hold for five minutes, so requests are made for each run anew.
fn load(args: &Args, served: &Served, operation: Operation) -> Result<Load, ServerBenchError> {
    wire::prepared(&client(served)?, operation, args.items, args.item_bytes as usize)
}

/// Puts every item once.
async fn fill(args: &Args, served: &Served) -> Result<(), ServerBenchError> {
    let load = load(args, served, Operation::Put)?;
    let load = Load { connections: args.connections as usize, is_endless: false, ..load };
    finished(wire::play(served.address, load, Arc::default())).await.map(drop)
}

async fn finished(player: Player) -> Result<Histogram<u64>, ServerBenchError> {
    let joined = tokio::task::spawn_blocking(|| player.join()).await;
    joined.ok().and_then(Result::ok).ok_or(ServerBenchError::Generator)?
}

/// One run: load, and the CPU time of the service while it is loaded.
async fn measure(served: &Served, load: Load, run: Duration) -> Result<Measured, ServerBenchError> {
    let progress = Arc::new(Progress::default());
    let player = wire::play(served.address, load, progress.clone());
    let now = || {
        let operations = progress.operations.load(Ordering::Relaxed);
        served.cpu_seconds().map(|cpu_seconds| (Instant::now(), operations, cpu_seconds))
    };
    tokio::time::sleep(WARM_UP).await;
    let (began, operations_before, cpu_before) = now()?;
    tokio::time::sleep(run).await;
    let (ended, operations, cpu_seconds) = now()?;
    progress.stop.store(true, Ordering::SeqCst);
    let latencies = finished(player).await?;
    let operations = (operations - operations_before) as f64;
    Ok(Measured {
        cpu_us: (cpu_seconds - cpu_before) * 1e6 / operations,
        per_second: operations / (ended - began).as_secs_f64(),
        p50_ms: latencies.value_at_quantile(0.5) as f64 / 1e3,
        p99_ms: latencies.value_at_quantile(0.99) as f64 / 1e3,
    })
}
