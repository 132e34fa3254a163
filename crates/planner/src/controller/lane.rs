//! The forecast of one measure of one partition: its reads, its writes, and what is told beside them.

use forecast::{
    Abstention, ForecastSettings, Network, Observation, Outlook, Series, SeriesForecaster,
};
use std::collections::VecDeque;
use std::sync::Arc;
use types::KeyRange;
use workload::{Channel, RateSeries, Timeline};

/// How much of a lane's past is kept beside its forecaster: a week and a few hours to look back to
/// "the hours after this moment, a week ago".
const KEPT_DAYS: usize = 8;
const DAY_MS: i64 = 24 * 3_600_000;

/// What a lane forecasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Read units per second.
    Reads,
    /// Write units per second.
    Writes,
    /// Bytes per request.
    BytesPerRequest,
    /// Read and write units of a bin's busiest second.
    PeakUnits,
}

impl Measure {
    /// Whether decisions depend on it: such a measure gets every method, others the light ones.
    fn is_rate(self) -> bool {
        matches!(self, Measure::Reads | Measure::Writes)
    }

    /// The measure of a range of keys, over the bins that begin at or after `from_ms`. Where a ratio
    /// has nothing to divide by, it is not known.
    fn series(self, history: &Timeline, range: &KeyRange, from_ms: i64) -> RateSeries {
        let of = |channel| history.series_from(range, channel, from_ms);
        match self {
            Measure::Reads => of(Channel::ReadUnits),
            Measure::Writes => of(Channel::WriteUnits),
            Measure::BytesPerRequest => {
                let mut bytes = of(Channel::Bytes);
                let both = bytes.values.iter_mut().zip(&mut bytes.known);
                for ((bytes, known), requests) in both.zip(of(Channel::Requests).values) {
                    *known &= requests > 0.0;
                    *bytes /= requests.max(f64::MIN_POSITIVE);
                }
                bytes
            }
            Measure::PeakUnits => {
                let mut units = of(Channel::ReadUnits);
                let others = of(Channel::WriteUnits).values;
                let ratios = of(Channel::PeakToMean).values;
                for ((units, other), ratio) in units.values.iter_mut().zip(others).zip(ratios) {
                    *units = (*units + other) * ratio;
                }
                units
            }
        }
    }
}

/// One measure of a partition: its forecaster, and the bins of the last eight days if it is a rate.
#[derive(Debug)]
pub(super) struct Lane {
    measure: Measure,
    state: State,
    outlook: Outlook,
    past: VecDeque<f32>,
    past_end_ms: i64,
    bin_ms: i64,
}

#[derive(Debug)]
enum State {
    /// The history has not been read yet.
    Unbuilt,
    /// Fed bin by bin. Boxed: up to 100 kB.
    Fed(Box<SeriesForecaster>),
    /// The forecaster refused; the outlook says why. Not tried again for this partition.
    Refused,
}

impl Lane {
    /// A lane that has no forecast yet.
    pub(super) fn new(measure: Measure, now_ms: i64) -> Self {
        Self {
            measure,
            state: State::Unbuilt,
            outlook: abstain(now_ms, "the history has not been read yet".into()),
            past: VecDeque::new(),
            past_end_ms: now_ms,
            bin_ms: 1,
        }
    }

    pub(super) fn outlook(&self) -> &Outlook {
        &self.outlook
    }

    pub(super) fn is_built(&self) -> bool {
        !matches!(self.state, State::Unbuilt)
    }

    /// Forecasts with the shared network, too, from now on. A network for other settings is left
    /// alone: the other methods go on.
    pub(super) fn adopt(&mut self, network: &Arc<Network>) {
        if let State::Fed(forecaster) = &mut self.state {
            let _foreign = forecaster.adopt(network);
        }
    }

    /// Reads the whole history of `range`.
    pub(super) fn build(
        &mut self,
        history: &Timeline,
        range: &KeyRange,
        settings: &ForecastSettings,
        network: Option<&Arc<Network>>,
    ) {
        let series = self.measure.series(history, range, history.start_ms());
        self.bin_ms = series.bin_ms;
        self.remember(&series);
        let values = known_values(&series).collect();
        let series = Series::new(series.start_ms, series.bin_ms, values);
        let built = match network {
            _ if !self.measure.is_rate() => SeriesForecaster::light_from_history(&series, settings),
            Some(network) => SeriesForecaster::from_history_with(&series, settings, network),
            None => SeriesForecaster::from_history(&series, settings),
        };
        match built {
            Ok(forecaster) => {
                self.outlook = forecaster.forecast(settings.horizon_steps);
                self.state = State::Fed(Box::new(forecaster));
            }
            Err(error) => self.refuse(history.end_ms(), error),
        }
    }

    /// Takes the bins that have closed since; says whether there were any.
    pub(super) fn feed(
        &mut self,
        history: &Timeline,
        range: &KeyRange,
        settings: &ForecastSettings,
    ) -> bool {
        let State::Fed(forecaster) = &mut self.state else {
            return false;
        };
        let from_ms = forecaster.next_start_ms();
        if history.end_ms() < from_ms + settings.bin_ms {
            return false;
        }
        let series = self.measure.series(history, range, from_ms);
        let mut start_ms = series.start_ms;
        for value in known_values(&series) {
            if let Err(error) = forecaster.push_at(start_ms, Observation::from(value)) {
                self.refuse(start_ms, error);
                return true;
            }
            start_ms += series.bin_ms;
        }
        self.outlook = forecaster.forecast(settings.horizon_steps);
        self.remember(&series);
        true
    }

    /// The highest bin that begins in `from_ms..to_ms`; `None` if not all of that time is kept.
    pub(super) fn highest(&self, from_ms: i64, to_ms: i64) -> Option<f64> {
        let start_ms = self.past_end_ms - self.bin_ms * self.past.len() as i64;
        if from_ms < start_ms || to_ms > self.past_end_ms || self.past.is_empty() {
            return None;
        }
        let first = ((from_ms - start_ms) / self.bin_ms) as usize;
        let count = ((to_ms - from_ms) / self.bin_ms).max(1) as usize;
        Some(highest(self.past.iter().skip(first).take(count)))
    }

    /// The highest bin of the last day, as far as it is known.
    pub(super) fn highest_of_day(&self) -> f64 {
        let bins = (DAY_MS / self.bin_ms).max(1) as usize;
        highest(self.past.iter().rev().take(bins))
    }

    fn refuse(&mut self, at_ms: i64, error: forecast::ForecastError) {
        self.outlook = abstain(at_ms, format!("the forecaster refuses the history: {error}"));
        self.state = State::Refused;
    }

    fn remember(&mut self, series: &RateSeries) {
        if !self.measure.is_rate() {
            return;
        }
        let kept = KEPT_DAYS * (DAY_MS / self.bin_ms) as usize;
        self.past.extend(series.values.iter().map(|&value| value as f32));
        self.past.drain(..self.past.len().saturating_sub(kept));
        self.past_end_ms = series.start_ms + series.bin_ms * series.values.len() as i64;
    }
}

fn highest<'a>(past: impl Iterator<Item = &'a f32>) -> f64 {
    f64::from(past.copied().fold(0.0, f32::max))
}

/// The values with unknown ones as NaN, which is how the forecaster wants its gaps.
fn known_values(series: &RateSeries) -> impl Iterator<Item = f64> + '_ {
    let value = |(&value, &known): (&f64, &bool)| if known { value } else { f64::NAN };
    series.values.iter().zip(&series.known).map(value)
}

fn abstain(start_ms: i64, reason: String) -> Outlook {
    Outlook::Abstain(Abstention { start_ms, reason, level: None })
}
