//! Days of a case: their contexts, and playing them with thresholds that change by the day.

use crate::case::Case;
use crate::error::SimulatorError;
use crate::matrix::{CELLS, Kind};
use crate::minutes::{Bank, PlaySettings, Session, Sight};
use crate::policies::planner_settings;
use ::workload::HISTORY_BIN_MS;
use forecast::Outlook;
use planner::tuning::{Context, DayCost, Prices, Thresholds};
use planner::{PlannerSettings, Predictive};
use std::ops::Range;
use std::sync::Arc;

pub(super) const DAY_MS: i64 = 24 * 3_600_000;
const DAY_BINS: usize = (DAY_MS / HISTORY_BIN_MS) as usize;

/// Whole days of a case, with all that is shared between those who play them.
pub struct Days {
    case: Case,
    settings: PlaySettings,
    ours: PlannerSettings,
    bank: Bank,
    contexts: Vec<Context>,
    /// Asked after each day that was played whether to go on.
    pace: Pace,
}

/// Says whether to go on; may rest before it answers.
pub type Pace = Arc<dyn Fn() -> bool + Send + Sync>;

impl Days {
    /// The whole days between the case's start and end.
    pub fn new(case: Case, settings: PlaySettings) -> Result<Self, SimulatorError> {
        let count = ((case.end_ms - case.start_ms) / DAY_MS).max(0) as usize;
        if count == 0 {
            return Err(SimulatorError::NoEvents("for a whole day beside the history"));
        }
        let case = Case { end_ms: case.start_ms + count as i64 * DAY_MS, ..case };
        let bank = Bank::new(&case.matrix, case.start_ms, &settings.controller)?;
        let start_ms = case.start_ms;
        let contexts = (0..count).map(|day| context(&bank, start_ms + day as i64 * DAY_MS));
        let contexts = contexts.collect();
        let pace: Pace = Arc::new(|| true);
        Ok(Self { ours: planner_settings(&settings), case, settings, bank, contexts, pace })
    }

    /// The same days, played at this pace.
    pub fn paced(self, pace: &Pace) -> Self {
        Self { pace: pace.clone(), ..self }
    }

    /// The last days of a case's history: what thresholds for its first moment may be learnt from.
    /// Fewer than `count` if two days of history are not left before them.
    pub fn before(
        case: &Case,
        count: usize,
        settings: PlaySettings,
    ) -> Result<Self, SimulatorError> {
        let known = (case.start_ms - case.matrix.start_ms()) / DAY_MS - 2;
        let count = (count as i64).min(known);
        if count < super::DAYS_MIN as i64 {
            return Err(SimulatorError::NoEvents("for the five days that tuning takes at least"));
        }
        let mut matrix = case.matrix.clone();
        matrix.cut(case.start_ms);
        let start_ms = case.start_ms - count * DAY_MS;
        Self::new(Case { matrix, start_ms, end_ms: case.start_ms, ..case.clone() }, settings)
    }

    /// What is known when each day begins.
    pub fn contexts(&self) -> &[Context] {
        &self.contexts
    }

    /// What is known at the end of the last day.
    pub fn coming(&self) -> Context {
        context(&self.bank, self.case.end_ms)
    }

    /// Whether there is no forecast at the end of the last day.
    pub fn abstains(&self) -> bool {
        let end = self.bank.bins().closed(self.case.end_ms);
        outlooks(&self.bank, end).iter().all(|outlook| matches!(**outlook, Outlook::Abstain(_)))
    }

    /// The operator's thresholds.
    pub fn base(&self) -> Thresholds {
        Thresholds::of(&self.ours)
    }

    /// The case.
    pub fn case(&self) -> &Case {
        &self.case
    }

    /// The forecasts.
    pub fn bank(&self) -> &Bank {
        &self.bank
    }

    /// How days are played.
    pub fn settings(&self) -> &PlaySettings {
        &self.settings
    }

    /// What each day cost, in the currency of the prices.
    pub fn priced(&self, days: &[DayCost], prices: &Prices) -> Vec<f64> {
        days.iter().map(|day| prices.cost(day, self.case.capacity)).collect()
    }

    /// Plays all days one after the other with the thresholds that `choose` gives for each when it
    /// begins; says what each cost.
    pub fn play(
        &self,
        mut choose: impl FnMut(usize, &Context) -> Thresholds,
    ) -> Result<Vec<DayCost>, SimulatorError> {
        // The operator's own are taken as they are, in the bounds or not.
        let policy = |thresholds: Thresholds| match thresholds == self.base() {
            true => Predictive::new(self.ours.clone()),
            false => Predictive::new(thresholds.applied_to(&self.ours)),
        };
        let initial: Vec<Range<usize>> = self.case.initial();
        let (case, settings, sight) = (&self.case, &self.settings, Sight::Forecast);
        let first = policy(self.base());
        let mut session = Session::start(case, &initial, settings, &self.bank, sight, first)?;
        let mut before = DayCost::default();
        let mut costs = Vec::with_capacity(self.contexts.len());
        for (day, context) in self.contexts.iter().enumerate() {
            let thresholds = choose(day, context);
            session.retune(policy(thresholds), thresholds.quantile);
            session.play_until(case.start_ms + (day as i64 + 1) * DAY_MS);
            let until_now = session.so_far();
            let cost = until_now - before;
            before = until_now;
            costs.push(cost);
            if !(self.pace)() {
                return Err(SimulatorError::Stopped);
            }
        }
        Ok(costs)
    }
}

/// What is forecast of the table as a whole before bin `end`, by kind of load.
fn outlooks(bank: &Bank, end: usize) -> Vec<Arc<Outlook>> {
    let asked = Kind::ALL.into_iter().filter(|kind| bank.bins().has(*kind));
    asked.map(|kind| bank.outlook(kind, &(0..CELLS), 0, end)).collect()
}

/// What is known before `now_ms`.
fn context(bank: &Bank, now_ms: i64) -> Context {
    let bins = bank.bins();
    let end = bins.closed(now_ms);
    let week = end.saturating_sub(7 * DAY_BINS)..end;
    let load = |bin| Kind::ALL.map(|kind| bins.load(kind, bin, &(0..CELLS))).iter().sum::<f64>();
    let totals: Vec<f64> = week.map(load).collect();
    let mut cells = vec![0.0; CELLS];
    for bin in end.saturating_sub(DAY_BINS)..end {
        for row in Kind::ALL.map(|kind| bins.row(kind, bin)) {
            cells.iter_mut().zip(row).for_each(|(sum, load)| *sum += load);
        }
    }
    let outlooks = outlooks(bank, end);
    let outlooks: Vec<_> = outlooks.iter().map(AsRef::as_ref).collect();
    Context::new(now_ms, &totals, DAY_BINS, &cells, &outlooks)
}

/// What each of some thresholds would have cost on the last day of a case's history, beginning with the
/// partitions that the case begins with, in the currency of the prices.
pub fn replay(
    case: &Case,
    settings: &PlaySettings,
    prices: &Prices,
    thresholds: &[Thresholds],
    pace: &Pace,
) -> Result<Vec<f64>, SimulatorError> {
    let start_ms = case.start_ms - DAY_MS;
    let day = Case { start_ms, end_ms: case.start_ms, ..case.clone() };
    let days = Days::new(day, super::frugal(settings))?.paced(pace);
    let cost = |thresholds: &Thresholds| {
        let costs = days.play(|_, _| *thresholds)?;
        Ok(days.priced(&costs, prices).iter().sum())
    };
    thresholds.iter().map(cost).collect()
}
