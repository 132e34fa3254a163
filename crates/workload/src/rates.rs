//! Rates files: how many requests came in each of many regular steps, as CSV or gzipped CSV.
//!
//! ```text
//! timestamp_unix_s,requests
//! ```

use crate::WorkloadError;
use crate::tabular::{TIME_COLUMN, Table};
use std::path::Path;

const REQUESTS_COLUMN: &str = "requests";

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

/// Reads a rates file; its steps must be regular and without gaps.
pub fn read_rates(path: &Path) -> Result<Rates, WorkloadError> {
    let mut table = Table::open(path)?;
    let (time, requests) = (table.column(TIME_COLUMN)?, table.column(REQUESTS_COLUMN)?);
    let mut times = [0; 2];
    let mut values = Vec::new();
    while table.next_line()? {
        let time_ms = table.milliseconds(time)?;
        match values.len() {
            seen @ (0 | 1) => times[seen] = time_ms,
            seen => {
                let expected = times[0] + (times[1] - times[0]) * seen as i64;
                if time_ms != expected {
                    let problem = format!(
                        "the step is not regular: {} s too late",
                        (time_ms - expected) / 1_000
                    );
                    return Err(
                        table.error(problem, "fill gaps so that all steps are equally long")
                    );
                }
            }
        }
        if values.len() == 1 && times[1] <= times[0] {
            return Err(table.error("time does not go forward", "sort the lines by their time"));
        }
        values.push(count(&table, requests)?);
    }
    if values.len() < 2 {
        return Err(table.error("there are fewer than two steps", "give a series"));
    }
    Ok(Rates { start_ms: times[0], bin_ms: times[1] - times[0], values })
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
