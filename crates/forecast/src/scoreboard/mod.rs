//! Who may speak: recent losses of all methods, the choice among them, and the gate.
//!
//! Losses are pinball losses at the decision quantile, relative to those of the climatology over
//! the same bins, so that methods that started at different times compare. The best speaks, with
//! hysteresis; one that loses to a seasonal naive is replaced at once. If not even the best beats
//! constant quantiles by a margin, and by more than chance explains, nothing is known about timing
//! and nobody speaks. Chance is judged as by F. X. Diebold and R. S. Mariano (*Comparing predictive
//! accuracy*, 1995): the lead's mean against its standard error, over blocks as long as a horizon.

use crate::ForecastSettings;
use crate::candidate::Outcome;
use crate::outlook::{ModelKind, RecentError};
use crate::seasons::Seasons;
use std::collections::VecDeque;

/// Bins are summed in blocks, which also is how often the choice is made anew.
const BLOCK_BINS: u32 = 12;
/// A method is not judged by fewer bins than a third of a day, between these bounds.
const JUDGED_BINS_MIN: usize = 24;
const JUDGED_BINS_ENOUGH: usize = 96;

/// The window holds at least this many bins, however coarse they are.
const WINDOW_BINS_MIN: usize = 240;
/// A combination weighs by this many of the last blocks: a day of five-minute bins.
const WEIGHED_BLOCKS: usize = 24;
/// And by this power of the inverse loss: so high that a method a third worse hardly counts.
const WEIGHT_POWER: i32 = 10;
/// By which share a method that knows no time must be better than one that does.
const TIMELESS_HANDICAP: f64 = 0.15;
/// A method that hardly ever errs counts no more than this allows.
const RATIO_MIN: f64 = 1e-3;
/// A bin's loss counts for at most so many times the window's mean of constant quantiles.
const LOSS_MAX: f64 = 20.0;
/// The lead over the climatology must be this many standard errors.
const STANDARD_ERRORS_MIN: f64 = 2.0;

/// Sums of one method over some bins, beside the climatology's over the same bins.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    pinball: f64,
    climatology: f64,
    covered: f64,
    bins: u32,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.pinball += other.pinball;
        self.climatology += other.climatology;
        self.covered += other.covered;
        self.bins += other.bins;
    }

    /// The loss relative to the climatology's. Where even constants never miss there is nothing to
    /// be better at, and the ratio is infinite.
    fn ratio(&self) -> f64 {
        if self.climatology > 0.0 { self.pinball / self.climatology } else { f64::INFINITY }
    }
}

/// A tally of one block, as it is kept: there is one per method and block.
#[derive(Clone, Copy, Debug)]
struct Kept {
    pinball: f32,
    climatology: f32,
    /// In the mean of the bins, in parts of 255.
    covered: u8,
    bins: u8,
}

impl Kept {
    fn of(tally: &Tally) -> Self {
        let covered = tally.covered / f64::from(tally.bins.max(1));
        Self {
            pinball: tally.pinball as f32,
            climatology: tally.climatology as f32,
            covered: (covered * 255.0).round() as u8,
            // A block has twelve.
            bins: tally.bins as u8,
        }
    }

    fn tally(&self) -> Tally {
        let bins = u32::from(self.bins);
        Tally {
            pinball: f64::from(self.pinball),
            climatology: f64::from(self.climatology),
            covered: f64::from(self.covered) / 255.0 * f64::from(bins),
            bins,
        }
    }
}

/// What the scoreboard decides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// No method was judged by enough bins yet.
    TooEarly { bins_needed: u32 },
    /// The best method is not better than constant quantiles by the margin.
    NothingToKnow { best: ModelKind, ratio: f64, bins: u32 },
    /// This method speaks.
    Speak { model: ModelKind },
}

/// The loss by which methods are chosen. Most bins are like the ones before them, so a method that
/// only knows the present level does well in the mean and fails where it matters: when load
/// begins. It has to be clearly better to speak.
fn handicapped(kind: ModelKind, tally: &Tally) -> f64 {
    if kind.knows_time() { tally.ratio() } else { tally.ratio() * (1.0 + TIMELESS_HANDICAP) }
}

/// Recent losses of a fixed list of methods.
#[derive(Clone, Debug)]
pub(crate) struct Scoreboard {
    kinds: Vec<ModelKind>,
    blocks: VecDeque<Box<[Kept]>>,
    blocks_max: usize,
    current: Vec<Tally>,
    current_bins: u32,
    totals: Vec<Tally>,
    judged_bins_min: u32,
    gate_margin: f64,
    switch_margin: f64,
    verdict: Verdict,
}

impl Scoreboard {
    pub(crate) fn new(
        kinds: Vec<ModelKind>,
        seasons: Seasons,
        settings: &ForecastSettings,
    ) -> Self {
        let window_bins = window_bins(seasons, settings);
        let judged = (seasons.day_bins() / 3).clamp(JUDGED_BINS_MIN, JUDGED_BINS_ENOUGH) as u32;
        Self {
            blocks: VecDeque::with_capacity(window_bins.div_ceil(BLOCK_BINS as usize)),
            blocks_max: window_bins.div_ceil(BLOCK_BINS as usize),
            current: vec![Tally::default(); kinds.len()],
            current_bins: 0,
            totals: vec![Tally::default(); kinds.len()],
            kinds,
            judged_bins_min: judged,
            gate_margin: settings.gate_margin,
            switch_margin: settings.switch_margin,
            verdict: Verdict::TooEarly { bins_needed: judged },
        }
    }

    /// Takes one bin's outcomes, in the order of the methods. At the end of a block the choice is
    /// made anew.
    pub(crate) fn push(
        &mut self,
        outcomes: impl Iterator<Item = Option<Outcome>>,
        climatology: f64,
    ) {
        let most = self.loss_max();
        let climatology = climatology.min(most);
        for (tally, outcome) in self.current.iter_mut().zip(outcomes) {
            if let Some(outcome) = outcome {
                let Outcome { pinball, covered } = outcome;
                let pinball = pinball.min(most);
                tally.add(&Tally { pinball, climatology, covered, bins: 1 });
            }
        }
        self.current_bins += 1;
        if self.current_bins == BLOCK_BINS {
            self.close_block();
            self.verdict = self.judge();
        }
    }

    /// What a bin may cost: a flash crowd, which nobody foresees, costs every method a hundred times
    /// the usual, and the window would be about nothing else for days.
    fn loss_max(&self) -> f64 {
        let judged = self.totals.iter().filter(|tally| tally.bins >= self.judged_bins_min);
        let usual = judged.map(|tally| tally.climatology / f64::from(tally.bins)).next();
        usual.filter(|usual| *usual > 0.0).map_or(f64::INFINITY, |usual| LOSS_MAX * usual)
    }

    fn close_block(&mut self) {
        if self.blocks.len() == self.blocks_max {
            self.blocks.pop_front();
        }
        self.blocks.push_back(self.current.iter().map(Kept::of).collect());
        self.current.fill(Tally::default());
        self.current_bins = 0;
        // Summed anew each time: subtracting what leaves would let rounding errors gather.
        self.totals.fill(Tally::default());
        for block in &self.blocks {
            self.totals.iter_mut().zip(block).for_each(|(total, kept)| total.add(&kept.tally()));
        }
    }

    fn judge(&self) -> Verdict {
        let judged = self.kinds.iter().zip(&self.totals);
        let judged = judged.filter(|(_, tally)| tally.bins >= self.judged_bins_min);
        let best = judged.clone().min_by(|(a_kind, a), (b_kind, b)| {
            handicapped(**a_kind, a).total_cmp(&handicapped(**b_kind, b))
        });
        let Some((&best, best_tally)) = best else {
            return Verdict::TooEarly { bins_needed: self.judged_bins_min };
        };
        let ratio = best_tally.ratio();
        if ratio > 1.0 - self.gate_margin || !self.is_beyond_chance(best) {
            return Verdict::NothingToKnow { best, ratio, bins: best_tally.bins };
        }
        let present = judged.filter(|(kind, _)| self.verdict == Verdict::Speak { model: **kind });
        let good_enough = |kind: ModelKind, tally: &Tally| {
            handicapped(best, best_tally) >= handicapped(kind, tally) * (1.0 - self.switch_margin)
                && self.naive_ratio().is_none_or(|naive| tally.ratio() <= naive)
        };
        let kept = present
            .filter(|(kind, tally)| good_enough(**kind, tally))
            .map(|(kind, _)| *kind)
            .next();
        Verdict::Speak { model: kept.unwrap_or(best) }
    }

    /// Whether the model's lead over the climatology is more than its variation explains.
    fn is_beyond_chance(&self, model: ModelKind) -> bool {
        let Some(at) = self.kinds.iter().position(|&kind| kind == model) else {
            return false;
        };
        let blocks =
            self.blocks.iter().map(|block| block[at].tally()).filter(|tally| tally.bins > 0);
        let leads = blocks.map(|tally| tally.climatology - tally.pinball);
        let (count, sum, squares) = leads.fold((0.0, 0.0, 0.0), |(count, sum, squares), lead| {
            (count + 1.0, sum + lead, squares + lead * lead)
        });
        let mean = sum / count;
        let variance = (squares / count - mean * mean).max(0.0) / (count - 1.0);
        count > 1.0 && mean > STANDARD_ERRORS_MIN * variance.sqrt()
    }

    /// How much each method should count in a combination: a high power of its inverse loss,
    /// relative to the climatology's, over the last blocks. `None` where it was not judged.
    pub(crate) fn weights(&self) -> impl Iterator<Item = f64> {
        (0..self.kinds.len()).map(|at| {
            let mut sum = Tally::default();
            let recent = self.blocks.iter().rev().take(WEIGHED_BLOCKS);
            recent.for_each(|block| sum.add(&block[at].tally()));
            let ratio = sum.ratio();
            let enough = sum.bins * 2 >= BLOCK_BINS * WEIGHED_BLOCKS as u32;
            if enough && ratio.is_finite() { ratio.max(RATIO_MIN).powi(-WEIGHT_POWER) } else { 0.0 }
        })
    }

    fn naive_ratio(&self) -> Option<f64> {
        let naive = |kind: &ModelKind| {
            matches!(kind, ModelKind::SeasonalNaiveDay | ModelKind::SeasonalNaiveWeek)
        };
        let judged = self.kinds.iter().zip(&self.totals);
        let judged =
            judged.filter(|(kind, tally)| naive(kind) && tally.bins >= self.judged_bins_min);
        judged.map(|(_, tally)| tally.ratio()).min_by(f64::total_cmp)
    }

    /// The present choice.
    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// How a method did over the window, if it was judged at all.
    pub(crate) fn recent_error(&self, model: ModelKind) -> Option<RecentError> {
        let at = self.kinds.iter().position(|&kind| kind == model)?;
        let tally = &self.totals[at];
        let mean = |sum: f64| sum / f64::from(tally.bins);
        (tally.bins > 0).then(|| RecentError {
            pinball: mean(tally.pinball),
            seasonal_naive: self
                .naive_ratio()
                .filter(|ratio| ratio.is_finite())
                .map(|ratio| ratio * mean(tally.climatology)),
            climatology: mean(tally.climatology),
            coverage: mean(tally.covered),
            bins: tally.bins,
        })
    }

    pub(crate) fn state_bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<Box<[Kept]>>()
            + self.blocks.len() * self.kinds.len() * size_of::<Kept>()
            + 2 * self.kinds.len() * size_of::<Tally>()
    }
}

/// How far back losses choose the model.
pub(crate) fn window_bins(seasons: Seasons, settings: &ForecastSettings) -> usize {
    (settings.selection_days as usize * seasons.day_bins()).max(WINDOW_BINS_MIN)
}

#[cfg(test)]
mod tests;
