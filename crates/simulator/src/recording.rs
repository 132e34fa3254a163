//! Recordings as load matrices: key traces, rates files and what a service exports.
//!
//! **A key trace** is counted by minute and by the cell that each key's hash falls into. Every request
//! costs one unit, whatever size it states: files state sizes in units of their own. A request of
//! unknown type is a read. A file without a clock is played at a steady rate over
//! [`PACED_DAYS`]. **A rates file** says how much and not where: it is spread over the cells as
//! hashed keys lie (log-normal weights, sigma .3), as writes; steps longer than a minute are
//! interpolated linearly between their middles, shorter ones are averaged.
//!
//! **A matrix** says how much and where, in cells of its own, which are taken as they are (`exported`).
//!
//! **The seed** says where keys lie: with seed 1 where the service would put them, with another where
//! it would if each name were another.

use crate::error::SimulatorError;
use crate::matrix::{CELLS, Kind, LoadMatrix, MINUTE_MS, cell_of_key};
use crate::workloads::{HISTORY_DAYS, hashed_weights};
use ::workload::{
    Rates, RecordedMatrix, TraceEvent, TraceReader, WorkloadError, read_matrix, read_rates,
};
use bytes::Bytes;
use serde::Serialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use types::{KeyValue, Units, storage_key};

mod exported;

/// How many days a trace without a clock is played over.
pub const PACED_DAYS: i64 = 7;
const DAY_MS: i64 = 24 * 3_600_000;

/// A file that was recorded somewhere.
#[derive(Clone, Debug)]
pub enum Recording {
    /// Requests one by one.
    Trace(PathBuf),
    /// How many in each step.
    Rates(PathBuf),
    /// How many in each step and cell: what `foreshard workload export` writes.
    Matrix(PathBuf),
}

/// What of a recording is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// At most so many days are played.
    pub days_max: i64,
    /// So much of the beginning is history; if that is not said, half of the recording and at most four
    /// weeks.
    pub history_ms: Option<i64>,
}

/// What a file says.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Demand.
    pub matrix: LoadMatrix,
    /// What a partition of the table served, per second.
    pub capacity: Option<Units>,
    /// The first cells of the table's partitions, by the moment from which on they were in force.
    pub maps: Vec<(i64, Vec<usize>)>,
    /// The first key of each cell, where the file's cells are not the even ones.
    pub cell_keys: Vec<Bytes>,
}

impl From<LoadMatrix> for Recorded {
    fn from(matrix: LoadMatrix) -> Self {
        Self { matrix, capacity: None, maps: Vec::new(), cell_keys: Vec::new() }
    }
}

impl Recording {
    /// What it is called: the file's name up to the first dot.
    pub fn name(&self) -> String {
        let name = self.path().file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        name.split('.').next().unwrap_or_default().to_string()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        let (Self::Trace(path) | Self::Rates(path) | Self::Matrix(path)) = self;
        path
    }

    /// Reads it, as far as it is needed for the span.
    pub fn read(&self, seed: u64, span: Span) -> Result<Recorded, SimulatorError> {
        // A recording twice as long as the history has all of it; beyond that nothing is missing.
        let history_ms = (HISTORY_DAYS * DAY_MS).max(span.history_ms.unwrap_or(0));
        let needed_ms = history_ms + span.days_max.max(HISTORY_DAYS) * DAY_MS;
        match self {
            Self::Trace(path) => Ok(read_trace(path, seed, needed_ms)?.into()),
            Self::Rates(path) => Ok(spread_rates(&read_rates(path)?, seed, needed_ms).into()),
            Self::Matrix(path) => exported::recorded(&read_matrix(path)?, needed_ms),
        }
    }
}

/// A matrix that was not read from a file, at most this long.
pub fn of_matrix(matrix: &RecordedMatrix, needed_ms: i64) -> Result<Recorded, SimulatorError> {
    exported::recorded(matrix, needed_ms)
}

fn read_trace(path: &Path, seed: u64, needed_ms: i64) -> Result<LoadMatrix, SimulatorError> {
    let has_clock = TraceReader::open(path).is_ok();
    // Which of the two it is that fails shows in the error of the second.
    let trace =
        if has_clock { TraceReader::open(path)? } else { TraceReader::open_paced(path, 1.0)? };
    let mut events = counted(trace, seed)?;
    if !has_clock {
        let interval_ms = (PACED_DAYS * DAY_MS) as f64 / events.len().max(1) as f64;
        for (number, event) in events.iter_mut().enumerate() {
            event.at_ms = (number as f64 * interval_ms) as i64;
        }
    }
    matrix_of(&events, needed_ms)
}

/// What of an event is counted.
struct Counted {
    at_ms: i64,
    kind: Kind,
    cell: usize,
}

fn counted(
    trace: impl Iterator<Item = Result<TraceEvent, WorkloadError>>,
    seed: u64,
) -> Result<Vec<Counted>, SimulatorError> {
    let mut cells: HashMap<String, usize> = HashMap::new();
    let mut events = Vec::new();
    for event in trace {
        let event = event?;
        let is_write = event.op.request().is_some_and(|request| request.is_write());
        let kind = if is_write { Kind::Write } else { Kind::Read };
        let cell = match cells.get(&event.key) {
            Some(&cell) => cell,
            None => {
                let cell = cell_of(&event.key, seed);
                cells.insert(event.key, cell);
                cell
            }
        };
        events.push(Counted { at_ms: event.timestamp_ms, kind, cell });
    }
    Ok(events)
}

/// The cell that a partition key's hash falls into.
fn cell_of(key: &str, seed: u64) -> usize {
    if let (1, Some(byte)) = (seed, storage_key_byte(key)) {
        return usize::from(byte);
    }
    let name = if seed == 1 { key.to_string() } else { format!("{key}#{seed}") };
    cell_of_key(&storage_key::partition_hash(&KeyValue::S(name)).to_be_bytes())
}

/// The first byte of a key that is written as a storage key in hash order: `0x` and at least the sixteen
/// digits of a hash, as `foreshard workload export` writes it.
fn storage_key_byte(key: &str) -> Option<u8> {
    let digits = key.strip_prefix("0x").filter(|digits| digits.len() >= 16)?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(())?;
    u8::from_str_radix(&digits[..2], 16).ok()
}

fn matrix_of(events: &[Counted], needed_ms: i64) -> Result<LoadMatrix, SimulatorError> {
    let first_ms = events.iter().map(|event| event.at_ms).min();
    let last_ms = events.iter().map(|event| event.at_ms).max();
    let (Some(first_ms), Some(last_ms)) = (first_ms, last_ms) else {
        return Err(SimulatorError::NoEvents("at all"));
    };
    let mut matrix = empty(first_ms, last_ms + 1, needed_ms);
    let per_second = 1000.0 / MINUTE_MS as f32;
    for event in events {
        let minute = matrix.minute_at(event.at_ms);
        if minute == matrix.minutes() {
            continue;
        }
        matrix.row_mut(event.kind, minute)[event.cell] += per_second;
    }
    Ok(matrix)
}

fn spread_rates(rates: &Rates, seed: u64, needed_ms: i64) -> LoadMatrix {
    let end_ms = rates.start_ms + rates.bin_ms * rates.values.len() as i64;
    let mut matrix = empty(rates.start_ms, end_ms, needed_ms);
    let weights = hashed_weights(seed);
    let all: f64 = weights.iter().sum();
    for minute in 0..matrix.minutes() {
        let from_ms = matrix.start_ms() + minute as i64 * MINUTE_MS;
        let rate = rate_in(rates, from_ms, from_ms + MINUTE_MS);
        let row = matrix.row_mut(Kind::Write, minute);
        for (load, weight) in row.iter_mut().zip(&weights) {
            *load = (rate * weight / all) as f32;
        }
    }
    matrix
}

/// Requests per second in `from_ms..to_ms`; nothing outside the file.
fn rate_in(rates: &Rates, from_ms: i64, to_ms: i64) -> f64 {
    let per_second = 1000.0 / rates.bin_ms as f64;
    let value = |step: i64| usize::try_from(step).ok().and_then(|at| rates.values.get(at)).copied();
    let step_of = |at_ms: i64| (at_ms - rates.start_ms).div_euclid(rates.bin_ms);
    if rates.bin_ms <= MINUTE_MS {
        let steps: Vec<f64> = (step_of(from_ms)..=step_of(to_ms - 1)).filter_map(value).collect();
        return steps.iter().sum::<f64>() / steps.len().max(1) as f64 * per_second;
    }
    let middle_ms = (from_ms + to_ms) / 2;
    let Some(here) = value(step_of(middle_ms)) else { return 0.0 };
    let position = (middle_ms - rates.start_ms) as f64 / rates.bin_ms as f64 - 0.5;
    let (before, share) = (position.floor() as i64, position - position.floor());
    // Beyond the first and the last middle there is nobody to interpolate with.
    let (left, right) = (value(before).unwrap_or(here), value(before + 1).unwrap_or(here));
    (left * (1.0 - share) + right * share) * per_second
}

fn empty(start_ms: i64, end_ms: i64, needed_ms: i64) -> LoadMatrix {
    let start = LoadMatrix::new(start_ms, 0).start_ms();
    let length_ms = (end_ms - start).min(needed_ms);
    LoadMatrix::new(start_ms, ((length_ms + MINUTE_MS - 1) / MINUTE_MS) as usize)
}

/// How many requests a matrix has, about.
pub fn requests(matrix: &LoadMatrix) -> f64 {
    let units: f64 = (0..matrix.minutes()).map(|m| matrix.load(m, 0..CELLS).total()).sum();
    units * MINUTE_MS as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORTNIGHT: Span = Span { days_max: 14, history_ms: None };

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("some_trace.v2.csv");
        std::fs::write(&path, text).unwrap();
        (directory, path)
    }

    #[test]
    fn a_trace_is_counted_by_minute_and_cell() {
        let text = "timestamp_unix_s,op,key,size,client\n\
                    600,store,a,900000,c\n601,unknown,a,,c\n700,store,b,1,c\n";
        let (_kept, path) = file(text);
        let recording = Recording::Trace(path);
        let matrix = recording.read(1, FORTNIGHT).unwrap().matrix;
        assert_eq!(recording.name(), "some_trace");
        assert_eq!((matrix.start_ms(), matrix.minutes()), (600_000, 2));
        let cell = cell_of("a", 1);
        let expected = storage_key::partition_hash(&KeyValue::S("a".into())).to_be_bytes()[0];
        assert_eq!(cell, usize::from(expected), "where the service puts it");
        let load = matrix.load(0, cell..cell + 1);
        assert!((load.read - 1.0 / 60.0).abs() < 1e-6 && (load.write - 1.0 / 60.0).abs() < 1e-6);
        assert!((requests(&matrix) - 3.0).abs() < 1e-3);
    }

    #[test]
    fn storage_keys_lie_where_they_lie() {
        assert_eq!(cell_of("0x40ffffffffffffff0061", 1), 0x40);
        assert_ne!(cell_of("0x40ffffffffffffff0061", 2), cell_of("0x40ffffffffffffff0061", 3));
        for name in ["0x40", "0x40fffffffffffffg", "40ffffffffffffffff"] {
            let hash = storage_key::partition_hash(&KeyValue::S(name.into()));
            assert_eq!(cell_of(name, 1), usize::from(hash.to_be_bytes()[0]), "{name} is a name");
        }
    }

    #[test]
    fn without_a_clock_it_is_steady() {
        let mut text = "seq,op,key,size,client\n".to_string();
        (0..70_000).for_each(|i| text.push_str(&format!("{i},retrieve,{},,\n", i % 97)));
        let (_kept, path) = file(&text);
        let matrix = Recording::Trace(path).read(1, FORTNIGHT).unwrap().matrix;
        assert_eq!(matrix.minutes() as i64, PACED_DAYS * 1_440);
        let per_day = |day: usize| {
            let minutes = day * 1_440..(day + 1) * 1_440;
            let rate: f64 = minutes.map(|minute| matrix.load(minute, 0..CELLS).read).sum();
            rate * 60.0
        };
        assert!((per_day(0) - 10_000.0).abs() < 10.0 && (per_day(6) - 10_000.0).abs() < 10.0);
    }

    #[test]
    fn rates_keep_their_sum_and_are_interpolated() {
        let (_kept, path) = file("timestamp_unix_s,requests\n0,600\n600,1200\n1200,600\n");
        let matrix = Recording::Rates(path).read(1, FORTNIGHT).unwrap().matrix;
        assert_eq!(matrix.minutes(), 30);
        let rate = |minute| matrix.load(minute, 0..CELLS).write;
        assert!((rate(0) - 1.0).abs() < 1e-4, "before the first middle");
        assert!((rate(9) - 1.45).abs() < 1e-4, "half a minute before the border: {}", rate(9));
        assert!((requests(&matrix) - 2_400.0).abs() < 1.0, "{}", requests(&matrix));
    }

    #[test]
    fn no_more_is_read_than_is_played() {
        let mut text = "timestamp_unix_s,requests\n".to_string();
        (0..400).for_each(|day| text.push_str(&format!("{},100\n", day * 86_400)));
        let (_kept, path) = file(&text);
        let recording = Recording::Rates(path);
        assert_eq!(recording.read(1, FORTNIGHT).unwrap().matrix.minutes(), 56 * 1_440);
        let longer = Span { days_max: 40, history_ms: None };
        assert_eq!(recording.read(1, longer).unwrap().matrix.minutes(), 68 * 1_440);
    }

    #[test]
    fn fast_rates_are_averaged() {
        let (_kept, path) =
            file("timestamp_unix_s,requests\n0,10\n20,20\n40,60\n60,5\n80,5\n100,5\n");
        let matrix = Recording::Rates(path).read(1, FORTNIGHT).unwrap().matrix;
        let rate = |minute| matrix.load(minute, 0..CELLS).write;
        assert!((rate(0) - 1.5).abs() < 1e-4 && (rate(1) - 0.25).abs() < 1e-4);
    }
}
