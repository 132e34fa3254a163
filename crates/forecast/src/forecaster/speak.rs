//! What a forecaster says when it is asked, and in which words.

use super::{SeriesForecaster, TRIED};
use crate::outlook::{Abstention, Forecast, ModelKind, ModelScore, Outlook, Step};
use crate::scoreboard::Verdict;

impl SeriesForecaster {
    /// What is known of the next `horizon_steps` bins, at most the settings' `horizon_steps`.
    pub fn forecast(&self, horizon_steps: usize) -> Outlook {
        if let Some(reason) = self.too_little_seen() {
            return self.abstain(reason);
        }
        match self.scoreboard.verdict() {
            Verdict::TooEarly { bins_needed } => self.abstain(format!(
                "no model has been tried long enough: {bins_needed} forecast bins are needed"
            )),
            Verdict::NothingToKnow { best, ratio, bins } => {
                let bar = 1.0 - self.settings.gate_margin;
                let why = if ratio <= bar { "by chance, as it seems" } else { "hardly less" };
                self.abstain(format!(
                    "nothing to know about timing: over the last {bins} bins the best model, \
                     {best}, lost {} % of what constant quantiles lose, {why}",
                    percent(ratio),
                ))
            }
            Verdict::Speak { model } => match self.spoken(model, horizon_steps) {
                Some(forecast) => Outlook::Forecast(forecast),
                None => self.abstain(format!("{model} has no forecast for the next bins")),
            },
        }
    }

    fn too_little_seen(&self) -> Option<String> {
        let day = self.history.seasons().day_bins();
        let (seen, needed) =
            (self.history.bins_total(), u64::from(self.settings.history_days_min) * day as u64);
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
        Outlook::Abstain(Abstention { start_ms: self.next_start_ms(), reason, level: self.level })
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
        Some(Forecast { start_ms, bin_ms, steps, model, reason, recent_error })
    }

    /// What one model says, whatever the gate thinks of it; `None` while it cannot.
    pub fn model_forecast(&self, model: ModelKind, horizon_steps: usize) -> Option<Vec<Step>> {
        if model == ModelKind::Climatology {
            return Some(vec![self.level?; horizon_steps.min(self.settings.horizon_steps)]);
        }
        let candidate = self.candidates.iter().find(|it| it.kind() == model)?;
        candidate.latest(self.history.bins_total(), horizon_steps, self.floor)
    }

    /// How every model did lately, best first.
    pub fn scores(&self) -> Vec<ModelScore> {
        let score = |&model: &ModelKind| {
            Some(ModelScore { model, recent_error: self.scoreboard.recent_error(model)? })
        };
        let mut scores: Vec<ModelScore> = TRIED.iter().filter_map(score).collect();
        scores.sort_by(|a, b| a.recent_error.pinball.total_cmp(&b.recent_error.pinball));
        scores
    }
}

fn percent(ratio: f64) -> String {
    if ratio.is_finite() { format!("{:.0}", 100.0 * ratio) } else { "over 100".into() }
}
