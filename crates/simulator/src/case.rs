//! A case: one workload with one seed, and the table it is played on.
//!
//! **The table.** Generated workloads meet DynamoDB's partitions (1,000 write and 3,000 read units per
//! second). A recording has whatever rate it has, so its partitions are sized by it, from its history
//! alone: the [`PEAK_QUANTILE`] of the history's five-minute rates fills [`PEAK_PARTITIONS`] partitions,
//! reads and writes each; of a kind that hardly occurs they serve [`RARE_SHARE`] of what DynamoDB's
//! partitions would beside the other. A matrix that a service exported says itself what its partitions serve. Every policy
//! that may change the table begins with what an operator would have chosen for the mean of the last week
//! of history, in even parts; or, where the export says so, with the partitions that the table had.

use crate::error::SimulatorError;
use crate::matrix::{CELLS, HISTORY_BIN_MINUTES, Kind, LoadMatrix, MINUTE_MS};
use crate::recording::{self, Recorded, Span};
use crate::workloads::{Generator, HISTORY_DAYS, Stratum};
use ::workload::{HISTORY_BIN_MS, RecordedMatrix};
use planner::load::utilisation;
use std::ops::Range;
use types::Units;

/// What a partition of a generated workload serves: DynamoDB's limits.
pub const DYNAMODB_CAPACITY: Units = Units { read: 3_000.0, write: 1_000.0 };
/// Which of a recording's five-minute rates its partitions are sized by.
pub const PEAK_QUANTILE: f64 = 0.99;
/// How many partitions that rate fills.
pub const PEAK_PARTITIONS: f64 = 8.0;
/// How full an operator plans a partition.
pub const PLANNED_UTILISATION: f64 = 0.75;
/// The least that partitions serve of one kind, as a share of DynamoDB's proportion to the other: who has
/// read for two days must not be refused the first write.
pub const RARE_SHARE: f64 = 0.1;
/// What a partition serves of each kind where nothing happened at all.
const CAPACITY_MIN: f64 = 1e-6;

const DAY_MS: i64 = 24 * 3_600_000;

/// A workload with its seed and its table.
#[derive(Clone, Debug)]
pub struct Case {
    /// The workload's name.
    pub workload: String,
    /// What kind of task it sets.
    pub stratum: Stratum,
    /// What it was made with.
    pub seed: u64,
    /// Demand, history included.
    pub matrix: LoadMatrix,
    /// The first moment that is played.
    pub start_ms: i64,
    /// The end.
    pub end_ms: i64,
    /// What each partition serves, per second.
    pub capacity: Units,
    /// The first cells of the partitions that the table had when play begins, if that is on record.
    pub divided: Option<Vec<usize>>,
}

impl Case {
    /// A generated workload.
    pub fn generated(generator: &Generator, seed: u64) -> Self {
        let matrix = (generator.make)(seed);
        Self {
            workload: generator.name.into(),
            stratum: generator.stratum,
            seed,
            start_ms: matrix.start_ms() + HISTORY_DAYS * DAY_MS,
            end_ms: matrix.end_ms(),
            capacity: DYNAMODB_CAPACITY,
            divided: None,
            matrix,
        }
    }

    /// A recording: unless the span says otherwise at most four weeks of it are history and at least
    /// half of it is played; at most the span's days are.
    pub fn recorded(
        workload: String,
        seed: u64,
        recorded: Recorded,
        span: Span,
    ) -> Result<Self, SimulatorError> {
        let Recorded { mut matrix, capacity, maps, .. } = recorded;
        let length_ms = matrix.end_ms() - matrix.start_ms();
        let longest_ms = (length_ms / 2).min(HISTORY_DAYS * DAY_MS);
        let history_ms = span.history_ms.unwrap_or(longest_ms) / HISTORY_BIN_MS;
        let start_ms = matrix.start_ms() + history_ms * HISTORY_BIN_MS;
        let end_ms = matrix.end_ms().min(start_ms + span.days_max * DAY_MS);
        if length_ms < 2 * HISTORY_BIN_MS {
            return Err(SimulatorError::TooShort(length_ms / MINUTE_MS));
        }
        if history_ms == 0 || end_ms <= start_ms {
            return Err(SimulatorError::NoEvents("for ten minutes, five of them as history"));
        }
        matrix.cut(end_ms);
        let in_force = maps.into_iter().rfind(|(at_ms, _)| *at_ms <= start_ms);
        Ok(Self {
            workload,
            stratum: Stratum::Real,
            seed,
            start_ms,
            end_ms,
            capacity: capacity.unwrap_or_else(|| sized(&matrix, start_ms)),
            divided: in_force.map(|(_, cells)| cells),
            matrix,
        })
    }

    /// What a running service knows of a table, up to `now_ms`, with nothing to play after it.
    pub fn known(name: &str, file: &RecordedMatrix, now_ms: i64) -> Result<Self, SimulatorError> {
        let recorded = recording::of_matrix(file, HISTORY_DAYS * DAY_MS)?;
        let Recorded { matrix, capacity, maps, .. } = recorded;
        let end_ms = now_ms.clamp(matrix.start_ms(), matrix.end_ms());
        let in_force = maps.into_iter().rfind(|(at_ms, _)| *at_ms <= end_ms);
        Ok(Self {
            workload: name.into(),
            stratum: Stratum::Real,
            seed: 1,
            start_ms: end_ms,
            end_ms,
            capacity: capacity.unwrap_or_else(|| sized(&matrix, end_ms)),
            divided: in_force.map(|(_, cells)| cells),
            matrix,
        })
    }

    /// The same case played on the week before it, with the history that was there then: what a
    /// policy may be tuned on. `None` if there is too little history.
    pub fn earlier(&self) -> Option<Self> {
        let played_ms = (self.end_ms - self.start_ms).min(7 * DAY_MS);
        let start_ms = self.start_ms - played_ms;
        if start_ms < self.matrix.start_ms() + HISTORY_BIN_MS {
            return None;
        }
        let mut matrix = self.matrix.clone();
        matrix.cut(self.start_ms);
        Some(Self { matrix, start_ms, end_ms: self.start_ms, ..self.clone() })
    }

    /// How many hours are played.
    pub fn hours(&self) -> f64 {
        (self.end_ms - self.start_ms) as f64 / 3_600_000.0
    }

    /// The partitions that every policy begins with that may change them.
    pub fn initial(&self) -> Vec<Range<usize>> {
        let Some(firsts) = &self.divided else { return self.even(self.partitions_for_mean()) };
        let ends = firsts.iter().skip(1).copied().chain([CELLS]);
        firsts.iter().copied().zip(ends).map(|(first, end)| first..end).collect()
    }

    /// The cells of each of `count` even partitions.
    pub fn even(&self, count: usize) -> Vec<Range<usize>> {
        even(self.matrix.cells_used(), count)
    }

    /// How many even partitions an operator would have chosen for the mean of the last week of
    /// history.
    pub fn partitions_for_mean(&self) -> usize {
        let first = self.matrix.minute_at(self.start_ms - 7 * DAY_MS);
        let end = self.matrix.minute_at(self.start_ms);
        let sum: Units = (first..end).map(|minute| self.matrix.load(minute, 0..CELLS)).sum();
        let mean = planner::load::scale(sum, 1.0 / (end - first).max(1) as f64);
        let partitions = utilisation(mean, self.capacity) / PLANNED_UTILISATION;
        (partitions.ceil() as usize).clamp(1, CELLS)
    }

    /// How many even partitions would have carried every five minutes of the history.
    pub fn partitions_for_peak(&self) -> usize {
        let bins = self.matrix.minute_at(self.start_ms) / HISTORY_BIN_MINUTES;
        let carries = |count: usize| {
            let fits = |cells: Range<usize>| {
                (0..bins).all(|bin| {
                    let single = cells.len() == 1;
                    let load = self.matrix.history_load(bin, cells.clone());
                    single || utilisation(load, self.capacity) <= 1.0
                })
            };
            self.even(count).into_iter().all(fits)
        };
        (self.partitions_for_mean()..CELLS).find(|&count| carries(count)).unwrap_or(CELLS)
    }
}

/// The cells of each of `count` parts of the first `used` cells; the last one has the rest, too.
pub(crate) fn even(used: usize, count: usize) -> Vec<Range<usize>> {
    let count = count.clamp(1, used);
    let end = |part: usize| if part == count { CELLS } else { part * used / count };
    (0..count).map(|part| part * used / count..end(part + 1)).collect()
}

/// What a recording's partitions serve, by its history.
fn sized(matrix: &LoadMatrix, start_ms: i64) -> Units {
    let bins = matrix.minute_at(start_ms) / HISTORY_BIN_MINUTES;
    let loads: Vec<Units> = (0..bins).map(|bin| matrix.history_load(bin, 0..CELLS)).collect();
    let quantile = |kind: Kind| {
        let mut rates: Vec<f64> = loads.iter().map(|&load| kind.of(load)).collect();
        rates.sort_by(f64::total_cmp);
        let at = PEAK_QUANTILE * rates.len().saturating_sub(1) as f64;
        let rate = rates.get(at.round() as usize).copied().unwrap_or(0.0);
        (rate / PEAK_PARTITIONS).max(CAPACITY_MIN)
    };
    let (read, write) = (quantile(Kind::Read), quantile(Kind::Write));
    let reads_per_write = DYNAMODB_CAPACITY.read / DYNAMODB_CAPACITY.write;
    Units {
        read: read.max(RARE_SHARE * write * reads_per_write),
        write: write.max(RARE_SHARE * read / reads_per_write),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(loads: &[f32]) -> LoadMatrix {
        let minutes = loads.len() * HISTORY_BIN_MINUTES;
        let mut matrix = LoadMatrix::new(0, minutes);
        for minute in 0..minutes {
            let load = loads[minute / HISTORY_BIN_MINUTES] / CELLS as f32;
            matrix.row_mut(Kind::Write, minute).fill(load);
        }
        matrix
    }

    #[test]
    fn a_recording_is_divided_into_history_and_play() {
        let recorded =
            |loads: &[f32], span| Case::recorded("r".into(), 1, steps(loads).into(), span);
        let span = Span { days_max: 100, history_ms: None };
        let case = recorded(&[8.0, 16.0, 8.0, 4.0], span).unwrap();
        assert_eq!((case.start_ms, case.end_ms), (600_000, 1_200_000));
        // The history's highest rate, 16, fills eight partitions.
        assert!((case.capacity.write - 2.0).abs() < 1e-6);
        // Nothing was read; DynamoDB's partitions read three times what they write.
        assert!((case.capacity.read - RARE_SHARE * 6.0).abs() < 1e-6);
        // Its mean is 12 and an operator plans partitions three quarters full.
        assert_eq!(case.partitions_for_mean(), 8);
        assert_eq!(case.partitions_for_peak(), 8);
        let longer = Span { history_ms: Some(900_000), ..span };
        let start_ms = recorded(&[8.0, 16.0, 8.0, 4.0], longer).map(|case| case.start_ms);
        assert_eq!(start_ms.unwrap(), 900_000);
        let short = recorded(&[8.0], span).unwrap_err().to_string();
        assert_eq!(short, "the recording covers 5 min; at least 10 are needed; export later");
    }

    #[test]
    fn fewer_cells_are_divided_evenly_and_the_last_part_has_the_rest() {
        assert_eq!(even(CELLS, 2), [0..128, 128..CELLS]);
        assert_eq!(even(64, 4), [0..16, 16..32, 32..48, 48..CELLS]);
        assert_eq!(even(3, 8), [0..1, 1..2, 2..CELLS]);
    }

    #[test]
    fn the_peak_needs_more_partitions_than_the_mean() {
        let generator = crate::workloads::find("diurnal").unwrap();
        let case = Case::generated(generator, 1);
        let (mean, peak) = (case.partitions_for_mean(), case.partitions_for_peak());
        assert!((5..=6).contains(&mean), "4,000 units/s over 750: {mean}");
        assert!((8..=12).contains(&peak), "6,800 units/s and noise over 1,000: {peak}");
    }

    #[test]
    fn tuning_sees_nothing_of_what_is_played() {
        let case = Case::generated(crate::workloads::find("diurnal").unwrap(), 1);
        let earlier = case.earlier().unwrap();
        assert_eq!((earlier.end_ms, earlier.matrix.end_ms()), (case.start_ms, case.start_ms));
        assert_eq!(earlier.end_ms - earlier.start_ms, 7 * DAY_MS);
    }
}
