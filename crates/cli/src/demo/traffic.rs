//! The demo's clients: the same requests, at the same moments of the demo's clock, to two services.
//!
//! Open loop: a request starts when the trace says so, however the earlier ones fare. The writes of a
//! key belong to one worker per service, so that they stay in order and the last acknowledged one
//! is known; the ledger of those is what the services are checked against at the end. Reads go to
//! any worker. A refused invocation is retried as an SDK does it (three attempts, back-off with full
//! jitter, on the demo's clock); it counts as throttled once, by its first refusal.

use super::ledger::Ledger;
use crate::client::{DynamoClient, Invocation};
use bytes::Bytes;
use hdrhistogram::Histogram;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use types::Clock;

/// Attempts per invocation: the default of the AWS SDKs' standard retry mode.
const ATTEMPTS_MAX: u32 = 3;
/// First back-off on the demo's clock; doubled each time, with full jitter.
const BACKOFF_MS: u64 = 50;
/// Requests that may wait in one worker's queue before the player waits for it.
const QUEUE_REQUESTS_MAX: usize = 4_096;
/// The highest latency kept apart, in microseconds.
const LATENCY_US_MAX: u64 = 60_000_000;

/// What is done to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// PutItem
    Put,
    /// GetItem, strongly consistent
    Get,
    /// DeleteItem
    Delete,
}

/// One request of the trace.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// When it starts, on the demo's clock.
    pub(crate) due_ms: i64,
    /// What it does.
    pub(crate) op: Op,
    /// The product it concerns.
    pub(crate) key: Arc<str>,
    /// Who sends it.
    pub(crate) client: Arc<str>,
    /// Pieces sold or brought back.
    pub(crate) quantity: u64,
    /// Its number in the trace, written into the item.
    pub(crate) sequence: u64,
}

/// What the clients of one service saw.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Invocations sent.
    pub(crate) requests: u64,
    /// Invocations refused at least once.
    pub(crate) throttled: u64,
    /// Invocations that were still refused after the last retry.
    pub(crate) given_up: u64,
    /// Invocations that failed in any other way.
    pub(crate) failed: u64,
    /// The first such failure.
    pub(crate) first_failure: Option<String>,
    /// Time to the final answer of invocations that succeeded, from when they were sent.
    pub(crate) latency_us: Histogram<u64>,
    /// How late, in real milliseconds, the latest request started.
    pub(crate) late_ms_max: f64,
    /// The last acknowledged state of each key.
    pub(crate) ledger: Ledger,
}

impl Tally {
    fn new() -> Self {
        Self {
            requests: 0,
            throttled: 0,
            given_up: 0,
            failed: 0,
            first_failure: None,
            latency_us: Histogram::new_with_max(LATENCY_US_MAX, 3)
                .expect("constant bounds that HdrHistogram accepts"),
            late_ms_max: 0.0,
            ledger: Ledger::default(),
        }
    }

    fn add(&mut self, other: Tally) {
        self.requests += other.requests;
        self.throttled += other.throttled;
        self.given_up += other.given_up;
        self.failed += other.failed;
        self.first_failure = self.first_failure.take().or(other.first_failure);
        self.latency_us.add(&other.latency_us).expect("histograms of the same bounds");
        self.late_ms_max = self.late_ms_max.max(other.late_ms_max);
        self.ledger.extend(other.ledger);
    }
}

/// The clients of one service: a fixed number of workers, each with a queue and a connection.
#[derive(Debug)]
pub(crate) struct Clients {
    queues: Vec<mpsc::Sender<Request>>,
    workers: Vec<tokio::task::JoinHandle<Tally>>,
}

impl Clients {
    /// `workers` clients of `client`'s endpoint, all on `clock`.
    pub(crate) fn start(
        client: DynamoClient,
        table: &str,
        workers: usize,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let client = Arc::new(client);
        let (queues, workers) = (0..workers)
            .map(|number| {
                let (queue, requests) = mpsc::channel(QUEUE_REQUESTS_MAX);
                let worker = Worker {
                    client: client.clone(),
                    table: table.to_owned(),
                    clock: clock.clone(),
                    random: StdRng::seed_from_u64(number as u64),
                    tally: Tally::new(),
                };
                (queue, tokio::spawn(worker.run(requests)))
            })
            .unzip();
        Self { queues, workers }
    }

    /// Hands a request to the worker that owns its key.
    pub(crate) async fn send(&self, request: Request) {
        let owner = match request.op {
            Op::Get => (request.sequence % self.queues.len() as u64) as usize,
            Op::Put | Op::Delete => worker_of(&request.key, self.queues.len()),
        };
        // A closed queue means that its worker panicked; `finish` reports that.
        let _ = self.queues[owner].send(request).await;
    }

    /// Waits for the last answer and adds up what the workers saw.
    pub(crate) async fn finish(self) -> Result<Tally, tokio::task::JoinError> {
        drop(self.queues);
        let mut total = Tally::new();
        for worker in self.workers {
            total.add(worker.await?);
        }
        Ok(total)
    }
}

/// FNV-1a: any stable spread of keys over workers will do.
fn worker_of(key: &str, workers: usize) -> usize {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash % workers as u64) as usize
}

struct Worker {
    client: Arc<DynamoClient>,
    table: String,
    clock: Arc<dyn Clock>,
    random: StdRng,
    tally: Tally,
}

/// How one attempt ended.
enum Attempt {
    Done,
    Refused,
    Failed(String),
}

impl Worker {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>) -> Tally {
        while let Some(request) = requests.recv().await {
            self.invoke(request).await;
        }
        self.tally
    }

    async fn invoke(&mut self, request: Request) {
        let late_ms = (self.clock.now_ms() - request.due_ms) as f64 / self.clock.speed();
        self.tally.late_ms_max = self.tally.late_ms_max.max(late_ms);
        self.tally.requests += 1;
        let begun = Instant::now();
        let (operation, body) = self.encode(&request);
        let id = self.random.random();
        for attempt in 1..=ATTEMPTS_MAX {
            let invocation = Invocation { id, attempt };
            match self.attempt(&request, operation, body.clone(), invocation).await {
                Attempt::Done => {
                    let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
                    self.tally.latency_us.saturating_record(micros);
                    self.tally.ledger.acknowledge(&request);
                    return;
                }
                Attempt::Refused => {
                    if attempt == 1 {
                        self.tally.throttled += 1;
                    }
                    self.back_off(attempt).await;
                }
                Attempt::Failed(why) => {
                    self.tally.failed += 1;
                    self.tally.first_failure.get_or_insert(why);
                    self.tally.ledger.doubt(&request);
                    return;
                }
            }
        }
        self.tally.given_up += 1;
    }

    async fn attempt(
        &self,
        request: &Request,
        operation: &str,
        body: Bytes,
        invocation: Invocation,
    ) -> Attempt {
        match self.client.call_as(&request.client, operation, body, Some(invocation)).await {
            Ok(reply) if reply.is_ok() => Attempt::Done,
            Ok(reply) if reply.is_throttled() => Attempt::Refused,
            Ok(reply) => {
                let words = String::from_utf8_lossy(&reply.body);
                Attempt::Failed(format!("{operation}: {} {words}", reply.status))
            }
            Err(error) => Attempt::Failed(format!("{operation}: {error}")),
        }
    }

    async fn back_off(&mut self, attempt: u32) {
        let limit_ms = BACKOFF_MS << (attempt - 1);
        let wait_ms = self.random.random_range(0..=limit_ms) as f64 / self.clock.speed();
        tokio::time::sleep(Duration::from_secs_f64(wait_ms / 1e3)).await;
    }

    fn encode(&self, request: &Request) -> (&'static str, Bytes) {
        let key = json!({ "product": { "S": &*request.key } });
        let (operation, body) = match request.op {
            Op::Put => (
                "PutItem",
                json!({ "TableName": self.table, "Item": {
                    "product": { "S": &*request.key },
                    "customer": { "S": &*request.client },
                    "quantity": { "N": request.quantity.to_string() },
                    "sequence": { "N": request.sequence.to_string() },
                } }),
            ),
            Op::Get => {
                ("GetItem", json!({ "TableName": self.table, "Key": key, "ConsistentRead": true }))
            }
            Op::Delete => ("DeleteItem", json!({ "TableName": self.table, "Key": key })),
        };
        (operation, Bytes::from(body.to_string()))
    }
}
