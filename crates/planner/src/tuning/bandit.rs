//! A contextual bandit: linear upper confidence bounds, over thresholds and context at once.
//!
//! LinUCB (Li, Chu, Langford and Schapire, *A contextual-bandit approach to personalized news article
//! recommendation*, WWW 2010) with one model for all choices: the reward of thresholds `a` in context
//! `x` is taken to be linear in [`features`], which hold the thresholds' coordinates, some of their
//! products, and their products with the context. What one choice shows so says something about its
//! neighbours, which hundreds of choices and two weeks of days need. All features of the base thresholds
//! are zero: their reward is zero by definition, and every other is a saving against them.
//! How uncertain an estimate is, is scaled by how wrong the estimates so far were. Deterministic.

use super::context::{Context, FEATURES as CONTEXT};
use super::thresholds::Thresholds;
use serde::{Deserialize, Serialize};

/// How many features a choice has.
pub const FEATURES: usize = 11 + 3 * CONTEXT;
/// Rewards below this count as this: one terrible day must not drown all others.
pub const REWARD_MIN: f64 = -2.0;
/// No choice can save more than everything.
pub const REWARD_MAX: f64 = 1.0;

/// The weight of the prior: that a feature makes no difference. As a feature is at most about 1, that of a
/// few days' evidence.
const RIDGE: f64 = 1.0;
/// The same for products with the context: that thresholds are worth the same on all days, until shown.
const RIDGE_CONTEXT: f64 = 4.0;
/// The least an estimate is taken to be uncertain.
const NOISE_MIN: f64 = 0.01;

/// What the model sees of a choice in a context.
pub fn features(choice: Thresholds, base: Thresholds, context: &Context) -> [f64; FEATURES] {
    let z = choice.coordinates(base);
    let [quantile, lead, target, ..] = z;
    let mut all = [0.0; FEATURES];
    all[..5].copy_from_slice(&z);
    all[5..11].copy_from_slice(&[
        quantile * quantile,
        lead * lead,
        target * target,
        quantile * target,
        quantile * lead,
        lead * target,
    ]);
    let context = context.features();
    let products = [quantile, lead, target].into_iter().flat_map(|z| context.map(|x| z * x));
    for (place, product) in all[11..].iter_mut().zip(products) {
        *place = product;
    }
    all
}

/// An estimated reward, and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// The reward.
    pub mean: f64,
    /// How uncertain that is.
    pub width: f64,
}

/// The model: a ridge regression that is updated reward by reward.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinUcb {
    /// The inverse of the Gram matrix, row by row.
    inverse: Vec<f64>,
    /// Features times rewards.
    moments: Vec<f64>,
    weights: Vec<f64>,
    errors_squared: f64,
    rewards: u32,
}

impl Default for LinUcb {
    fn default() -> Self {
        let mut inverse = vec![0.0; FEATURES * FEATURES];
        for at in 0..FEATURES {
            let ridge = if at < 11 { RIDGE } else { RIDGE_CONTEXT };
            inverse[at * FEATURES + at] = 1.0 / ridge;
        }
        Self {
            inverse,
            moments: vec![0.0; FEATURES],
            weights: vec![0.0; FEATURES],
            errors_squared: 0.0,
            rewards: 0,
        }
    }
}

impl LinUcb {
    /// Takes in a reward, brought within the bounds; one that is no number counts as the lowest.
    pub fn learn(&mut self, features: &[f64; FEATURES], reward: f64) {
        let lowest = if reward.is_nan() { REWARD_MIN } else { reward };
        let reward = lowest.clamp(REWARD_MIN, REWARD_MAX);
        self.errors_squared += (reward - self.expected(features).mean).powi(2);
        self.rewards += 1;
        // Sherman and Morrison: the inverse after one more row.
        let along = self.times(features);
        let scale = 1.0 / (1.0 + dot(features, &along));
        for (row, left) in self.inverse.chunks_exact_mut(FEATURES).zip(along) {
            row.iter_mut().zip(&along).for_each(|(cell, right)| *cell -= scale * left * right);
        }
        self.moments.iter_mut().zip(features).for_each(|(sum, x)| *sum += x * reward);
        self.weights = self.inverse.chunks_exact(FEATURES).map(|r| dot(r, &self.moments)).collect();
    }

    /// What a choice is expected to bring.
    pub fn expected(&self, features: &[f64; FEATURES]) -> Expected {
        let variance = dot(features, &self.times(features)).max(0.0);
        Expected { mean: dot(&self.weights, features), width: self.noise() * variance.sqrt() }
    }

    /// The choice with the highest mean plus `confidence` widths; the first of equals. Zero is greedy,
    /// above zero explores, below zero is cautious. `None` if there is no choice.
    pub fn best<'a>(
        &self,
        choices: &'a [Thresholds],
        base: Thresholds,
        context: &Context,
        confidence: f64,
    ) -> Option<&'a Thresholds> {
        let mut best: Option<(&Thresholds, f64)> = None;
        for choice in choices {
            let expected = self.expected(&features(*choice, base, context));
            let value = expected.mean + confidence * expected.width;
            if best.is_none_or(|(_, highest)| value > highest) {
                best = Some((choice, value));
            }
        }
        best.map(|(choice, _)| choice)
    }

    /// How wrong the estimates were, and a unit of doubt before there were any.
    fn noise(&self) -> f64 {
        let mean = (self.errors_squared + 1.0) / f64::from(self.rewards + 4);
        mean.sqrt().max(NOISE_MIN)
    }

    fn times(&self, features: &[f64; FEATURES]) -> [f64; FEATURES] {
        let mut product = [0.0; FEATURES];
        let rows = self.inverse.chunks_exact(FEATURES);
        product.iter_mut().zip(rows).for_each(|(cell, row)| *cell = dot(row, features));
        product
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::PlannerSettings;
    use forecast::Quantile;

    fn base() -> Thresholds {
        Thresholds::of(&PlannerSettings::default())
    }

    /// Fuller partitions pay on days that are well foreseen, and cost on others.
    fn world(choice: Thresholds, context: &Context) -> f64 {
        let z = choice.coordinates(base());
        z[2] * (context.accuracy - 0.5) - 0.3 * z[2] * z[2] + if z[0] > 0.5 { -0.2 } else { 0.0 }
    }

    #[test]
    fn it_finds_what_pays_in_which_context() {
        let choices = Thresholds::choices();
        let mut model = LinUcb::default();
        let day = |accuracy| Context { accuracy, ..Context::default() };
        for number in 0..200 {
            let context = day(f64::from(number % 2));
            let choice = *model.best(&choices, base(), &context, 1.0).unwrap();
            model.learn(&features(choice, base(), &context), world(choice, &context));
        }
        let best = |accuracy| *model.best(&choices, base(), &day(accuracy), 0.0).unwrap();
        assert!(best(1.0).target_utilisation > base().target_utilisation, "{:?}", best(1.0));
        assert!(best(0.0).target_utilisation < base().target_utilisation, "{:?}", best(0.0));
        assert_ne!(best(1.0).quantile, Quantile::Q99);
    }

    #[test]
    fn the_base_is_worth_nothing_whatever_was_learnt() {
        let mut model = LinUcb::default();
        let context = Context { trend: 1.0, ..Context::default() };
        let other = Thresholds { lead_ms: 300_000, ..base() };
        model.learn(&features(other, base(), &context), 1.0);
        let expected = model.expected(&features(base(), base(), &context));
        assert_eq!((expected.mean, expected.width), (0.0, 0.0));
        assert!(model.expected(&features(other, base(), &context)).mean > 0.0);
    }

    #[test]
    fn evidence_narrows_what_it_is_about() {
        let mut model = LinUcb::default();
        let context = Context::default();
        let of = |choice| features(choice, base(), &context);
        let tried = Thresholds { target_utilisation: 0.6, ..base() };
        let other = Thresholds { cooldown_ms: 1_800_000, ..base() };
        let before = model.expected(&of(tried)).width;
        (0..5).for_each(|_| model.learn(&of(tried), 0.0));
        let (seen, unseen) = (model.expected(&of(tried)).width, model.expected(&of(other)).width);
        assert!(seen < before / 2.0 && seen < unseen, "{before} {seen} {unseen}");
    }

    #[test]
    fn rewards_are_bounded_whatever_they_are() {
        let context = Context::default();
        let tried = features(Thresholds { lead_ms: 300_000, ..base() }, base(), &context);
        for reward in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            let mut model = LinUcb::default();
            (0..100).for_each(|_| model.learn(&tried, reward));
            let expected = model.expected(&tried);
            assert!((REWARD_MIN..=REWARD_MAX).contains(&expected.mean), "{reward}: {expected:?}");
            assert!(expected.width.is_finite());
        }
    }
}
