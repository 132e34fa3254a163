//! Durable writes with one log per process and with one per partition, side by side in one run.
//!
//!     cargo run --release -p storage --example logs -- [seconds per run] [rounds]
//!
//! Writers put values of 400 bytes under keys of their own, spread over all partitions, one at a time
//! each. Both logs are measured in turn, several times, so that whatever else the machine does hits
//! both; figures and ratios are those of the median round.

#![allow(clippy::unwrap_used, reason = "a measurement ends with the first error")]
#![allow(dead_code, reason = "what other measurements share")]

mod support;

use std::time::Duration;
use storage::LogKind;
use support::measure;

/// Partitions and writers.
const SHAPES: [(usize, usize); 5] = [(1, 1), (1, 64), (16, 1), (16, 64), (100, 64)];

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|given| given.parse::<u64>().unwrap());
    let run = Duration::from_secs(arguments.next().unwrap_or(5));
    let rounds = arguments.next().unwrap_or(3);
    println!("partitions writers | log      puts/s   p50 ms   p99 ms  max ms | node : engine");
    for (partitions, writers) in SHAPES {
        let mut measured = Vec::new();
        for _ in 0..rounds {
            let engine = measure(LogKind::Engine, partitions, writers, run).await;
            let node = measure(LogKind::Node, partitions, writers, run).await;
            measured.push((node.per_second / engine.per_second, engine, node));
        }
        measured.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (least, most) = (measured[0].0, measured[measured.len() - 1].0);
        let (ratio, engine, node) = measured[measured.len() / 2];
        println!("{partitions:>10} {writers:>7} | engine {engine}");
        println!("{:>18} | node   {node} | {ratio:.1} ({least:.1} to {most:.1})", "");
    }
}
