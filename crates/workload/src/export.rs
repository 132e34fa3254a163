//! A table's history as CSV, for spreadsheets, backtests and simulations elsewhere.
//!
//! Two forms: one line per bin and cell with load, and one line per bin in the format of rates files,
//! which [`crate::read_rates`] reads again.

use crate::{Channel, KeyHex, RateSeries, Timeline};
use std::io::{self, Write};
use types::KeyRange;

/// The channels of a line, all per second.
const CHANNELS: [Channel; 5] = [
    Channel::ReadUnits,
    Channel::WriteUnits,
    Channel::Requests,
    Channel::Bytes,
    Channel::Throttles,
];

impl Timeline {
    /// Writes one line per bin and range that has load: when the bin began, which keys (in
    /// hexadecimal, an empty end being the end of the axis), and what was asked for per second. Bins
    /// in which nobody counted are left out.
    pub fn write_csv(&self, ranges: &[KeyRange], mut to: impl Write) -> io::Result<()> {
        let names = CHANNELS.map(Channel::name).join(",");
        writeln!(to, "timestamp_unix_s,key_start,key_end,{names}")?;
        let channels = CHANNELS.map(|channel| self.matrix(ranges, channel, self.start_ms()));
        for bin in 0..self.len() {
            let second = (self.start_ms() + bin as i64 * self.bin_ms()) / 1_000;
            for (at, range) in ranges.iter().enumerate() {
                let known = channels[0][at].known[bin];
                let rates = channels.each_ref().map(|series| series[at].values[bin]);
                if known && rates.iter().any(|rate| *rate > 0.0) {
                    let end = range.end.as_deref().unwrap_or_default();
                    write!(to, "{second},{},{}", KeyHex(&range.start), KeyHex(end))?;
                    rates.iter().try_for_each(|rate| write!(to, ",{rate}"))?;
                    writeln!(to)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the requests of each bin, all keys together, as a rates file. Rates files have no gaps:
    /// bins in which nobody counted are filled in (see [`RateSeries`]).
    pub fn write_rates(&self, mut to: impl Write) -> io::Result<()> {
        let RateSeries { start_ms, bin_ms, values, .. } =
            self.series(&KeyRange::full(), Channel::Requests);
        writeln!(to, "timestamp_unix_s,requests")?;
        for (start_ms, rate) in (start_ms..).step_by(bin_ms as usize).zip(values) {
            writeln!(to, "{},{}", start_ms / 1_000, rate * bin_ms as f64 / 1_000.0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{TABLE, vector};
    use crate::{Collector, CollectorSettings, read_rates};
    use types::{KeyRange, PartitionId, Strategy};

    const NOON_MS: i64 = 1_759_147_200_000;

    /// Five minutes with one request a second, five quiet ones, and five with every other second.
    fn collector() -> Collector {
        let mut collector = Collector::new(&CollectorSettings::default());
        collector.set_partitions(TABLE, Strategy::Range, &[(PartitionId(1), KeyRange::full())]);
        for second in (0..300).chain((600..900).step_by(2)) {
            collector.ingest(&vector(NOON_MS + second * 1_000, b"key"));
        }
        collector.advance(NOON_MS + 901_000);
        collector
    }

    #[test]
    fn cells_with_load_have_a_line() {
        let mut csv = Vec::new();
        let ranges = KeyRange::full().cut(&["b".into(), "z".into()]).unwrap();
        // What little there is to learn about one key was learned: it lies between b and z.
        let collector = collector();
        collector.history(TABLE).unwrap().write_csv(&ranges[1..2], &mut csv).unwrap();
        let csv = String::from_utf8(csv).unwrap();
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(
            lines[0],
            "timestamp_unix_s,key_start,key_end,read_units,write_units,requests,bytes,throttles"
        );
        let starts: Vec<&str> = lines[1..].iter().map(|line| &line[..16]).collect();
        assert_eq!(starts, ["1759147200,62,7a", "1759147800,62,7a"]);
    }

    #[test]
    fn a_rates_file_can_be_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rates.csv");
        let file = std::fs::File::create(&path).unwrap();
        collector().history(TABLE).unwrap().write_rates(file).unwrap();
        let rates = read_rates(&path).unwrap();
        assert_eq!((rates.start_ms, rates.bin_ms), (NOON_MS, 300_000));
        assert_eq!(rates.values, [300.0, 0.0, 150.0]);
    }
}
