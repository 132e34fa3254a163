//! The three rolling windows, and the sketches that go with them.

use crate::sketch::{Sketch, Weighted};
use crate::{CollectorSettings, Vector};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A rolling window over the recent past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Window {
    /// Five minutes, in bins of a second.
    #[serde(rename = "5m")]
    FiveMinutes,
    /// One hour, in bins of ten seconds.
    #[serde(rename = "1h")]
    Hour,
    /// One day, in bins of a minute.
    #[serde(rename = "1d")]
    Day,
}

impl Window {
    /// All windows, shortest first.
    pub const ALL: [Self; 3] = [Self::FiveMinutes, Self::Hour, Self::Day];

    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::FiveMinutes => "5m",
            Self::Hour => "1h",
            Self::Day => "1d",
        }
    }

    /// The window of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|window| window.name() == name)
    }

    /// How much time it spans.
    pub fn length_ms(self) -> i64 {
        match self {
            Self::FiveMinutes => 300_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    /// Length of one of its bins.
    pub fn bin_ms(self) -> i64 {
        match self {
            Self::FiveMinutes => 1_000,
            Self::Hour => 10_000,
            Self::Day => 60_000,
        }
    }

    /// How many bins it has.
    pub fn bins(self) -> usize {
        (self.length_ms() / self.bin_ms()) as usize
    }

    /// Seconds in one of the slices that its sketches are made of; each holds whole ones of the window
    /// before.
    pub(crate) fn slice_s(self) -> i64 {
        match self {
            Self::FiveMinutes => 60,
            Self::Hour => 600,
            Self::Day => 14_400,
        }
    }

    fn slices(self) -> usize {
        (self.length_ms() / 1_000 / self.slice_s()) as usize
    }
}

/// The sketches of all windows. Vectors enter the shortest slice; closed slices are merged upwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sketches {
    open: [Sketch; 3],
    closed: [VecDeque<Sketch>; 3],
    /// Vectors taken in so far: the sequence behind the sampling.
    taken: u64,
    seed: u64,
}

impl Sketches {
    /// `salt` tells tables apart that share a seed.
    pub(crate) fn new(settings: &CollectorSettings, salt: u64) -> Self {
        Self {
            open: std::array::from_fn(|_| Sketch::new(settings)),
            closed: Default::default(),
            taken: 0,
            seed: crate::sketch::scramble(settings.seed ^ salt),
        }
    }

    #[inline]
    pub(crate) fn add(&mut self, vector: &Vector) {
        let priority = crate::sketch::scramble(self.seed.wrapping_add(self.taken));
        self.taken += 1;
        self.open[0].add(vector, priority);
    }

    /// A second has passed and ends at `end_s`; whether it was watched.
    pub(crate) fn close_second(&mut self, end_s: i64, watched: bool) {
        self.open[0].seconds += u64::from(watched);
        for (level, window) in Window::ALL.into_iter().enumerate() {
            if end_s % window.slice_s() != 0 {
                break;
            }
            self.close_slice(level, window.slices());
        }
    }

    fn close_slice(&mut self, level: usize, slices: usize) {
        let (low, high) = self.open.split_at_mut(level + 1);
        if let Some(above) = high.first_mut() {
            above.merge(&low[level]);
        }
        let closed = &mut self.closed[level];
        // The slice that is forgotten gives its memory to the one that begins.
        let forgotten = if closed.len() < slices { None } else { closed.pop_front() };
        let mut next = forgotten.unwrap_or_else(|| self.open[level].empty());
        next.clear();
        closed.push_back(std::mem::replace(&mut self.open[level], next));
    }

    /// The keys sampled in a window, each with the demand that it stands for. Every slice gives its
    /// own sample, so that there are more of them than in the merged one.
    pub(crate) fn sampled_keys(&self, window: Window) -> Vec<Weighted> {
        let level = window as usize;
        let slices = self.open[..=level].iter().chain(&self.closed[level]);
        slices.flat_map(|slice| slice.sample.keys()).collect()
    }

    /// What is known of a window: its closed slices and the time since.
    pub(crate) fn of(&self, window: Window) -> Sketch {
        let level = window as usize;
        let mut merged = self.open[0].clone();
        for open in &self.open[1..=level] {
            merged.merge(open);
        }
        for closed in &self.closed[level] {
            merged.merge(closed);
        }
        merged
    }
}

#[cfg(test)]
mod tests;
