//! Reading a matrix file.

use super::file::{MAGIC, VERSION};
use crate::WorkloadError;
use crate::tabular::{TIME_COLUMN, Table};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::Path;
use types::Units;

/// What a matrix file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedMatrix {
    /// The table, if the file says so.
    pub table: Option<String>,
    /// What a partition served per second, if the file says so.
    pub capacity: Option<Units>,
    /// Where each cell begins; the first is empty. None if there are no bins.
    pub cells: Vec<Bytes>,
    /// Partition boundaries by the moment from which on they were in force, in milliseconds.
    pub maps: Vec<(i64, Vec<Bytes>)>,
    /// In the order of time; they do not overlap.
    pub bins: Vec<MatrixBin>,
}

/// One bin.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixBin {
    /// When it began.
    pub start_ms: i64,
    /// How long it is.
    pub bin_ms: i64,
    /// What was asked for per second, by the number of the cell; cells that are missing had nothing.
    pub units: Vec<(u32, Units)>,
    /// Requests per second, all cells together.
    pub requests: f64,
}

/// Reads a matrix file, gzipped or not.
pub fn read_matrix(path: &Path) -> Result<RecordedMatrix, WorkloadError> {
    let (mut table, comments) = Table::open_commented(path)?;
    let (time, seconds) = (table.column(TIME_COLUMN)?, table.column("seconds")?);
    let (start, end) = (table.column("key_start")?, table.column("key_end")?);
    let (read, write) = (table.column("read_units")?, table.column("write_units")?);
    let requests = table.column("requests")?;
    let mut matrix = head(&table, &comments)?;
    let mut cells: BTreeMap<Bytes, (u32, Bytes)> = BTreeMap::new();
    let mut bins: BTreeMap<i64, MatrixBin> = BTreeMap::new();
    while table.next_line()? {
        let (start, end) = (key(&table, start)?, key(&table, end)?);
        let next = cells.len() as u32;
        let (cell, known_end) = cells.entry(start).or_insert_with(|| (next, end.clone()));
        if *known_end != end {
            let advice = "export it again: all lines must speak of the same cells";
            return Err(table.error("this cell ended elsewhere before", advice));
        }
        let start_ms = table.milliseconds(time)?;
        let bin_ms = table.milliseconds(seconds)?;
        let fresh = MatrixBin { start_ms, bin_ms, units: Vec::new(), requests: 0.0 };
        let bin = bins.entry(start_ms).or_insert(fresh);
        if bin_ms <= 0 || bin.bin_ms != bin_ms {
            let advice = "write a whole number of seconds, the same for all lines of a bin";
            return Err(table.error("this bin has no length, or two", advice));
        }
        let units = Units { read: number(&table, read)?, write: number(&table, write)? };
        bin.units.push((*cell, units));
        bin.requests += number(&table, requests)?;
    }
    // Numbers were given out as cells were met; now they are counted along the axis.
    let mut places = vec![0; cells.len()];
    for (place, (number, _)) in (0..).zip(cells.values()) {
        places[*number as usize] = place;
    }
    matrix.cells = cells.into_keys().collect();
    matrix.bins = bins.into_values().collect();
    for (cell, _) in matrix.bins.iter_mut().flat_map(|bin| &mut bin.units) {
        *cell = places[*cell as usize];
    }
    if let Some(pair) = matrix.bins.windows(2).find(|b| b[0].start_ms + b[0].bin_ms > b[1].start_ms)
    {
        let problem =
            format!("the bins at {} and {} ms overlap", pair[0].start_ms, pair[1].start_ms);
        return Err(table.error(problem, "keep one of them"));
    }
    match matrix.cells.first() {
        Some(first) if first.is_empty() => Ok(matrix),
        // Exported before the first bin was over.
        None => Ok(matrix),
        _ => Err(table.error("no line speaks of the beginning of the axis", "export it again")),
    }
}

/// What the comments before the header say.
fn head(table: &Table, comments: &[String]) -> Result<RecordedMatrix, WorkloadError> {
    let first = comments.first().and_then(|line| line.strip_prefix(MAGIC)).map(str::trim);
    if first != Some(VERSION) {
        let problem = "this is no workload matrix of version 1";
        return Err(table.error(problem, "write one with `foreshard workload export`"));
    }
    let mut matrix = RecordedMatrix {
        table: None,
        capacity: None,
        cells: Vec::new(),
        maps: Vec::new(),
        bins: Vec::new(),
    };
    let mut capacity = [None; 2];
    for line in &comments[1..] {
        let Some((name, value)) = line.trim_start_matches('#').split_once(':') else { continue };
        let value = value.trim();
        let bad = || table.error(format!("`{}` makes no sense", line.trim()), "export it again");
        let number = || value.parse::<f64>().ok().filter(|n| n.is_finite() && *n > 0.0);
        match name.trim() {
            "table" => matrix.table = Some(value.to_owned()),
            "partition_read_units" => capacity[0] = Some(number().ok_or_else(bad)?),
            "partition_write_units" => capacity[1] = Some(number().ok_or_else(bad)?),
            "map" => {
                let mut words = value.split_whitespace();
                let at_s =
                    words.next().and_then(|word| word.parse::<f64>().ok()).ok_or_else(bad)?;
                let boundaries: Option<Vec<Bytes>> = words.map(unhex).collect();
                matrix.maps.push(((at_s * 1_000.0) as i64, boundaries.ok_or_else(bad)?));
            }
            // Written by a later version, for those who know it.
            _ => {}
        }
    }
    matrix.capacity = match capacity {
        [Some(read), Some(write)] => Some(Units { read, write }),
        _ => None,
    };
    Ok(matrix)
}

fn key(table: &Table, column: usize) -> Result<Bytes, WorkloadError> {
    let text = table.field(column);
    unhex(text).ok_or_else(|| table.error(format!("`{text}` is no key"), "write it in hexadecimal"))
}

fn number(table: &Table, column: usize) -> Result<f64, WorkloadError> {
    let text = table.field(column);
    let number = text.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    number.ok_or_else(|| table.error(format!("`{text}` is no rate"), "write a number from 0 on"))
}

fn unhex(text: &str) -> Option<Bytes> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let byte = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16).ok()
    };
    digits.chunks(2).map(byte).collect()
}
