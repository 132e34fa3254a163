//! One series, fed bin by bin: all methods on trial, one of them speaking, or none.
//!
//! A push settles the forecasts that had been made for the bin, lets every method take it, and
//! makes the forecasts of the new origin; asking for a forecast then only scales quantiles. Costly
//! work is spread: the regression is solved once an hour, quantiles are brought up to date one
//! step per push. Starting from a history replays it through the same code, at a coarser schedule
//! and with forecasts only where their errors will matter, so that the scoreboard is full at once.

mod replay;

use crate::candidate::{Candidate, pinball};
use crate::history::History;
use crate::models::{Machine, climatology};
use crate::outlook::{Abstention, Forecast, ModelKind, ModelScore, Outlook, RecentError, Step};
use crate::scoreboard::{Scoreboard, Verdict};
use crate::seasons::Seasons;
use crate::{ForecastError, ForecastSettings, Observation};

/// The methods on trial.
const TRIED: [ModelKind; 5] = [
    ModelKind::LastValue,
    ModelKind::SeasonalNaiveDay,
    ModelKind::SeasonalNaiveWeek,
    ModelKind::ProfileLevel,
    ModelKind::Ridge,
];
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

/// Forecasts one series. State is bounded: about 110 kB at 5-minute bins and 12 steps.
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
    scratch: Vec<i16>,
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
            Some(Candidate::new(
                kind,
                machine,
                steps,
                calibration_bins,
                decision,
            ))
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
            scratch: Vec::new(),
        })
    }

    /// Takes the next bin.
    pub fn push(&mut self, observation: impl Into<Observation>) {
        self.take(observation.into(), Duty::Live);
        self.refresh_some();
    }

    /// Takes the bin that starts at `start_ms`; bins that were skipped are gaps.
    pub fn push_at(
        &mut self,
        start_ms: i64,
        observation: impl Into<Observation>,
    ) -> Result<(), ForecastError> {
        let ahead_ms = start_ms - self.next_start_ms();
        if ahead_ms < 0 {
            return Err(ForecastError::OutOfOrder {
                start_ms,
                next_ms: self.next_start_ms(),
            });
        }
        let skipped = ahead_ms / self.settings.bin_ms;
        let retained = 14 * self.history.seasons().day_bins() as i64;
        if skipped > retained {
            // Nothing that is known reaches across such a hole.
            let fresh = Self::new(start_ms, &self.settings)?;
            *self = fresh;
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
        let outcomes = self
            .candidates
            .iter_mut()
            .map(|it| it.settle(bin, value, floor));
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
        self.candidates
            .iter_mut()
            .for_each(|it| it.machine_mut().refit(&self.history));
    }

    fn calibration_bins(&self) -> usize {
        calibration_bins(self.history.seasons(), &self.settings)
    }

    fn refresh_all(&mut self) {
        for candidate in &mut self.candidates {
            candidate.refresh_all(&mut self.scratch);
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
                candidate.refresh(step, &mut self.scratch);
            }
            self.next_turn = (self.next_turn + 1) % turns.max(1);
        }
    }

    fn make_forecasts(&mut self) {
        for candidate in &mut self.candidates {
            candidate.forecast(&self.history, self.floor);
        }
    }

    /// When the bin that comes next starts: the start of a forecast's first step.
    pub fn next_start_ms(&self) -> i64 {
        self.history.next_start_ms()
    }

    /// What is known of the next `horizon_steps` bins, at most the settings' `horizon_steps`.
    pub fn forecast(&self, horizon_steps: usize) -> Outlook {
        if let Some(reason) = self.too_little_seen() {
            return self.abstain(reason);
        }
        match self.scoreboard.verdict() {
            Verdict::TooEarly { bins_needed } => self.abstain(format!(
                "no model has been tried long enough: {bins_needed} forecast bins are needed"
            )),
            Verdict::NothingToKnow { best, ratio, bins } => self.abstain(format!(
                "nothing to know about timing: over the last {bins} bins the best model, {best}, \
                 had {} % of the loss of constant quantiles, and {:.0} % is the bar",
                percent(ratio),
                100.0 * (1.0 - self.settings.gate_margin),
            )),
            Verdict::Speak { model } => match self.spoken(model, horizon_steps) {
                Some(forecast) => Outlook::Forecast(forecast),
                None => self.abstain(format!("{model} has no forecast for the next bins")),
            },
        }
    }

    fn too_little_seen(&self) -> Option<String> {
        let day = self.history.seasons().day_bins();
        let (seen, needed) = (
            self.history.bins_total(),
            u64::from(self.settings.history_days_min) * day as u64,
        );
        if seen < needed {
            let hours = |bins: u64| bins as f64 * 24.0 / day as f64;
            return Some(format!(
                "too little history: {:.1} hours of the {:.0} that are needed",
                hours(seen),
                hours(needed)
            ));
        }
        let last_day = self.history.seen_of_last(day);
        (last_day * 2 < day).then(|| {
            format!("too many gaps: only {last_day} of the last day's {day} bins were seen")
        })
    }

    fn abstain(&self, reason: String) -> Outlook {
        Outlook::Abstain(Abstention {
            start_ms: self.next_start_ms(),
            reason,
            level: self.level,
        })
    }

    fn spoken(&self, model: ModelKind, horizon_steps: usize) -> Option<Forecast> {
        let steps = self.model_forecast(model, horizon_steps)?;
        let recent_error = self.scoreboard.recent_error(model)?;
        let against = |rival: f64| percent(recent_error.pinball / rival);
        let naive = match recent_error.seasonal_naive {
            Some(naive) if naive > 0.0 => {
                format!("{} % of the seasonal naive's and ", against(naive))
            }
            _ => String::new(),
        };
        let reason = format!(
            "{model}: over the last {} bins its loss at the {} quantile was {naive}{} % of constant \
             quantiles'",
            recent_error.bins,
            self.settings.decision_quantile.level(),
            against(recent_error.climatology),
        );
        let (start_ms, bin_ms) = (self.next_start_ms(), self.settings.bin_ms);
        Some(Forecast {
            start_ms,
            bin_ms,
            steps,
            model,
            reason,
            recent_error,
        })
    }

    /// What one model says, whatever the gate thinks of it; `None` while it cannot.
    pub fn model_forecast(&self, model: ModelKind, horizon_steps: usize) -> Option<Vec<Step>> {
        if model == ModelKind::Climatology {
            return Some(vec![
                self.level?;
                horizon_steps.min(self.settings.horizon_steps)
            ]);
        }
        let candidate = self.candidates.iter().find(|it| it.kind() == model)?;
        candidate.latest(self.history.bins_total(), horizon_steps, self.floor)
    }

    pub(crate) fn recent_error(&self, model: ModelKind) -> Option<RecentError> {
        self.scoreboard.recent_error(model)
    }

    /// The length of a bin.
    pub fn bin_ms(&self) -> i64 {
        self.settings.bin_ms
    }

    /// How every model did lately, best first.
    pub fn scores(&self) -> Vec<ModelScore> {
        let score = |&model: &ModelKind| {
            Some(ModelScore {
                model,
                recent_error: self.scoreboard.recent_error(model)?,
            })
        };
        let mut scores: Vec<ModelScore> = TRIED.iter().filter_map(score).collect();
        scores.sort_by(|a, b| a.recent_error.pinball.total_cmp(&b.recent_error.pinball));
        scores
    }

    /// How many bytes of state there are, about.
    pub fn state_bytes(&self) -> usize {
        size_of::<Self>()
            + self.history.state_bytes()
            + self.scoreboard.state_bytes()
            + self.scratch.capacity() * size_of::<i16>()
            + self
                .candidates
                .iter()
                .map(Candidate::state_bytes)
                .sum::<usize>()
    }
}

/// How far back errors are kept: with coarse bins so many that there still is a .99 quantile.
fn calibration_bins(seasons: Seasons, settings: &ForecastSettings) -> usize {
    (settings.calibration_days as usize * seasons.day_bins()).max(CALIBRATION_BINS_MIN)
}

fn percent(ratio: f64) -> String {
    if ratio.is_finite() {
        format!("{:.0}", 100.0 * ratio)
    } else {
        "over 100".into()
    }
}
