//! Writing a matrix file: a head that says what it is of, then line by line.

use super::{CHANNELS, MatrixPage};
use crate::Channel;
use std::io::{self, Write};
use types::Units;

/// The first line of every matrix file, without the version.
pub(super) const MAGIC: &str = "# foreshard workload matrix ";
pub(super) const VERSION: &str = "1";

/// Writes what comes before the lines: the table's name if it may be told, what a partition serves, and
/// from when on it had which boundaries (in hexadecimal).
pub fn write_head(
    table: Option<&str>,
    capacity: Option<Units>,
    maps: &[(i64, Vec<String>)],
    to: &mut impl Write,
) -> io::Result<()> {
    writeln!(to, "{MAGIC}{VERSION}")?;
    if let Some(table) = table {
        writeln!(to, "# table: {table}")?;
    }
    if let Some(capacity) = capacity {
        writeln!(to, "# partition_read_units: {}", capacity.read)?;
        writeln!(to, "# partition_write_units: {}", capacity.write)?;
    }
    for (at_ms, boundaries) in maps {
        write!(to, "# map: {}", *at_ms as f64 / 1_000.0)?;
        boundaries.iter().try_for_each(|boundary| write!(to, " {boundary}"))?;
        writeln!(to)?;
    }
    let names = CHANNELS.map(Channel::name).join(",");
    writeln!(to, "timestamp_unix_s,seconds,key_start,key_end,{names}")
}

impl MatrixPage {
    /// Writes the bins that begin before `until_ms`, a line per cell with load.
    pub fn write_lines(&self, until_ms: i64, to: &mut impl Write) -> io::Result<()> {
        for (number, bin) in self.bins.iter().enumerate() {
            let start_ms = self.start_ms + number as i64 * self.bin_ms;
            let Some(channels) = bin.as_ref().filter(|_| start_ms < until_ms) else { continue };
            for (cell, start) in self.cells.iter().enumerate() {
                let values = channels.each_ref().map(|channel| channel[cell]);
                if cell > 0 && values.iter().all(|value| *value == 0.0) {
                    continue;
                }
                let end = self.cells.get(cell + 1).map_or("", String::as_str);
                write!(to, "{},{},{start},{end}", start_ms / 1_000, self.bin_ms / 1_000)?;
                values.iter().try_for_each(|value| write!(to, ",{value}"))?;
                writeln!(to)?;
            }
        }
        Ok(())
    }

    /// Replaces keys by their order, which tells nothing else about them. Returns what each is called
    /// now.
    pub fn hide_keys(&mut self) -> Vec<(String, String)> {
        let count = self.cells.len().max(1);
        let hidden = |(at, start): (usize, &mut String)| {
            let name =
                if at == 0 { String::new() } else { format!("{:08x}", at * (1 << 32) / count) };
            (std::mem::replace(start, name.clone()), name)
        };
        self.cells.iter_mut().enumerate().map(hidden).collect()
    }
}
