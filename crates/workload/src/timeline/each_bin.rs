//! Bins one by one, for pictures of weeks: nothing is kept but one bin's values.
//!
//! A heat map of 28 days and a thousand cells would take hundreds of megabytes as series. Here each
//! bin is shown to the caller and forgotten. Most bins have just the cells that are asked for; their
//! values are copied without looking for overlaps.

use super::{Timeline, covered_enough, stored_channel};
use crate::Channel;
use crate::cells::CellMap;
use crate::overlap::Overlap;
use crate::row::Row;
use std::sync::Arc;
use types::KeyRange;

/// How the ranges lie over the cells of the row before; rows come in long runs with the same cells.
struct Seen<'a> {
    map: &'a Arc<CellMap>,
    overlaps: Vec<Option<Overlap>>,
    /// Whether the ranges are the cells.
    same: bool,
}

impl Timeline {
    /// Shows `look` every bin that begins in `[from_ms, until_ms)`: when it begins, and per range the
    /// summed channels per second; `None` if the bin was not counted. A peak ratio counts as nothing.
    pub fn each_bin<const N: usize>(
        &self,
        ranges: &[KeyRange],
        channels: [Channel; N],
        from_ms: i64,
        until_ms: i64,
        mut look: impl FnMut(i64, Option<&[[f64; N]]>),
    ) {
        let (first, end) = (self.bin_at_or_after(from_ms), self.bin_at_or_after(until_ms));
        let mut seen: Option<Seen<'_>> = None;
        let mut values = vec![[0.0; N]; ranges.len()];
        for (bin, row) in (first..end).zip(self.rows.range(first..end.max(first))) {
            let start_ms = self.start_ms() + bin as i64 * self.bin_ms;
            if !covered_enough(row, self.bin_ms) {
                look(start_ms, None);
                continue;
            }
            if seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen.map, &row.map)) {
                let overlaps = self.overlaps(&row.map, ranges);
                let same =
                    row.map.len() == ranges.len() && overlaps.iter().enumerate().all(is_cell);
                seen = Some(Seen { map: &row.map, overlaps, same });
            }
            let Some(Seen { overlaps, same, .. }) = &seen else { continue };
            for (at, channel) in channels.into_iter().enumerate() {
                let Some(stored) = stored_channel(channel) else { continue };
                match same {
                    true => copy(row, stored, |cell, value| values[cell][at] = value),
                    false => sums(row, stored, overlaps, |range, value| values[range][at] = value),
                }
            }
            look(start_ms, Some(&values));
            values.iter_mut().for_each(|value| *value = [0.0; N]);
        }
    }
}

/// Whether a range is one cell of the map, and the one in its place.
fn is_cell((place, overlap): (usize, &Option<Overlap>)) -> bool {
    overlap.is_some_and(|o| o.first == place && o.last == place && o.first_share == 1.0)
}

fn copy(row: &Row, stored: usize, mut put: impl FnMut(usize, f64)) {
    let seconds = f64::from(row.covered_s);
    for (active, value) in row.channel(stored).iter().enumerate() {
        put(row.cell(active), f64::from(*value) / seconds);
    }
}

fn sums(row: &Row, stored: usize, overlaps: &[Option<Overlap>], mut put: impl FnMut(usize, f64)) {
    let seconds = f64::from(row.covered_s);
    for (range, overlap) in overlaps.iter().enumerate() {
        put(range, overlap.map_or(0.0, |overlap| row.sum(stored, &overlap) / seconds));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const BIN_MS: i64 = 300_000;

    fn map(boundaries: &[u8]) -> Arc<CellMap> {
        Arc::new(CellMap::new(boundaries.iter().map(|byte| Bytes::copy_from_slice(&[*byte]))))
    }

    /// One bin of 300 s with these sums of read units per cell.
    fn row(map: &Arc<CellMap>, reads: &[f32]) -> Row {
        Row { map: map.clone(), cells: None, channels: 1, values: reads.into(), covered_s: 300 }
    }

    fn timeline() -> Timeline {
        let (old, new) = (map(&[0x80]), map(&[0x40, 0x80]));
        let rows =
            vec![row(&old, &[600.0, 300.0]), Row::empty(old, 0), row(&new, &[30.0, 0.0, 3.0])];
        Timeline::of_rows(BIN_MS, 10, 3 * BIN_MS, rows).unwrap()
    }

    #[test]
    fn every_bin_is_shown_with_todays_cells_and_gaps_are_gaps() {
        let ranges: Vec<KeyRange> = map(&[0x40, 0x80]).ranges().collect();
        let mut seen = Vec::new();
        let channels = [Channel::ReadUnits, Channel::Bytes];
        timeline().each_bin(&ranges, channels, 0, i64::MAX / 2, |start_ms, values| {
            seen.push((start_ms, values.map(|v| v.iter().map(|v| v[0]).collect::<Vec<f64>>())));
        });
        assert_eq!(seen[0], (0, Some(vec![1.0, 1.0, 1.0])), "a cell that was cut, by half each");
        assert_eq!(seen[1], (BIN_MS, None));
        assert_eq!(seen[2], (2 * BIN_MS, Some(vec![0.1, 0.0, 0.01])));
    }

    #[test]
    fn only_the_bins_of_the_range_of_time_are_shown() {
        let mut seen = Vec::new();
        let ranges = [KeyRange::full()];
        let look = |start_ms, values: Option<&[[f64; 1]]>| seen.push((start_ms, values.is_some()));
        timeline().each_bin(&ranges, [Channel::ReadUnits], 1, 2 * BIN_MS, look);
        assert_eq!(seen, [(BIN_MS, false)]);
        timeline().each_bin(&ranges, [Channel::ReadUnits], 5 * BIN_MS, 0, |_, _| panic!("none"));
        let mut all = 0;
        let ever = (i64::MIN, i64::MAX);
        timeline().each_bin(&ranges, [Channel::ReadUnits], ever.0, ever.1, |_, _| all += 1);
        assert_eq!(all, 3);
    }
}
