//! Metrics as CSV: a column of moments and one per metric.
//!
//! Lines above the first moment are heads (the console's download has several); the last of them that
//! names a metric counts. Cells that are empty were not measured.

use super::{Meaning, Metrics, cloudwatch, meaning, moment_ms};

/// Adds what a table holds; the error says what to change.
pub(super) fn read(text: &str, metrics: &mut Metrics) -> Result<(), String> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut columns: Vec<Option<Meaning>> = Vec::new();
    for (number, record) in (1..).zip(reader.records()) {
        let record = record.map_err(|error| format!("no CSV: {error}"))?;
        let Some(at_ms) = record.get(0).and_then(moment_ms) else {
            let named: Vec<Option<Meaning>> = record.iter().map(meaning).collect();
            if named.iter().any(Option::is_some) {
                columns = named;
            }
            continue;
        };
        for (cell, meaning) in record.iter().zip(&columns) {
            let (Some(meaning), false) = (meaning, cell.trim().is_empty()) else { continue };
            let value =
                cell.trim().parse().map_err(|_| format!("line {number}: `{cell}` is no number"))?;
            metrics.points(*meaning).insert(at_ms, value);
        }
    }
    if columns.is_empty() { Err(cloudwatch::unknown()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_looked_for_and_gaps_stay_gaps() {
        let text = "Full label,a,b,c\nLabel,ConsumedReadCapacityUnits,WriteThrottleEvents,x\n\
                    2026/01/01 00:00:00,60,,1\n2026/01/01 00:01:00,90,2,1\n";
        let mut metrics = Metrics::default();
        read(text, &mut metrics).unwrap();
        assert_eq!(metrics.consumed[0].values().copied().collect::<Vec<f64>>(), [60.0, 90.0]);
        assert_eq!(metrics.throttled[1].len(), 1);
        assert!(read("a,b\n1,2\n", &mut metrics).is_err());
        let error = read("time,consumed reads\n60,many\n", &mut metrics).unwrap_err();
        assert!(error.contains("line 2") && error.contains("many"), "{error}");
    }
}
