//! What `bench server` prints: the median round of each row, and how it compares with the first row of
//! the same operation in the same round.

use super::wire::Operation;
use serde::Serialize;
use std::fmt;

/// One run of one service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measured {
    pub(super) cpu_us: f64,
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

/// All runs of one operation on one service, round by round.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    pub(super) operation: Operation,
    pub(super) variant: String,
    pub(super) rounds: Vec<Measured>,
}

/// The whole result; the field names are a stable interface.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) connections: usize,
    pub(super) item_bytes: usize,
    pub(super) rounds: usize,
    pub(super) rows: Vec<Row>,
    pub(super) alone: Alone,
}

/// One operation on one service. Figures are medians over the rounds.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    operation: &'static str,
    service: String,
    /// The service's CPU time for one operation.
    cpu_us: f64,
    ops_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// CPU time over that of the first service in the same round: median, least, most.
    cpu_ratio: [f64; 3],
    /// Operations over those of the first service in the same round: median, least, most.
    ops_ratio: [f64; 3],
}

/// One connection, beside the disk.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Alone {
    pub(super) put_p50_ms: f64,
    pub(super) fdatasync_p50_ms: f64,
    /// Of the same round: median, least, most.
    pub(super) ratio: [f64; 3],
}

/// Median, least and most.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    match values.as_slice() {
        [] => [0.0; 3],
        all => [all[all.len() / 2], all[0], all[all.len() - 1]],
    }
}

impl Alone {
    /// Of rounds of (put, append with fdatasync), in milliseconds.
    pub(super) fn of(rounds: &[(f64, f64)]) -> Self {
        let [put_p50_ms, ..] = spread(rounds.iter().map(|round| round.0).collect());
        let [fdatasync_p50_ms, ..] = spread(rounds.iter().map(|round| round.1).collect());
        let ratio = spread(rounds.iter().map(|(put, sync)| put / sync).collect());
        Self { put_p50_ms, fdatasync_p50_ms, ratio }
    }
}

/// The rows of all runs, each beside the first runs of its operation.
pub(super) fn rows(all: &[Runs]) -> Vec<Row> {
    let row = |runs: &Runs| {
        let first = all.iter().find(|other| other.operation == runs.operation).unwrap_or(runs);
        let median = |of: fn(&Measured) -> f64| spread(runs.rounds.iter().map(of).collect())[0];
        let ratio = |of: fn(&Measured) -> f64| {
            let pairs = runs.rounds.iter().zip(&first.rounds);
            spread(pairs.map(|(one, other)| of(one) / of(other)).collect())
        };
        Row {
            operation: runs.operation.name(),
            service: runs.variant.clone(),
            cpu_us: median(|m| m.cpu_us),
            ops_per_second: median(|m| m.per_second),
            p50_ms: median(|m| m.p50_ms),
            p99_ms: median(|m| m.p99_ms),
            cpu_ratio: ratio(|m| m.cpu_us),
            ops_ratio: ratio(|m| m.per_second),
        }
    };
    all.iter().map(row).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, item_bytes, rounds, rows, alone } = self;
        writeln!(
            f,
            "{connections} connections, items of {item_bytes} bytes, limits off, medians of {rounds} rounds"
        )?;
        writeln!(
            f,
            "operation  service                     CPU us    ops/s  p50 ms  p99 ms | CPU : first          | ops : first"
        )?;
        for row in rows {
            let [cpu, cpu_least, cpu_most] = row.cpu_ratio;
            let [ops, ops_least, ops_most] = row.ops_ratio;
            writeln!(
                f,
                "{:<10} {:<26} {:>7.1} {:>8.0} {:>7.2} {:>7.2} | {cpu:.2} ({cpu_least:.2} to {cpu_most:.2}) | {ops:.2} ({ops_least:.2} to {ops_most:.2})",
                row.operation, row.service, row.cpu_us, row.ops_per_second, row.p50_ms, row.p99_ms
            )?;
        }
        let Alone { put_p50_ms, fdatasync_p50_ms, ratio: [ratio, least, most] } = alone;
        writeln!(
            f,
            "one connection: PutItem p50 {put_p50_ms:.3} ms, an append with fdatasync {fdatasync_p50_ms:.3} ms, ratio {ratio:.2} ({least:.2} to {most:.2})"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(operation: Operation, variant: &str, cpu_us: &[f64]) -> Runs {
        let one = |&cpu_us| Measured { cpu_us, per_second: 1e6 / cpu_us, p50_ms: 1.0, p99_ms: 2.0 };
        Runs { operation, variant: variant.into(), rounds: cpu_us.iter().map(one).collect() }
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let all = [
            runs(Operation::Put, "one", &[10.0, 20.0, 40.0]),
            runs(Operation::Put, "many", &[11.0, 30.0, 40.0]),
            runs(Operation::Get, "one", &[5.0]),
        ];
        let rows = rows(&all);
        assert_eq!(rows[1].cpu_us, 30.0);
        assert_eq!(rows[1].cpu_ratio, [1.1, 1.0, 1.5]);
        assert_eq!(rows[2].cpu_ratio, [1.0; 3], "gets are compared with gets");
        let alone = Alone::of(&[(2.0, 1.0), (9.0, 3.0), (4.0, 4.0)]);
        assert_eq!((alone.put_p50_ms, alone.fdatasync_p50_ms), (4.0, 3.0));
        assert_eq!(alone.ratio, [2.0, 1.0, 3.0]);
    }
}
