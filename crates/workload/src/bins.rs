//! The bins of one table as time passes: seconds add up to ten seconds, minutes and five minutes.
//!
//! Vectors are counted in the second they belong to. Seconds stay open a little so that vectors may
//! come late; a vector that is later still enters the shortest bin that is open at its time. Closing is
//! a cascade: a closed bin is added to the open one of the next length, so sums agree at all levels,
//! and the peak of a longer bin is its busiest second.

use crate::cells::CellMap;
use crate::overlap::Projection;
use crate::row::{OpenRow, Row};
use crate::timeline::Timeline;
use crate::{Vector, Window};
use std::collections::VecDeque;
use std::sync::Arc;

/// Length of a bin of history.
pub const HISTORY_BIN_MS: i64 = 300_000;
/// How much history is kept.
pub const HISTORY_DAYS: usize = 28;
/// Bins of history.
pub const HISTORY_BINS: usize = HISTORY_DAYS * 86_400_000 / HISTORY_BIN_MS as usize;
/// Seconds in a bin of history.
pub(crate) const HISTORY_BIN_S: i64 = HISTORY_BIN_MS / 1_000;

/// The bins of one table.
#[derive(Clone, Debug)]
pub(crate) struct Bins {
    /// The first second that is still open, since the epoch.
    second: i64,
    /// Open seconds from `second` on; those not there yet are empty.
    open: VecDeque<OpenRow>,
    /// Cleared rows, to be used again.
    spare: Vec<OpenRow>,
    seconds: Timeline,
    /// Ten seconds, minutes, history.
    levels: [Level; 3],
}

/// Bins longer than a second.
#[derive(Clone, Debug)]
struct Level {
    bin_s: i64,
    open: OpenRow,
    closed: Timeline,
}

/// Where a vector was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// In its second.
    InTime,
    /// Not in its second, but in its bin of history and in the bins between that were open.
    Late,
    /// Nowhere.
    Lost,
}

impl Bins {
    /// No bins yet; counting begins with the second given.
    pub(crate) fn new(second: i64) -> Self {
        let timeline =
            |window: Window| Timeline::new(window.bin_ms(), window.bins(), second * 1_000);
        let history = Timeline::new(HISTORY_BIN_MS, HISTORY_BINS, second * 1_000);
        let level = |closed: Timeline| Level {
            bin_s: closed.bin_ms() / 1_000,
            open: OpenRow::default(),
            closed,
        };
        Self {
            second,
            open: VecDeque::new(),
            spare: Vec::new(),
            seconds: timeline(Window::FiveMinutes),
            levels: [timeline(Window::Hour), timeline(Window::Day), history].map(level),
        }
    }

    /// The first second that is still open.
    pub(crate) fn second(&self) -> i64 {
        self.second
    }

    pub(crate) fn window(&self, window: Window) -> &Timeline {
        match window {
            Window::FiveMinutes => &self.seconds,
            Window::Hour => &self.levels[0].closed,
            Window::Day => &self.levels[1].closed,
        }
    }

    pub(crate) fn history(&self) -> &Timeline {
        &self.levels[2].closed
    }

    /// All timelines, shortest bins first.
    pub(crate) fn timelines_mut(&mut self) -> impl Iterator<Item = &mut Timeline> {
        std::iter::once(&mut self.seconds)
            .chain(self.levels.iter_mut().map(|level| &mut level.closed))
    }

    /// Counts a vector in a cell. Its time must not lie further ahead than seconds may stay open.
    #[inline]
    pub(crate) fn count(&mut self, cell: usize, cells: usize, vector: &Vector) -> Placed {
        let second = vector.timestamp_ms.div_euclid(1_000);
        if second < self.second {
            return self.count_late(second, cell, cells, vector);
        }
        let ahead = (second - self.second) as usize;
        while self.open.len() <= ahead {
            self.open.push_back(self.spare.pop().unwrap_or_default());
        }
        self.open[ahead].count(cell, cells, vector);
        Placed::InTime
    }

    fn count_late(&mut self, second: i64, cell: usize, cells: usize, vector: &Vector) -> Placed {
        let now = self.second;
        // The open bin of a level begins at the last multiple of its length.
        let open = |level: &&mut Level| second >= now - now.rem_euclid(level.bin_s);
        match self.levels.iter_mut().find(open) {
            Some(level) => {
                level.open.count(cell, cells, vector);
                Placed::Late
            }
            None => Placed::Lost,
        }
    }

    /// Closes the next second, and every longer bin that ends with it.
    pub(crate) fn close_second(&mut self, map: &Arc<CellMap>, watched: bool) {
        let opened = self.open.pop_front();
        let reusable = opened.is_some();
        let mut row = opened.unwrap_or_default();
        row.covered_s = u16::from(watched);
        self.seconds.push(closed(&row, map));
        self.levels[0].open.fold(&row, true);
        // Only what was taken from the spare rows goes back to them: quiet time must not add any.
        if reusable {
            row.clear();
            self.spare.push(row);
        }
        self.second += 1;
        for level in 0..self.levels.len() {
            if self.second % self.levels[level].bin_s != 0 {
                break;
            }
            self.close_bin(level, map);
        }
    }

    fn close_bin(&mut self, level: usize, map: &Arc<CellMap>) {
        let (low, high) = self.levels.split_at_mut(level + 1);
        let level = &mut low[level];
        level.closed.push(closed(&level.open, map));
        if let Some(above) = high.first_mut() {
            above.open.fold(&level.open, false);
        }
        level.open.clear();
    }

    /// Moves what is counted in open bins to other cells.
    pub(crate) fn project(&mut self, projection: &Projection, cells: usize) {
        let levels = self.levels.iter_mut().map(|level| &mut level.open);
        for open in self.open.iter_mut().chain(levels) {
            open.project(projection, cells);
        }
        self.spare.clear();
    }

    /// The open rows: of the levels, and of the open seconds.
    pub(crate) fn open_rows(&self) -> ([OpenRow; 3], Vec<OpenRow>) {
        (
            self.levels.each_ref().map(|level| level.open.clone()),
            self.open.iter().cloned().collect(),
        )
    }

    /// Puts back what was counted in bins that were still open.
    pub(crate) fn restore_open(&mut self, levels: [OpenRow; 3], seconds: Vec<OpenRow>) {
        self.open = seconds.into();
        for (level, open) in self.levels.iter_mut().zip(levels) {
            level.open = open;
        }
    }

    /// Puts back the closed bins of a window, up to the first open second.
    pub(crate) fn restore_window(
        &mut self,
        window: Window,
        rows: Vec<Row>,
    ) -> Result<(), &'static str> {
        let end_ms = self.second * 1_000;
        let timeline = Timeline::of_rows(window.bin_ms(), window.bins(), end_ms, rows);
        let timeline = timeline.ok_or("a window has too many bins")?;
        match window {
            Window::FiveMinutes => self.seconds = timeline,
            Window::Hour => self.levels[0].closed = timeline,
            Window::Day => self.levels[1].closed = timeline,
        }
        Ok(())
    }

    /// Puts back the history. Where it ends before the open bin, bins are missing and unknown; where
    /// it goes on, the time until its end was watched, but is forgotten in the windows.
    pub(crate) fn restore_history(&mut self, history: Timeline, map: &Arc<CellMap>) {
        while self.second < history.end_ms() / 1_000 {
            self.close_second(map, false);
        }
        self.levels[2].closed = history;
        let open_bin_ms = self.second.div_euclid(HISTORY_BIN_S) * HISTORY_BIN_MS;
        let history = &mut self.levels[2].closed;
        if open_bin_ms - history.end_ms() > HISTORY_BINS as i64 * HISTORY_BIN_MS {
            *history = Timeline::new(HISTORY_BIN_MS, HISTORY_BINS, open_bin_ms);
        }
        while history.end_ms() < open_bin_ms {
            history.push(Row::empty(map.clone(), 0));
        }
    }
}

/// Empty bins take no memory.
fn closed(row: &OpenRow, map: &Arc<CellMap>) -> Row {
    if row.is_empty() { Row::empty(map.clone(), row.covered_s) } else { row.close(map) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::vector_at;

    #[test]
    fn rows_are_used_again_and_quiet_time_needs_none() {
        let map = Arc::new(CellMap::new([]));
        let mut bins = Bins::new(0);
        for second in 0..2_000 {
            if second % 3 == 0 {
                bins.count(0, 1, &vector_at(second * 1_000));
            }
            bins.close_second(&map, true);
            assert!(bins.spare.len() + bins.open.len() <= 1);
        }
    }
}
