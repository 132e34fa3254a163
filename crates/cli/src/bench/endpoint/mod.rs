//! `foreshard bench --endpoint URL`: load on any DynamoDB endpoint, ours or a peer's.
//!
//! Closed loop by default (each connection sends its next request when the last is answered), open
//! loop with `--rate` (requests start on a schedule, and a late start counts as latency). Closed-loop
//! latencies are corrected for coordinated omission after the fact, as HdrHistogram does it: a
//! stall of s at a usual interval of i stands for s/i requests that never got to start.
//! Source: Gil Tene, "How NOT to Measure Latency"; HdrHistogram's `copyCorrectedForCoordinatedOmission`.

mod report;
mod workload;

use crate::client::{ClientError, DynamoClient};
use crate::endpoint::Trust;
use clap::ValueEnum;
use hdrhistogram::Histogram;
use report::{Latencies, Report};
use std::sync::Arc;
use std::time::{Duration, Instant};
use workload::{Dataset, Requests};

/// The highest latency kept apart from those above, in microseconds.
const LATENCY_US_MAX: u64 = 120_000_000;

/// What `foreshard bench` takes without a subcommand.
#[derive(clap::Args, Debug)]
#[group(id = "endpoint_args")]
pub(crate) struct Args {
    /// The endpoint, e.g. http://127.0.0.1:8000
    #[arg(long, value_name = "URL", required = true)]
    endpoint: Option<String>,
    #[command(flatten)]
    trust: Trust,
    /// What to send
    #[arg(long, value_enum, default_value_t = Workload::Mixed)]
    workload: Workload,
    /// Connections that send at the same time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// How long to measure
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Size of an item, keys included
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(64..=400_000))]
    item_bytes: u32,
    /// Number of items in the table
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    items: u64,
    /// Open loop: start this many requests a second, however long the replies take
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<f64>,
    /// The table; made if it is missing, and removed at the end if it was made here
    #[arg(long, default_value = "foreshard-bench")]
    table: String,
    /// Leave the table there at the end
    #[arg(long)]
    keep_table: bool,
    /// Seed of the key choice
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// The mixes that can be sent.
#[derive(Clone, Copy, Debug, ValueEnum, PartialEq, Eq)]
pub(crate) enum Workload {
    /// PutItem only
    Put,
    /// GetItem only, strongly consistent
    Get,
    /// Query only: one item collection of 100 items
    Query,
    /// 80 % GetItem, 20 % PutItem
    Mixed,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EndpointBenchError {
    /// The endpoint did not do what the benchmark needs.
    #[error("bench: {0}")]
    Client(#[from] ClientError),
    /// A rate that no schedule can follow.
    #[error("bench: --rate must be a positive number")]
    Rate,
    /// A worker task died.
    #[error("bench: a worker failed: {0}")]
    Worker(#[from] tokio::task::JoinError),
    /// The histogram refused its parameters or a merge.
    #[error("bench: histogram: {0}")]
    Histogram(String),
    /// The report could not be written.
    #[error("bench: {0}")]
    Json(#[from] serde_json::Error),
}

/// What one connection saw.
struct Tally {
    latency_us: Histogram<u64>,
    operations: u64,
    errors: u64,
    throttled: u64,
    first_error: Option<String>,
}

impl Tally {
    fn new() -> Result<Self, EndpointBenchError> {
        let latency_us = Histogram::new_with_max(LATENCY_US_MAX, 3)
            .map_err(|error| EndpointBenchError::Histogram(error.to_string()))?;
        Ok(Self { latency_us, operations: 0, errors: 0, throttled: 0, first_error: None })
    }

    fn add(&mut self, other: &Tally) -> Result<(), EndpointBenchError> {
        self.latency_us
            .add(&other.latency_us)
            .map_err(|error| EndpointBenchError::Histogram(error.to_string()))?;
        self.operations += other.operations;
        self.errors += other.errors;
        self.throttled += other.throttled;
        self.first_error = self.first_error.take().or_else(|| other.first_error.clone());
        Ok(())
    }
}

/// Runs the benchmark and prints its report.
pub(crate) async fn run(args: Args) -> Result<(), EndpointBenchError> {
    if args.rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
        return Err(EndpointBenchError::Rate);
    }
    // It is required: there is one.
    let client =
        DynamoClient::new(args.endpoint.as_deref().unwrap_or_default(), args.trust.http()?)?;
    let client = Arc::new(client);
    let dataset = Dataset::new(args.table.clone(), args.items, args.item_bytes);
    let made = dataset.create_table(&client).await?;
    let outcome = measure(&args, &client, &dataset).await;
    if made && !args.keep_table {
        dataset.delete_table(&client).await?;
    }
    let report = outcome?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}

async fn measure(
    args: &Args,
    client: &Arc<DynamoClient>,
    dataset: &Dataset,
) -> Result<Report, EndpointBenchError> {
    if args.workload != Workload::Put {
        dataset.load(client, args.connections, !args.json).await?;
    }
    let start = Instant::now();
    let end = start + Duration::from_secs(args.seconds.into());
    let workers: Vec<_> = (0..args.connections)
        .map(|worker| {
            let requests = Requests::new(
                dataset.clone(),
                args.workload,
                args.seed.wrapping_add(u64::from(worker)),
            );
            let pace = args.rate.map(|rate| Pace::new(rate, worker, args.connections, start));
            tokio::spawn(drive(client.clone(), requests, pace, end))
        })
        .collect();
    let mut total = Tally::new()?;
    for worker in workers {
        total.add(&worker.await??)?;
    }
    let elapsed = start.elapsed().as_secs_f64();
    Ok(summarize(args, &total, elapsed))
}

fn summarize(args: &Args, total: &Tally, seconds: f64) -> Report {
    let interval_us = match total.operations {
        0 => 0,
        n => (seconds * 1e6 * f64::from(args.connections) / n as f64) as u64,
    };
    // An open loop measures from the intended start already: nothing to correct.
    let corrected = match args.rate {
        Some(_) => total.latency_us.clone(),
        None => total.latency_us.clone_correct(interval_us.max(1)),
    };
    Report {
        endpoint: args.endpoint.clone().unwrap_or_default(),
        workload: format!("{:?}", args.workload).to_lowercase(),
        connections: args.connections,
        seconds,
        operations: total.operations,
        errors: total.errors,
        throttled: total.throttled,
        ops_per_second: total.operations as f64 / seconds,
        latency_ms: Latencies::of(&corrected),
        uncorrected_latency_ms: Latencies::of(&total.latency_us),
        first_error: total.first_error.clone(),
    }
}

/// The starting times of one connection's requests in an open loop.
struct Pace {
    next: Instant,
    interval: Duration,
}

impl Pace {
    fn new(rate: f64, worker: u32, workers: u32, start: Instant) -> Self {
        let interval = Duration::from_secs_f64(f64::from(workers) / rate);
        Self { next: start + interval.mul_f64(f64::from(worker) / f64::from(workers)), interval }
    }

    /// Waits for the next start and returns when it was due.
    async fn due(&mut self) -> Instant {
        let due = self.next;
        self.next += self.interval;
        tokio::time::sleep_until(due.into()).await;
        due
    }
}

async fn drive(
    client: Arc<DynamoClient>,
    mut requests: Requests,
    mut pace: Option<Pace>,
    end: Instant,
) -> Result<Tally, EndpointBenchError> {
    let mut tally = Tally::new()?;
    loop {
        let begun = match &mut pace {
            Some(pace) if pace.next >= end => break,
            Some(pace) => pace.due().await,
            None => Instant::now(),
        };
        if begun >= end {
            break;
        }
        let (operation, body) = requests.next();
        match client.call(operation, body, None).await {
            Ok(reply) if reply.is_ok() => {
                let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
                tally.latency_us.saturating_record(micros);
                tally.operations += 1;
            }
            Ok(reply) if reply.is_throttled() => tally.throttled += 1,
            Ok(reply) => {
                tally.errors += 1;
                let words = || String::from_utf8_lossy(&reply.body).into_owned();
                tally.first_error.get_or_insert_with(words);
            }
            Err(error) => {
                tally.errors += 1;
                tally.first_error.get_or_insert_with(|| error.to_string());
            }
        }
    }
    Ok(tally)
}
