//! What choices would have been worth on days on which others were made.
//!
//! The doubly robust estimator (Dudík, Langford and Li, *Doubly robust policy evaluation and learning*,
//! ICML 2011): the model's word for the day, corrected by how wrong the model was whenever the choice
//! in question happened to be the one that was made, weighted by how likely that was. It is unbiased
//! if either the model or the likelihoods are right. Here the likelihoods are known, because days are
//! drawn; and each day's prediction must come from a model that had not seen that day.

use serde::{Deserialize, Serialize};

/// A day on which one of several choices was drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Logged {
    /// Which of them.
    pub chosen: usize,
    /// How likely that was.
    pub propensity: f64,
    /// What it brought.
    pub reward: f64,
    /// What the model had said of each, before.
    pub predicted: Vec<f64>,
}

/// A mean with its uncertainty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Of how many days.
    pub days: u32,
}

/// Of a normal distribution, 95 % lie above −1.645 deviations.
const ONE_SIDED_95: f64 = 1.645;

impl Estimate {
    /// The mean of values, and its uncertainty from their spread.
    pub fn of(values: &[f64]) -> Self {
        let days = values.len() as f64;
        if values.is_empty() {
            return Self::default();
        }
        let mean = values.iter().sum::<f64>() / days;
        let spread: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        // One day says nothing about the spread of days.
        let standard_error =
            if days > 1.0 { (spread / (days - 1.0) / days).sqrt() } else { f64::MAX };
        Self { mean, standard_error, days: values.len() as u32 }
    }

    /// What the mean exceeds with 95 % confidence.
    pub fn lower(&self) -> f64 {
        self.mean - ONE_SIDED_95 * self.standard_error
    }
}

/// Day by day, what the choice with this number (which may depend on the day) was worth.
pub fn values(days: &[Logged], choice: impl Fn(usize) -> usize) -> Vec<f64> {
    let of = |(number, day): (usize, &Logged)| {
        let wanted = choice(number);
        let model = day.predicted.get(wanted).copied().unwrap_or(0.0);
        let made = wanted == day.chosen && day.propensity > 0.0;
        let error = if made { (day.reward - model) / day.propensity } else { 0.0 };
        model + error
    };
    days.iter().enumerate().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two choices worth .1 and .3, drawn with 1/4 and 3/4; the model believes what it is told.
    fn days(model: [f64; 2]) -> Vec<Logged> {
        let day = |number: usize| {
            let chosen = usize::from(!number.is_multiple_of(4));
            Logged {
                chosen,
                propensity: [0.25, 0.75][chosen],
                reward: [0.1, 0.3][chosen] + if number % 8 < 4 { 0.01 } else { -0.01 },
                predicted: model.to_vec(),
            }
        };
        (0..400).map(day).collect()
    }

    #[test]
    fn a_wrong_model_is_corrected_by_known_likelihoods() {
        for model in [[0.1, 0.3], [9.0, -9.0], [0.0, 0.0]] {
            for (choice, worth) in [(0, 0.1), (1, 0.3)] {
                let estimate = Estimate::of(&values(&days(model), |_| choice));
                assert!((estimate.mean - worth).abs() < 1e-9, "{model:?} {estimate:?}");
            }
        }
    }

    #[test]
    fn a_good_model_makes_it_certain() {
        let error = |model| Estimate::of(&values(&days(model), |_| 0)).standard_error;
        assert!(error([0.1, 0.3]) < error([0.9, 0.3]) / 10.0);
    }

    #[test]
    fn one_day_or_none_proves_nothing() {
        assert!(Estimate::of(&[1.0]).lower() < 0.0);
        assert_eq!(Estimate::of(&[]).lower(), 0.0);
        assert!(Estimate::of(&[0.2, 0.2, 0.2]).lower() > 0.19);
    }
}
