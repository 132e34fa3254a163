//! How a table's load spreads over the cells of its key axis, for every step of a horizon.
//!
//! Three simple beliefs are kept: the *recent* share (an exponentially weighted mean of loads, which
//! no step changes), the *seasonal* share (loads at the same time of earlier days, which moves
//! through the day as tenants in other time zones do), and the *moving* share (the latest loads,
//! shifted on as they moved in the last hour: hot spots that wander, inserts with rising keys). All
//! are ratios of mean loads, so that quiet bins, whose shares are noise, weigh little. The one that
//! would have been nearer at the end of the horizon lately is used. Which cells there are is the caller's business: when they change,
//! the model is rebuilt from the re-binned matrix.

mod motion;
mod settings;

pub use settings::ShareSettings;

use crate::seasons::Seasons;
use crate::{ForecastError, Observation, VALUE_MAX};
use motion::Motion;
use serde::{Deserialize, Serialize};

/// Which belief a share comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareKind {
    /// As lately.
    Recent,
    /// As at the same time on earlier days.
    Seasonal,
    /// As just now, moved on.
    Moving,
}

/// Forecasts the distribution of load over a fixed number of cells. State grows with cells times
/// (slots of a day + steps of the horizon): 135 kB for 256 cells with the default settings.
#[derive(Clone, Debug)]
pub struct ShareModel {
    settings: ShareSettings,
    seasons: Seasons,
    cells: usize,
    next_start_ms: i64,
    /// Exponentially weighted mean loads.
    recent: Vec<f32>,
    /// Mean loads of the last minutes only: a mean that reaches far back lags behind what moves.
    latest: Vec<f32>,
    motion: Motion,
    /// What was known at the latest `horizon_steps` origins, round robin.
    snapshots: Vec<Snapshot>,
    next_snapshot: usize,
    slot_bins: usize,
    /// Per time of day the mean loads of earlier days; empty before the first.
    slots: Vec<Vec<f32>>,
    /// Loads of the slot that is under way, and how many bins of it were seen.
    under_way: (usize, Vec<f32>, u32),
    kind: ShareKind,
    errors: Errors,
}

/// One origin's shares; `None` before any load.
#[derive(Clone, Debug, Default)]
struct Snapshot {
    recent: Option<Vec<f32>>,
    latest: Option<Vec<f32>>,
    /// Where `latest` was expected at the end of the horizon.
    moved: Option<Vec<f32>>,
}

/// How wrong each belief was at the end of the horizon, over the same bins.
#[derive(Clone, Copy, Debug, Default)]
struct Errors {
    recent: Decayed,
    seasonal: Decayed,
    moving: Decayed,
}

impl Errors {
    fn of(&self, kind: ShareKind) -> Option<f64> {
        match kind {
            ShareKind::Recent => self.recent.ratio(),
            ShareKind::Seasonal => self.seasonal.ratio(),
            ShareKind::Moving => self.moving.ratio(),
        }
    }
}

/// Absolute errors and loads, both fading, so that their ratio is a recent WAPE.
#[derive(Clone, Copy, Debug, Default)]
struct Decayed {
    error: f64,
    load: f64,
}

impl Decayed {
    fn add(&mut self, keep: f64, error: f64, load: f64) {
        self.error = keep * self.error + error * load;
        self.load = keep * self.load + load;
    }

    fn ratio(&self) -> Option<f64> {
        (self.load > 0.0).then(|| self.error / self.load)
    }
}

impl ShareModel {
    /// A model of `cells` cells that has seen nothing; the first bin starts at `start_ms`.
    pub fn new(
        cells: usize,
        start_ms: i64,
        settings: &ShareSettings,
    ) -> Result<Self, ForecastError> {
        settings.validate()?;
        let seasons = Seasons::new(settings.bin_ms)?;
        let slot_bins = seasons.minutes(settings.slot_minutes, 1);
        let slots = seasons.day_bins().div_ceil(slot_bins);
        Ok(Self {
            seasons,
            cells,
            next_start_ms: start_ms,
            recent: vec![0.0; cells],
            latest: vec![0.0; cells],
            motion: Motion::default(),
            snapshots: vec![Snapshot::default(); settings.horizon_steps],
            next_snapshot: 0,
            slot_bins,
            slots: vec![Vec::new(); slots],
            under_way: (0, vec![0.0; cells], 0),
            kind: ShareKind::Recent,
            errors: Errors::default(),
            settings: settings.clone(),
        })
    }

    /// A model that has seen a matrix of loads, one row of `cells` per bin, oldest first.
    pub fn from_history(
        loads: &[f64],
        cells: usize,
        start_ms: i64,
        settings: &ShareSettings,
    ) -> Result<Self, ForecastError> {
        let mut model = Self::new(cells, start_ms, settings)?;
        for row in loads.chunks(cells.max(1)) {
            model.push(row)?;
        }
        Ok(model)
    }

    /// How many cells there are.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// Which belief is used now.
    pub fn kind(&self) -> ShareKind {
        self.kind
    }

    /// The recent error of the belief in use at the end of the horizon: the mean, weighted by load,
    /// of the absolute differences between forecast and actual shares, summed over cells. 0 is
    /// perfect, 2 the worst. `None` before anything could be compared.
    pub fn recent_error(&self) -> Option<f64> {
        self.errors.of(self.kind)
    }

    /// Takes the next bin's loads, one per cell. A row with a load that is no rate is a gap: time
    /// passes, nothing is learnt.
    pub fn push(&mut self, loads: &[f64]) -> Result<(), ForecastError> {
        if loads.len() != self.cells {
            return Err(ForecastError::CellCount { got: loads.len(), expected: self.cells });
        }
        let slot = self.slot(self.next_start_ms);
        if slot != self.under_way.0 {
            self.finish_slot(slot);
        }
        self.next_start_ms += self.settings.bin_ms;
        let total: f64 = loads.iter().sum();
        let gap = loads.iter().any(|&load| Observation::from(load) == Observation::Gap);
        if !gap && total.is_finite() {
            if total > 0.0 {
                self.compare(loads, total, slot);
                self.choose();
            }
            self.learn(loads);
        }
        self.remember();
        Ok(())
    }

    /// One vector per step, one share per cell, each summing to 1. Uniform before any load.
    pub fn shares(&self, steps: usize) -> Vec<Vec<f64>> {
        let recent = normalised(&self.recent);
        let at_step = |step: usize| {
            let at_ms = self.next_start_ms + step as i64 * self.settings.bin_ms;
            let other = match self.kind {
                ShareKind::Seasonal => normalised(&self.slots[self.slot(at_ms)]),
                ShareKind::Moving => self.moved(step + 1),
                ShareKind::Recent => None,
            };
            match other.as_ref().or(recent.as_ref()) {
                Some(shares) => exact(shares),
                None => vec![1.0 / self.cells as f64; self.cells],
            }
        };
        (0..steps).map(at_step).collect()
    }

    fn slot(&self, at_ms: i64) -> usize {
        let (day, _) = self.seasons.phases(at_ms);
        (day * self.seasons.day_bins() as f64 / self.slot_bins as f64) as usize
    }

    /// Compares what each belief had said about this bin with what came.
    fn compare(&mut self, loads: &[f64], total: f64, slot: usize) {
        let error = |shares: &[f32]| {
            let differences = shares.iter().zip(loads);
            differences.map(|(&share, load)| (f64::from(share) - load / total).abs()).sum::<f64>()
        };
        let keep = self.keep(self.settings.error_half_life_hours * 60);
        // The snapshot about to be overwritten is the one from a whole horizon ago.
        let known = &self.snapshots[self.next_snapshot];
        let seasonal = normalised(&self.slots[slot]).as_deref().map(error);
        let (Some(recent), Some(moving)) =
            (known.recent.as_deref().map(error), known.moved.as_deref().map(error))
        else {
            return;
        };
        if let Some(seasonal) = seasonal {
            // Or they would be judged by different bins.
            if self.errors.seasonal.ratio().is_none() {
                self.errors = Errors::default();
            }
            self.errors.seasonal.add(keep, seasonal, total);
        }
        self.errors.recent.add(keep, recent, total);
        self.errors.moving.add(keep, moving, total);
    }

    fn choose(&mut self) {
        let Some(present) = self.errors.of(self.kind) else {
            self.kind = ShareKind::Recent;
            return;
        };
        let better = present * (1.0 - self.settings.switch_margin);
        let kinds = [ShareKind::Recent, ShareKind::Seasonal, ShareKind::Moving];
        let rivals = kinds.into_iter().filter_map(|kind| Some((kind, self.errors.of(kind)?)));
        if let Some((kind, _)) =
            rivals.filter(|rival| rival.1 < better).min_by(|a, b| a.1.total_cmp(&b.1))
        {
            self.kind = kind;
        }
    }

    /// Follows the motion, and keeps what is known now for a whole horizon.
    fn remember(&mut self) {
        let latest = normalised(&self.latest);
        let before = &self.snapshots[self.next_snapshot].latest;
        if let (Some(latest), Some(before)) = (&latest, before) {
            self.motion.follow(latest, before, self.snapshots.len());
        }
        let moved = self.moved(self.snapshots.len());
        let recent = normalised(&self.recent);
        self.snapshots[self.next_snapshot] = Snapshot { recent, latest, moved };
        self.next_snapshot = (self.next_snapshot + 1) % self.snapshots.len();
    }

    /// The latest shares, moved on to the bin that is `bins` after the last one seen.
    fn moved(&self, bins: usize) -> Option<Vec<f32>> {
        let keep = self.keep(self.settings.latest_half_life_minutes);
        // A fading mean is as old as its weights are in the mean.
        let age = keep / (1.0 - keep);
        self.motion.after(&self.latest, bins as f64 + age)
    }

    fn learn(&mut self, loads: &[f64]) {
        let keep = self.keep(self.settings.recent_half_life_minutes) as f32;
        let keep_latest = self.keep(self.settings.latest_half_life_minutes) as f32;
        for (latest, &load) in self.latest.iter_mut().zip(loads) {
            *latest = keep_latest * *latest + (1.0 - keep_latest) * load.min(VALUE_MAX) as f32;
        }
        let (_, sums, bins) = &mut self.under_way;
        *bins += 1;
        for ((recent, sum), &load) in self.recent.iter_mut().zip(sums).zip(loads) {
            let load = load.min(VALUE_MAX) as f32;
            *recent = keep * *recent + (1.0 - keep) * load;
            *sum += load;
        }
    }

    /// Folds the slot that has ended into its belief and begins the next one.
    fn finish_slot(&mut self, next: usize) {
        let (slot, sums, bins) = &mut self.under_way;
        if *bins > 0 {
            let belief = &mut self.slots[*slot];
            let first = belief.is_empty();
            belief.resize(self.cells, 0.0);
            let weight = if first { 1.0 } else { self.settings.day_weight as f32 };
            for (belief, sum) in belief.iter_mut().zip(sums.iter()) {
                *belief += weight * (sum / *bins as f32 - *belief);
            }
        }
        sums.fill(0.0);
        (*slot, *bins) = (next, 0);
    }

    /// The factor per bin of something that halves in `minutes`.
    fn keep(&self, minutes: i64) -> f64 {
        0.5_f64.powf(self.settings.bin_ms as f64 / (minutes as f64 * 60_000.0))
    }
}

/// Loads as shares of their sum; `None` without load.
fn normalised(loads: &[f32]) -> Option<Vec<f32>> {
    let total: f32 = loads.iter().sum();
    (total > 0.0 && total.is_finite()).then(|| loads.iter().map(|load| load / total).collect())
}

/// Shares whose sum is 1 also in double precision.
fn exact(shares: &[f32]) -> Vec<f64> {
    let total: f64 = shares.iter().map(|&share| f64::from(share)).sum();
    shares.iter().map(|&share| f64::from(share) / total).collect()
}
