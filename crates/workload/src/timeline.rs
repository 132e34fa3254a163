//! A timeline: closed bins of one length, one after the other, for one table.
//!
//! The three windows and the history are timelines of different bins. Rows keep the cells they were
//! counted in; questions are asked about ranges of keys, and answered from whatever cells each row
//! has. Nothing is ever re-binned, so refining and coarsening cells costs nothing and loses nothing.

use crate::Channel;
use crate::cells::CellMap;
use crate::overlap::Overlap;
use crate::row::{BYTES, READ, REQUESTS, Row, THROTTLES, WRITE};
use crate::series::RateSeries;
use crate::shape::KeyShape;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use types::KeyRange;

mod each_bin;

/// A bin of which less than this was watched is unknown.
const COVERED_SHARE_MIN: f64 = 0.1;

/// The closed bins of one table, all of one length: a matrix of time and cells.
#[derive(Clone, Debug)]
pub struct Timeline {
    bin_ms: i64,
    bins_max: usize,
    /// Number since the epoch of the bin after the last closed one.
    next_bin: i64,
    rows: VecDeque<Row>,
    /// How load lies inside cells, for ranges that cut one.
    pub(crate) shape: Arc<KeyShape>,
}

impl Timeline {
    /// No bins yet; the first to come is the one that begins at or after `start_ms`.
    pub(crate) fn new(bin_ms: i64, bins_max: usize, start_ms: i64) -> Self {
        let next_bin = start_ms.div_euclid(bin_ms);
        Self { bin_ms, bins_max, next_bin, rows: VecDeque::new(), shape: Arc::default() }
    }

    /// Length of a bin.
    pub fn bin_ms(&self) -> i64 {
        self.bin_ms
    }

    /// How many bins are kept at most.
    pub fn bins_max(&self) -> usize {
        self.bins_max
    }

    /// How many bins there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no bin yet.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Start of the oldest bin.
    pub fn start_ms(&self) -> i64 {
        (self.next_bin - self.rows.len() as i64) * self.bin_ms
    }

    /// End of the newest bin: everything before is complete.
    pub fn end_ms(&self) -> i64 {
        self.next_bin * self.bin_ms
    }

    /// A channel of a range of keys, over all bins.
    pub fn series(&self, range: &KeyRange, channel: Channel) -> RateSeries {
        self.series_from(range, channel, self.start_ms())
    }

    /// A channel of a range of keys, over the bins that begin at or after `from_ms`.
    pub fn series_from(&self, range: &KeyRange, channel: Channel, from_ms: i64) -> RateSeries {
        self.matrix(std::slice::from_ref(range), channel, from_ms).remove(0)
    }

    /// A channel of several ranges of keys in one pass, over the bins that begin at or after `from_ms`.
    pub fn matrix(&self, ranges: &[KeyRange], channel: Channel, from_ms: i64) -> Vec<RateSeries> {
        let first = self.bin_at_or_after(from_ms);
        let mut all = self.raw(ranges, channel, first..self.rows.len());
        if all.first().is_some_and(|series| series.known.contains(&false)) {
            // Gaps are filled from what was a week before them.
            let earlier =
                first - self.bin_at_or_after(from_ms.saturating_sub(RateSeries::LOOK_BACK_MS));
            let longer = self.raw(ranges, channel, first - earlier..self.rows.len());
            all = longer.into_iter().map(|series| filled(series, channel, earlier)).collect();
        }
        all
    }

    /// The mean of a summed channel per second over the last `bins` bins, as far as they are known;
    /// `None` if none is.
    pub fn recent_rate(&self, range: &KeyRange, channel: Channel, bins: usize) -> Option<f64> {
        let first = self.rows.len().saturating_sub(bins);
        let series =
            self.raw(std::slice::from_ref(range), channel, first..self.rows.len()).remove(0);
        let known = series.values.iter().zip(&series.known).filter(|(_, known)| **known);
        let (sum, count) =
            known.fold((0.0, 0.0), |(sum, count), (rate, _)| (sum + rate, count + 1.0));
        (count > 0.0).then(|| sum / count)
    }

    /// Index of the first bin that begins at or after `from_ms`; the number of bins if none does.
    fn bin_at_or_after(&self, from_ms: i64) -> usize {
        let ahead_ms = from_ms.saturating_sub(self.start_ms());
        let bins = ahead_ms.saturating_add(self.bin_ms - 1).div_euclid(self.bin_ms);
        (bins.max(0) as usize).min(self.rows.len())
    }

    /// A channel of several ranges of keys in the first `bins_max` bins that begin at or after
    /// `from_ms`, as it was counted: unknown bins are not filled in.
    pub(crate) fn counted(
        &self,
        ranges: &[KeyRange],
        channel: Channel,
        from_ms: i64,
        bins_max: usize,
    ) -> Vec<RateSeries> {
        let first = self.bin_at_or_after(from_ms);
        let end = first.saturating_add(bins_max).min(self.rows.len());
        self.raw(ranges, channel, first..end)
    }

    /// What was counted in some bins, unknown ones without a value.
    fn raw(&self, ranges: &[KeyRange], channel: Channel, bins: Range<usize>) -> Vec<RateSeries> {
        let start_ms = self.start_ms() + bins.start as i64 * self.bin_ms;
        let empty = RateSeries { start_ms, bin_ms: self.bin_ms, values: vec![], known: vec![] };
        let mut all = vec![empty; ranges.len()];
        let mut seen: Option<(&Arc<CellMap>, Vec<Option<Overlap>>)> = None;
        for row in self.rows.range(bins) {
            // Rows come in long runs with the same cells.
            if seen.as_ref().is_none_or(|(map, _)| !Arc::ptr_eq(map, &row.map)) {
                seen = Some((&row.map, self.overlaps(&row.map, ranges)));
            }
            let Some((_, overlaps)) = &seen else { continue };
            let known = covered_enough(row, self.bin_ms);
            for (series, overlap) in all.iter_mut().zip(overlaps) {
                series.known.push(known);
                series.values.push(match overlap {
                    Some(overlap) if known => value(row, channel, overlap),
                    _ => channel.of_nothing(),
                });
            }
        }
        all
    }

    /// An empty range overlaps nothing.
    fn overlaps(&self, map: &CellMap, ranges: &[KeyRange]) -> Vec<Option<Overlap>> {
        let overlap =
            |range: &KeyRange| (!range.is_empty()).then(|| Overlap::new(map, range, &self.shape));
        ranges.iter().map(overlap).collect()
    }

    /// Closes the next bin.
    pub(crate) fn push(&mut self, row: Row) {
        if self.rows.len() >= self.bins_max {
            self.rows.pop_front();
        }
        self.rows.push_back(row);
        self.next_bin += 1;
    }

    /// The bins and when they begin, oldest first.
    pub(crate) fn rows(&self) -> impl DoubleEndedIterator<Item = (i64, &Row)> {
        let start_ms = self.start_ms();
        self.rows.iter().enumerate().map(move |(at, row)| (start_ms + at as i64 * self.bin_ms, row))
    }

    /// A timeline whose last bin ends at `end_ms`; `None` if these are more rows than it keeps.
    pub(crate) fn of_rows(
        bin_ms: i64,
        bins_max: usize,
        end_ms: i64,
        rows: Vec<Row>,
    ) -> Option<Self> {
        let mut timeline = Self::new(bin_ms, bins_max, end_ms);
        timeline.rows = rows.into();
        (timeline.rows.len() <= bins_max).then_some(timeline)
    }

    /// Puts back a bin that was stored. Bins between it and those that are there become unknown; one
    /// that is there is replaced, one that is too old is left out.
    pub(crate) fn restore(&mut self, start_ms: i64, row: Row) {
        let bin = start_ms.div_euclid(self.bin_ms);
        if self.rows.is_empty() || bin - self.next_bin > self.bins_max as i64 {
            self.rows.clear();
            self.next_bin = bin;
        }
        while self.next_bin <= bin {
            self.push(Row::empty(row.map.clone(), 0));
        }
        let from_end = self.next_bin - bin;
        if from_end <= self.bins_max as i64 {
            while (self.rows.len() as i64) < from_end {
                self.rows.push_front(Row::empty(row.map.clone(), 0));
            }
            let at = self.rows.len() - from_end as usize;
            self.rows[at] = row;
        }
    }
}

/// The gaps filled, the first `earlier` bins taken off again.
fn filled(mut series: RateSeries, channel: Channel, earlier: usize) -> RateSeries {
    series.fill(channel.of_nothing());
    series.values.drain(..earlier);
    series.known.drain(..earlier);
    series.start_ms += earlier as i64 * series.bin_ms;
    series
}

/// Whether enough of a bin was watched to call it known.
fn covered_enough(row: &Row, bin_ms: i64) -> bool {
    let covered_ms = f64::from(row.covered_s) * 1_000.0;
    covered_ms >= COVERED_SHARE_MIN * bin_ms as f64 && covered_ms > 0.0
}

/// Where rows keep a summed channel.
fn stored_channel(channel: Channel) -> Option<usize> {
    match channel {
        Channel::ReadUnits => Some(READ),
        Channel::WriteUnits => Some(WRITE),
        Channel::Requests => Some(REQUESTS),
        Channel::Bytes => Some(BYTES),
        Channel::Throttles => Some(THROTTLES),
        Channel::PeakToMean => None,
    }
}

fn value(row: &Row, channel: Channel, overlap: &Overlap) -> f64 {
    match stored_channel(channel) {
        Some(stored) => row.sum(stored, overlap) / f64::from(row.covered_s),
        None => row.peak_to_mean(overlap),
    }
}
