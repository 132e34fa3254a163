//! Rates files: how many requests came in each of many regular steps, as CSV or gzipped CSV.
//!
//! ```text
//! timestamp_unix_s,requests
//! ```
//!
//! With a column `series` a file holds several, whose lines may be mixed.

use crate::WorkloadError;
use crate::tabular::{TIME_COLUMN, Table};
use std::collections::HashMap;
use std::path::Path;

const REQUESTS_COLUMN: &str = "requests";
const SERIES_COLUMN: &str = "series";

/// A series read from a rates file.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    /// Start of the first step.
    pub start_ms: i64,
    /// Length of a step.
    pub bin_ms: i64,
    /// Requests in each step (not per second).
    pub values: Vec<f64>,
}

/// Reads a rates file of one series; its steps must be regular and without gaps.
pub fn read_rates(path: &Path) -> Result<Rates, WorkloadError> {
    let (table, mut series) = read(path)?;
    match (series.pop(), series.is_empty()) {
        (Some((_, rates)), true) => Ok(rates),
        _ => Err(table.error("the file holds several series", "leave the lines of one")),
    }
}

/// Reads all series of a rates file, each with its name, in the order in which they begin. A file
/// without the column `series` holds one, without a name.
pub fn read_rate_series(path: &Path) -> Result<Vec<(String, Rates)>, WorkloadError> {
    read(path).map(|(_, series)| series)
}

fn read(path: &Path) -> Result<(Table, Vec<(String, Rates)>), WorkloadError> {
    let mut table = Table::open(path)?;
    let (time, requests) = (table.column(TIME_COLUMN)?, table.column(REQUESTS_COLUMN)?);
    let name = table.column(SERIES_COLUMN).ok();
    let mut all: Vec<(String, Rates)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    while table.next_line()? {
        let (time_ms, value) = (table.milliseconds(time)?, count(&table, requests)?);
        let name = name.map_or("", |column| table.field(column));
        match places.get(name) {
            Some(&place) => all[place].1.take(time_ms, value, &table)?,
            None => {
                places.insert(name.to_owned(), all.len());
                let rates = Rates { start_ms: time_ms, bin_ms: 0, values: vec![value] };
                all.push((name.to_owned(), rates));
            }
        }
    }
    if all.is_empty() || all.iter().any(|(_, rates)| rates.values.len() < 2) {
        return Err(table.error("there are fewer than two steps", "give a series"));
    }
    Ok((table, all))
}

impl Rates {
    /// Takes the next step.
    fn take(&mut self, time_ms: i64, value: f64, table: &Table) -> Result<(), WorkloadError> {
        if self.bin_ms == 0 {
            self.bin_ms = time_ms - self.start_ms;
            if self.bin_ms <= 0 {
                return Err(table.error("time does not go forward", "sort the lines by their time"));
            }
        }
        let expected_ms = self.start_ms + self.bin_ms * self.values.len() as i64;
        if time_ms != expected_ms {
            let late_s = (time_ms - expected_ms) / 1_000;
            let problem = format!("the step is not regular: {late_s} s too late");
            return Err(table.error(problem, "fill gaps so that all steps are equally long"));
        }
        self.values.push(value);
        Ok(())
    }
}

fn count(table: &Table, column: usize) -> Result<f64, WorkloadError> {
    let text = table.field(column);
    let value = text.trim().parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
    value.ok_or_else(|| {
        table.error(format!("`{text}` is not a number of requests"), "write a number from 0 on")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Rates, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rates.csv");
        std::fs::write(&path, text).unwrap();
        read_rates(&path).map_err(|error| {
            let text = error.to_string();
            text.split_once("rates.csv").unwrap().1.to_owned()
        })
    }

    #[test]
    fn regular_steps_are_read() {
        let rates = read("timestamp_unix_s,requests\n600,1\n900,2.5\n1200,0\n").unwrap();
        let expected = Rates { start_ms: 600_000, bin_ms: 300_000, values: vec![1.0, 2.5, 0.0] };
        assert_eq!(rates, expected);
    }

    #[test]
    fn a_file_may_hold_several_series() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rates.csv");
        let text = "timestamp_unix_s,series,requests\n0,b,1\n0,a,5\n60,b,2\n120,b,3\n300,a,6\n";
        std::fs::write(&path, text).unwrap();
        let rates = |bin_ms, values: &[f64]| Rates { start_ms: 0, bin_ms, values: values.to_vec() };
        let expected = [
            ("b".to_owned(), rates(60_000, &[1.0, 2.0, 3.0])),
            ("a".to_owned(), rates(300_000, &[5.0, 6.0])),
        ];
        assert_eq!(read_rate_series(&path).unwrap(), expected);
        let error = read_rates(&path).unwrap_err().to_string();
        assert!(
            error.ends_with("the file holds several series; leave the lines of one"),
            "{error}"
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let header = "timestamp_unix_s,requests\n";
        for (rows, expected) in [
            (
                "0,1\n60,2\n180,3\n",
                ", line 4: the step is not regular: 60 s too late; fill gaps so that all steps are equally long",
            ),
            ("60,1\n0,2\n", ", line 3: time does not go forward; sort the lines by their time"),
            (
                "0,1\n60,many\n",
                ", line 3: `many` is not a number of requests; write a number from 0 on",
            ),
            (
                "0,1\nsoon,1\n",
                ", line 3: `soon` is not a time; write seconds since 1970, such as 1259653500 or 1259653500.25",
            ),
            ("0,1\n", ", line 3: there are fewer than two steps; give a series"),
        ] {
            assert_eq!(read(&format!("{header}{rows}")), Err(expected.to_owned()));
        }
        let without_column = read("timestamp_unix_s,hits\n0,1\n");
        let expected =
            ", line 1: there is no column `requests`; name the columns in the first line";
        assert_eq!(without_column, Err(expected.to_owned()));
    }
}
