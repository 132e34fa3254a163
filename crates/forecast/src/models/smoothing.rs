//! The rivals everybody knows: exponential smoothing (R. Hyndman et al., *Forecasting with exponential
//! smoothing*, 2008), alone and after MSTL has taken the day away (K. Bandara, R. Hyndman and C.
//! Bergmeir, 2021), by the `augurs` crates, which follow R's and Python's `statsforecast`.
//!
//! They are there to be compared with in backtests. The service does not try them: a fit takes a
//! hundred times what all other methods take together, and has to be done anew at every bin.

use crate::outlook::{ModelKind, Step};
use crate::seasons::Seasons;
use crate::{ForecastError, ForecastSettings, Observation, Series};
use augurs_core::{Fit as _, Predict as _};
use augurs_ets::trend::AutoETSTrendModel;
use augurs_ets::{AutoETS, FittedAutoETS};
use augurs_mstl::{FittedMSTLModel, MSTLModel};

/// The two-sided intervals whose upper ends are the .9 and the .99 quantile.
const LEVELS: [f64; 2] = [0.8, 0.98];

/// One of them, fitted.
#[derive(Debug)]
pub(super) enum Smoothed {
    Plain(FittedAutoETS),
    Seasonal(FittedMSTLModel),
}

/// Fits one of the two; `None` if there is too little to fit, or nothing that varies.
pub(super) fn fit(
    kind: ModelKind,
    series: &Series,
    settings: &ForecastSettings,
) -> Result<Option<Smoothed>, ForecastError> {
    settings.validate()?;
    let day = Seasons::new(series.bin_ms)?.day_bins();
    let values = filled(&series.values, day);
    if values.len() < 2 * day {
        return Ok(None);
    }
    let smoothing = AutoETS::non_seasonal();
    Ok(match kind {
        ModelKind::MstlEts => MSTLModel::new(vec![day], AutoETSTrendModel::from(smoothing))
            .fit(&values)
            .ok()
            .map(Smoothed::Seasonal),
        _ => smoothing.fit(&values).ok().map(Smoothed::Plain),
    })
}

/// The values, a gap being as a day before, or nothing.
fn filled(values: &[f64], day: usize) -> Vec<f64> {
    let mut filled: Vec<f64> = Vec::with_capacity(values.len());
    for (at, &value) in values.iter().enumerate() {
        filled.push(match Observation::from(value) {
            Observation::Value(value) => value,
            Observation::Gap => at.checked_sub(day).map_or(0.0, |before| filled[before]),
        });
    }
    filled
}

impl Smoothed {
    /// Finite, non-negative steps; `None` if the method fails.
    pub(super) fn predict(&self, steps: usize) -> Option<Vec<Step>> {
        let [inner, outer] = LEVELS.map(|level| match self {
            Smoothed::Plain(model) => model.predict(steps, Some(level)).ok(),
            Smoothed::Seasonal(model) => model.predict(steps, Some(level)).ok(),
        });
        let (inner, outer) = (inner?, outer?);
        let (q90, q99) = (inner.intervals?.upper, outer.intervals?.upper);
        let step = |at: usize| {
            let point = inner.point[at].max(0.0);
            let q90 = q90[at].max(point);
            Step { point, q50: point, q90, q99: q99[at].max(q90) }
        };
        let finite = |step: &Step| step.q50.is_finite() && step.q99.is_finite();
        let steps: Vec<Step> = (0..steps).map(step).collect();
        steps.iter().all(finite).then_some(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fit, Predict};

    const DAY: usize = 288;

    /// A batch at noon.
    fn series(bins: usize) -> Series {
        let value = |at: usize| {
            let batch = (DAY / 2..DAY / 2 + 24).contains(&(at % DAY));
            if batch { 500.0 } else { 100.0 + (at * 7 % 13) as f64 }
        };
        Series::new(0, 300_000, (0..bins).map(value).collect())
    }

    #[test]
    fn with_its_day_it_knows_the_next_hour_and_without_it_does_not() {
        let settings = ForecastSettings::default();
        let (all, known) = (series(9 * DAY), series(8 * DAY + DAY / 2));
        let error = |kind: ModelKind| {
            let forecast = kind.fit(&known, &settings).unwrap().predict(12).unwrap();
            assert_eq!((forecast.start_ms, forecast.model), (known.end_ms(), kind));
            let pairs = forecast.steps.iter().zip(&all.values[known.len()..]);
            pairs.map(|(step, value)| (step.q50 - value).abs()).sum::<f64>() / 12.0
        };
        let (seasonal, plain) = (error(ModelKind::MstlEts), error(ModelKind::AutoEts));
        assert!(seasonal < 40.0 && plain > 200.0, "{seasonal} {plain}");
    }

    #[test]
    fn too_little_and_gaps_are_no_panic() {
        let settings = ForecastSettings::default();
        for kind in [ModelKind::AutoEts, ModelKind::MstlEts] {
            assert!(kind.fit(&series(DAY), &settings).is_err());
            let mut gaps = series(4 * DAY);
            gaps.values[300..500].fill(f64::NAN);
            gaps.values[700] = -1.0;
            assert!(kind.fit(&gaps, &settings).unwrap().predict(12).is_ok());
        }
    }
}
