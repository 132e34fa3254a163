//! One series, fed bin by bin: all methods on trial, one of them speaking, or none.
//!
//! A push settles the forecasts that had been made for the bin, lets every method take it, and
//! makes the forecasts of the new origin; asking for a forecast then only scales quantiles. Costly
//! work is spread: the regression is solved once an hour, quantiles are brought up to date one
//! step per push. Starting from a history replays it through the same code, at a coarser schedule
//! and with forecasts only where their errors will matter, so that the scoreboard is full at once.

mod replay;
mod speak;

use crate::candidate::{Candidate, pinball};
use crate::history::{History, RETAINED_DAYS};
use crate::models::gru::Network;
use crate::models::{Machine, climatology};
use crate::outlook::{ModelKind, RecentError, Step};
use crate::scoreboard::Scoreboard;
use crate::seasons::Seasons;
use crate::{ForecastError, ForecastSettings, Observation};
use std::sync::Arc;

/// The methods on trial.
const TRIED: [ModelKind; 10] = [
    ModelKind::LastValue,
    ModelKind::SeasonalNaiveDay,
    ModelKind::SeasonalNaiveWeek,
    ModelKind::Ewma,
    ModelKind::ProfileLevel,
    ModelKind::FoundSeason,
    ModelKind::Spar,
    ModelKind::Ridge,
    ModelKind::Gru,
    ModelKind::Combination,
];
/// The methods for what is forecast beside a rate: one that knows the day, one that does not.
const LIGHT: [ModelKind; 2] = [ModelKind::Ewma, ModelKind::ProfileLevel];
/// The residuals' floor as a share of the week's mean: an idle forecast still has a width.
const FLOOR_SHARE: f64 = 0.02;
/// The least number of bins whose errors are kept.
const CALIBRATION_BINS_MIN: usize = 336;
/// How many times a day every model's quantiles are brought up to date.
const REFRESHES_PER_DAY: usize = 4;

/// What a push has to do beyond taking the bin.
#[derive(Clone, Copy, PartialEq)]
enum Duty {
    /// Only learn: the bin is too old for its errors to matter.
    Learn,
    /// Also forecast and settle; refit at this interval.
    Calibrate { refit_interval: u64 },
    /// The same, and bring all quantiles up to date after each refit.
    Judge { refit_interval: u64 },
    /// The same, but quantiles are brought up to date a few at a time.
    Live,
}

/// Forecasts one series. State is bounded: below 100 kB at 5-minute bins and 12 steps.
#[derive(Clone, Debug)]
pub struct SeriesForecaster {
    settings: ForecastSettings,
    history: History,
    candidates: Vec<Candidate>,
    scoreboard: Scoreboard,
    /// Constant quantiles of the last week, as of the last refit.
    level: Option<Step>,
    floor: f64,
    since_refit: u64,
    /// Whose quantiles are brought up to date next: candidate and step in one number.
    next_turn: usize,
    network: Option<Arc<Network>>,
}

impl SeriesForecaster {
    /// A forecaster that has seen nothing; the first bin starts at `start_ms`.
    pub fn new(start_ms: i64, settings: &ForecastSettings) -> Result<Self, ForecastError> {
        Self::trying(&TRIED, start_ms, settings)
    }

    fn trying(
        models: &[ModelKind],
        start_ms: i64,
        settings: &ForecastSettings,
    ) -> Result<Self, ForecastError> {
        settings.validate()?;
        let history = History::new(start_ms, settings)?;
        let seasons = history.seasons();
        let calibration_bins = calibration_bins(seasons, settings);
        let candidate = |&kind: &ModelKind| {
            let machine = Machine::new(kind, seasons, settings)?;
            let (steps, decision) = (settings.horizon_steps, settings.decision_quantile);
            Some(Candidate::new(kind, machine, steps, calibration_bins, decision))
        };
        let candidates: Vec<Candidate> = models.iter().filter_map(candidate).collect();
        let kinds = candidates.iter().map(Candidate::kind).collect();
        Ok(Self {
            settings: settings.clone(),
            candidates,
            scoreboard: Scoreboard::new(kinds, seasons, settings),
            history,
            level: None,
            floor: 0.0,
            since_refit: 0,
            next_turn: 0,
            network: None,
        })
    }

    /// Forecasts with the shared network, too, from now on; one that was trained for other bins or
    /// another horizon is refused. Its errors are those of the network before it until new ones
    /// have come.
    pub fn adopt(&mut self, network: &Arc<Network>) -> Result<(), ForecastError> {
        let (history, steps) = (&self.history, self.settings.horizon_steps);
        let fits =
            |candidate: &mut Candidate| candidate.machine_mut().adopt(network, history, steps);
        if self.candidates.iter_mut().all(fits) {
            self.network = Some(network.clone());
            return Ok(());
        }
        Err(ForecastError::ForeignNetwork { bin_ms: network.bin_ms(), steps: network.steps() })
    }

    /// Takes the next bin.
    pub fn push(&mut self, observation: impl Into<Observation>) {
        self.take(observation.into(), Duty::Live);
        self.refresh_some();
    }

    /// Takes the bin that starts at `start_ms`; bins that were skipped are gaps. A start inside a
    /// bin counts as that bin's. After more than eight days of gaps the forecaster starts anew.
    pub fn push_at(
        &mut self,
        start_ms: i64,
        observation: impl Into<Observation>,
    ) -> Result<(), ForecastError> {
        let ahead_ms = start_ms - self.next_start_ms();
        if ahead_ms < 0 {
            return Err(ForecastError::OutOfOrder { start_ms, next_ms: self.next_start_ms() });
        }
        let skipped = ahead_ms / self.settings.bin_ms;
        let retained = RETAINED_DAYS * self.history.seasons().day_bins();
        if skipped > retained as i64 {
            // Nothing that is known reaches across such a hole.
            let network = self.network.take();
            let tried: Vec<ModelKind> = self.candidates.iter().map(Candidate::kind).collect();
            *self = Self::trying(&tried, start_ms, &self.settings)?;
            if let Some(network) = network {
                self.adopt(&network)?;
            }
        } else {
            (0..skipped).for_each(|_| self.push(Observation::Gap));
        }
        self.push(observation);
        Ok(())
    }

    fn take(&mut self, observation: Observation, duty: Duty) {
        let bin = self.history.bins_total();
        if let (Observation::Value(value), true) = (observation, duty != Duty::Learn) {
            self.settle(bin, value);
        }
        if !self.history.push(observation) {
            return;
        }
        for candidate in &mut self.candidates {
            candidate.machine_mut().push(&self.history);
        }
        let refit_interval = match duty {
            Duty::Learn => return,
            Duty::Calibrate { refit_interval } | Duty::Judge { refit_interval } => refit_interval,
            Duty::Live => self.settings.refit_interval_bins as u64,
        };
        self.since_refit += 1;
        if self.level.is_none() || self.since_refit >= refit_interval {
            self.refit();
            if matches!(duty, Duty::Judge { .. }) {
                self.refresh_all();
            }
        }
        self.make_forecasts();
    }

    fn settle(&mut self, bin: u64, value: f64) {
        let floor = self.floor;
        let outcomes = self.candidates.iter_mut().map(|it| it.settle(bin, value, floor));
        let decision = self.settings.decision_quantile;
        match self.level {
            Some(level) => {
                let climatology = pinball(decision, level.at(decision), value);
                self.scoreboard.push(outcomes, climatology);
            }
            None => outcomes.for_each(drop),
        }
    }

    fn refit(&mut self) {
        self.since_refit = 0;
        self.level = climatology::level(&self.history);
        let week = self.history.seasons().week_bins();
        self.floor = FLOOR_SHARE * self.history.mean_of_last(week).unwrap_or(0.0);
        self.candidates.iter_mut().for_each(|it| it.machine_mut().refit(&self.history));
    }

    fn calibration_bins(&self) -> usize {
        calibration_bins(self.history.seasons(), &self.settings)
    }

    fn refresh_all(&mut self) {
        for candidate in &mut self.candidates {
            candidate.refresh_all();
        }
    }

    /// Brings so many quantiles up to date that all have had their turn every few hours.
    fn refresh_some(&mut self) {
        let turns = self.candidates.len() * self.settings.horizon_steps;
        let pushes = self.history.seasons().day_bins() / REFRESHES_PER_DAY;
        for _ in 0..turns.div_ceil(pushes) {
            let (at, step) = (
                self.next_turn / self.settings.horizon_steps,
                self.next_turn % self.settings.horizon_steps,
            );
            if let Some(candidate) = self.candidates.get_mut(at) {
                candidate.refresh(step);
            }
            self.next_turn = (self.next_turn + 1) % turns.max(1);
        }
    }

    fn make_forecasts(&mut self) {
        let (origin, floor) = (self.history.bins_total(), self.floor);
        let (combined, single): (Vec<_>, Vec<_>) = self
            .candidates
            .iter_mut()
            .zip(self.scoreboard.weights())
            .partition(|(candidate, _)| candidate.kind() == ModelKind::Combination);
        let mut made = Vec::with_capacity(single.len());
        for (candidate, weight) in single {
            candidate.forecast(&self.history, floor);
            if !candidate.kind().is_naive() {
                made.push((&*candidate, weight));
            }
        }
        for (combination, _) in combined {
            combination.combine(made.iter().copied(), origin, floor);
        }
    }

    /// When the bin that comes next starts: the start of a forecast's first step.
    pub fn next_start_ms(&self) -> i64 {
        self.history.next_start_ms()
    }

    pub(crate) fn recent_error(&self, model: ModelKind) -> Option<RecentError> {
        self.scoreboard.recent_error(model)
    }

    /// The length of a bin.
    pub fn bin_ms(&self) -> i64 {
        self.settings.bin_ms
    }

    /// How many bytes of state there are, about.
    pub fn state_bytes(&self) -> usize {
        size_of::<Self>()
            + self.history.state_bytes()
            + self.scoreboard.state_bytes()
            + self.candidates.iter().map(Candidate::state_bytes).sum::<usize>()
    }
}

/// How far back errors are kept: with coarse bins so many that there still is a .99 quantile.
fn calibration_bins(seasons: Seasons, settings: &ForecastSettings) -> usize {
    (settings.calibration_days as usize * seasons.day_bins()).max(CALIBRATION_BINS_MIN)
}
