//! What it costs to spread the same writes over many partitions, in paired runs.
//!
//!     cargo run --release -p storage --example spread -- [seconds per run] [rounds] [writers]
//!
//! As many writers put values of 400 bytes into 1, 16 and 100 partitions, in turn, so that whatever
//! else the machine does hits all of them. Printed are the median round's figures and the ratio of
//! its puts to those of one partition in the same round.

#![allow(clippy::unwrap_used, reason = "a measurement ends with the first error")]
#![allow(dead_code, reason = "what other measurements share")]

mod support;

use std::time::Duration;
use storage::LogKind;
use support::{Figures, cpu_seconds, measure};

const PARTITIONS: [usize; 3] = [1, 16, 100];

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|given| given.parse::<u64>().unwrap());
    let run = Duration::from_secs(arguments.next().unwrap_or(4));
    let rounds = arguments.next().unwrap_or(5);
    let writers = arguments.next().unwrap_or(256) as usize;
    let mut measured: [Vec<(f64, Figures, f64)>; 3] = Default::default();
    for _ in 0..rounds {
        let mut one = 0.0;
        for (at, partitions) in PARTITIONS.into_iter().enumerate() {
            let before = cpu_seconds();
            let figures = measure(LogKind::Node, partitions, writers, run).await;
            let cpu_us = (cpu_seconds() - before) * 1e6 / (figures.per_second * run.as_secs_f64());
            if partitions == 1 {
                one = figures.per_second;
            }
            measured[at].push((figures.per_second / one, figures, cpu_us));
        }
    }
    println!("partitions   puts/s   p50 ms   p99 ms  max ms | CPU us/put | : one (least to most)");
    for (partitions, mut rounds) in PARTITIONS.into_iter().zip(measured) {
        rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (least, most) = (rounds[0].0, rounds[rounds.len() - 1].0);
        let (ratio, figures, cpu_us) = rounds[rounds.len() / 2];
        println!(
            "{partitions:>10} {figures} | {cpu_us:>10.1} | {ratio:.2} ({least:.2} to {most:.2})"
        );
    }
}
