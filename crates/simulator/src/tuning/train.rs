//! The learner, and its rival.
//!
//! The days are played [`PASSES`] times over. **First** with the operator's own thresholds: what later
//! passes are compared with, day by day. **Then** a coarse grid over the two numbers that matter most, as
//! the rival plays it (a heuristic start: AWARE, Qiu et al., USENIX ATC 2023, found that it spares most bad
//! settings). **Then** with what the model thinks highest of, its doubts counting in favour, one choice
//! per pass, so that a choice is not blamed for the partitions that another left behind. Every day of
//! every pass is a reward in that day's context. **Last**, two rivals are left, the constant choice that
//! saved most and what the model chooses by the day's context, and a seeded draw says which has the day:
//! the doubly robust estimate of both comes from these days. The contextual one is taken only if it is
//! likely better. docs/tuning.md says what else was tried.
//!
//! [`grid`] plays as many passes with as many constant settings and takes the best.

use super::days::Days;
use super::{FORECASTERS_MAX, PASSES, TrainSettings};
use crate::error::SimulatorError;
use crate::random::Random;
use planner::tuning::bandit::{LinUcb, features};
use planner::tuning::doubly_robust::{Estimate, Logged, values};
use planner::tuning::{Context, Proposal, Thresholds};

/// Passes at the end that say which of two rivals is better.
const PASSES_DRAWN: usize = 4;
/// How much doubt counts in favour of a choice while it is looked for …
const CURIOSITY: f64 = 1.0;
/// … and against it when it counts.
const CAUTION: f64 = -1.0;

/// A smaller share of the cost is no reason to differ.
const SAVING_MIN: f64 = 0.001;

/// What was learnt of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    model: LinUcb,
    choices: Vec<Thresholds>,
    base: Thresholds,
    /// The constant choice that saved most.
    pub constant: Thresholds,
    /// Whether choices depend on the context.
    pub contextual: bool,
    /// What they save against the operator's thresholds, as a share of their cost.
    pub saving: Estimate,
    /// Days that were played.
    pub days_played: u32,
}

impl Trained {
    /// The thresholds for a day that begins like this.
    pub fn choose(&self, context: &Context) -> Thresholds {
        if self.contextual { self.by_context(context) } else { self.constant }
    }

    /// What the model thinks highest of in a context, doubts counting against it.
    pub fn by_context(&self, context: &Context) -> Thresholds {
        contextual(&self.model, &self.choices, self.base, self.constant, context)
    }

    /// The same as a proposal to the tuner.
    pub fn proposal(&self, context: Context) -> Proposal {
        let (saving, days_played) = (self.saving, self.days_played);
        Proposal { thresholds: self.choose(&context), context, days_played, saving }
    }
}

/// The context's choice among all; the constant one, if the model does not find another better even
/// with its doubts.
fn contextual(
    model: &LinUcb,
    choices: &[Thresholds],
    base: Thresholds,
    constant: Thresholds,
    context: &Context,
) -> Thresholds {
    let expected = |choice| model.expected(&features(choice, base, context));
    let best = model.best(choices, base, context, CAUTION).copied().unwrap_or(constant);
    let (other, known) = (expected(best), expected(constant));
    if other.mean + CAUTION * other.width > known.mean { best } else { constant }
}

/// A training under way.
struct Training<'a> {
    days: &'a Days,
    settings: &'a TrainSettings,
    base: Thresholds,
    /// What each day cost under the base, and the mean of it.
    costs: Vec<f64>,
    mean: f64,
    model: LinUcb,
    /// The constant choices tried, with what they saved by the day.
    tried: Vec<(Thresholds, Vec<f64>)>,
    passes: usize,
    /// Forecasters that others had built before.
    built_before: usize,
}

/// Learns thresholds for a table from its days.
///
/// # Errors
/// If a setting is out of its range.
pub fn train(days: &Days, settings: &TrainSettings) -> Result<Trained, SimulatorError> {
    settings.prices.validate()?;
    settings.pins.validate()?;
    let base = settings.pins.applied_to(days.base());
    let choices = settings.pins.choices(Thresholds::choices());
    let mut training = Training::begin(days, settings, base)?;
    let starts = settings.pins.choices(starts(base));
    for choice in starts.into_iter().filter(|choice| *choice != base) {
        training.constant(choice)?;
    }
    while training.may_go_on(PASSES - PASSES_DRAWN) {
        let Some(choice) = training.most_promising(&choices) else { break };
        training.constant(choice)?;
    }
    let constant = training.best_constant();
    let logged = training.draw(&choices, constant)?;
    Ok(training.conclude(choices, constant, &logged))
}

/// What the rival tries, but for the lead: a coarse grid over quantile and target.
fn starts(base: Thresholds) -> Vec<Thresholds> {
    let lead_ms = base.lead_ms;
    Thresholds::grid(base).into_iter().map(|choice| Thresholds { lead_ms, ..choice }).collect()
}

impl<'a> Training<'a> {
    fn begin(
        days: &'a Days,
        settings: &'a TrainSettings,
        base: Thresholds,
    ) -> Result<Self, SimulatorError> {
        let built_before = days.bank().forecasters();
        let costs = days.priced(&days.play(|_, _| base)?, &settings.prices);
        let mean = costs.iter().sum::<f64>() / costs.len() as f64;
        let saved = vec![0.0; costs.len()];
        let (model, tried) = (LinUcb::default(), vec![(base, saved)]);
        Ok(Self { days, settings, base, costs, mean, model, tried, passes: 1, built_before })
    }

    fn may_go_on(&self, passes: usize) -> bool {
        let built = self.days.bank().forecasters() - self.built_before;
        self.passes < passes && built < FORECASTERS_MAX
    }

    /// What a day saved against the base, as a share of what a day costs.
    fn saved(&self, day: usize, cost: f64) -> f64 {
        if self.mean > 0.0 { (self.costs[day] - cost) / self.mean } else { 0.0 }
    }

    /// Plays all days with one choice, and learns from each.
    fn constant(&mut self, choice: Thresholds) -> Result<(), SimulatorError> {
        if !self.may_go_on(PASSES) {
            return Ok(());
        }
        let costs = self.days.play(|_, _| choice)?;
        let costs = self.days.priced(&costs, &self.settings.prices);
        let saved: Vec<f64> =
            costs.iter().enumerate().map(|(day, &cost)| self.saved(day, cost)).collect();
        for (context, saved) in self.days.contexts().iter().zip(&saved) {
            self.model.learn(&features(choice, self.base, context), *saved);
        }
        self.tried.push((choice, saved));
        self.passes += 1;
        Ok(())
    }

    /// The choice not yet tried that is worth most over all days, doubts in its favour.
    fn most_promising(&self, choices: &[Thresholds]) -> Option<Thresholds> {
        let worth = |choice: Thresholds| {
            let of = |context| {
                let expected = self.model.expected(&features(choice, self.base, context));
                expected.mean + CURIOSITY * expected.width
            };
            self.days.contexts().iter().map(of).sum::<f64>()
        };
        let new = |choice: &&Thresholds| !self.tried.iter().any(|(tried, _)| tried == *choice);
        let values = choices.iter().filter(new).map(|choice| (*choice, worth(*choice)));
        values.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(choice, _)| choice)
    }

    /// Of what was tried, what saved most. The first of about equals: the base comes first, then what
    /// differs from it in one number.
    fn best_constant(&self) -> Thresholds {
        let mut best = (self.base, 0.0);
        for (choice, saved) in &self.tried {
            let saved = Estimate::of(saved).mean;
            if saved > best.1 + SAVING_MIN {
                best = (*choice, saved);
            }
        }
        best.0
    }

    /// Passes on which a draw says who has the day: the constant choice (0) or the context's (1).
    fn draw(
        &mut self,
        choices: &[Thresholds],
        constant: Thresholds,
    ) -> Result<Vec<Logged>, SimulatorError> {
        let mut logged = Vec::new();
        while self.may_go_on(PASSES) {
            let random = Random::new(self.settings.seed).of(self.passes as u64);
            // Nothing is learnt within the pass, so that no prediction has seen its day in it.
            let rivals: Vec<[Thresholds; 2]> = self
                .days
                .contexts()
                .iter()
                .map(|x| [constant, contextual(&self.model, choices, self.base, constant, x)])
                .collect();
            let drawn = |day: usize| random.of(day as u64).below(2) as usize;
            let costs = self.days.play(|day, _| rivals[day][drawn(day)])?;
            let costs = self.days.priced(&costs, &self.settings.prices);
            for (day, context) in self.days.contexts().iter().enumerate() {
                let seen = |choice| features(choice, self.base, context);
                let predicted = rivals[day].map(|choice| self.model.expected(&seen(choice)).mean);
                // If both want the same, it was certain.
                let same = rivals[day][0] == rivals[day][1];
                logged.push(Logged {
                    chosen: if same { 0 } else { drawn(day) },
                    propensity: if same { 1.0 } else { 0.5 },
                    reward: self.saved(day, costs[day]),
                    predicted: predicted.to_vec(),
                });
            }
            for (day, context) in self.days.contexts().iter().enumerate() {
                let made = rivals[day][drawn(day)];
                let reward = self.saved(day, costs[day]);
                self.model.learn(&features(made, self.base, context), reward);
            }
            self.passes += 1;
        }
        Ok(logged)
    }

    fn conclude(
        self,
        choices: Vec<Thresholds>,
        constant: Thresholds,
        logged: &[Logged],
    ) -> Trained {
        let of = |choice: usize| values(logged, |day| same_or(&logged[day], choice));
        let (fixed, by_context) = (of(0), of(1));
        let gains: Vec<f64> = by_context.iter().zip(&fixed).map(|(a, b)| a - b).collect();
        let contextual = Estimate::of(&gains).lower() > 0.0;
        let tried = self.tried.iter().find(|(choice, _)| *choice == constant);
        let saving = match contextual {
            true => Estimate::of(&by_context),
            // Played on every day, it needs no estimate.
            false => tried.map_or_else(Estimate::default, |(_, saved)| Estimate::of(saved)),
        };
        Trained {
            model: self.model,
            choices,
            base: self.base,
            constant,
            contextual,
            saving,
            days_played: (self.passes * self.costs.len()) as u32,
        }
    }
}

/// Where both rivals wanted the same, what one was worth the other was, too.
fn same_or(day: &Logged, choice: usize) -> usize {
    if day.propensity == 1.0 { 0 } else { choice }
}

/// Grid search with as many passes: the setting that cost least, and what it saved against the
/// operator's, as a share.
///
/// # Errors
/// If a setting is out of its range.
pub fn grid(days: &Days, settings: &TrainSettings) -> Result<(Thresholds, f64), SimulatorError> {
    let base = settings.pins.applied_to(days.base());
    let mut training = Training::begin(days, settings, base)?;
    for choice in settings.pins.choices(Thresholds::grid(base)).into_iter().take(PASSES) {
        if choice != base {
            training.constant(choice)?;
        }
    }
    let best = training.best_constant();
    let saved = training.tried.iter().find(|(choice, _)| *choice == best);
    Ok((best, saved.map_or(0.0, |(_, saved)| Estimate::of(saved).mean)))
}
