//! A table's history in the format of rates files, for backtests and spreadsheets.
//!
//! One line per bin, all keys together; [`crate::read_rates`] reads it again. With keys it is a matrix
//! ([`crate::MatrixPage`]).

use crate::{Channel, RateSeries, Timeline};
use std::io::{self, Write};
use types::KeyRange;

impl Timeline {
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
