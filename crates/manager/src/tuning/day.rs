//! One day of one table: what is needed to close it, and what the learner makes of that.

use super::history::{self, History};
use super::{DAY_MS, TuningSettings, maps, own_settings};
use crate::error::ManagerError;
use crate::journal::State;
use crate::shared::Shared;
use planner::PlannerSettings;
use planner::controller::ControllerSettings;
use planner::tuning::{Day, DayCost, Pins, Thresholds};
use simulator::case::Case;
use simulator::minutes::PlaySettings;
use simulator::tuning::{Days, FORECAST_DAYS_MAX, Pace, TrainSettings, frugal, replay, train};
use types::TableId;

/// Everything that closing a day takes, so that the learner needs no lock.
pub(super) struct Closing {
    pub(super) table: TableId,
    pub(super) number: i64,
    name: String,
    history: History,
    planner: PlannerSettings,
    controller: ControllerSettings,
    pins: Pins,
    safe: Thresholds,
    proposed: Option<Thresholds>,
    cost: Option<DayCost>,
    /// Whether something odd happened on this day.
    odd: Option<String>,
}

impl Closing {
    /// Gathers it; `None` if the table has no history, or no policy that can be tuned.
    pub(super) fn of(shared: &Shared, table: TableId, number: i64) -> Option<Self> {
        let planner = own_settings(shared)?;
        let (name, maps) = {
            let tables = shared.tables.lock();
            let state = tables.get(&table)?;
            (state.table.name().to_owned(), maps(state))
        };
        let (from_ms, to_ms) = (number * DAY_MS, (number + 1) * DAY_MS);
        let hours = partition_hours(&maps, from_ms, to_ms);
        let days = shared.settings.tuning.days as i64 + i64::from(FORECAST_DAYS_MAX) + 1;
        let history = history::collect(shared, table, maps, to_ms - days * DAY_MS)?;
        let actions = actions(shared, table, from_ms, to_ms);
        let cost = hours.map(|partition_hours| DayCost {
            throttled: history.throttled(from_ms, to_ms),
            partition_hours,
            held_writes: 0.0,
            actions,
        });
        let odd = anomaly(shared, &name, from_ms, to_ms);
        shared.with_tuner(table, |tuner| Self {
            table,
            number,
            name,
            history,
            planner,
            controller: shared.components.controller.clone(),
            pins: *tuner.pins(),
            safe: tuner.safe(),
            proposed: tuner.proposed(),
            cost,
            odd,
        })
    }

    /// What the tuner is to be told. Takes up to a minute of CPU.
    pub(super) fn learn(self, settings: &TuningSettings, pace: &Pace) -> Result<Day, ManagerError> {
        let end_ms = (self.number + 1) * DAY_MS;
        let case = Case::known(&self.name, &self.history.matrix, end_ms)?;
        let play = PlaySettings {
            planner: self.planner,
            controller: self.controller,
            ..PlaySettings::default()
        };
        let frozen = |why: String| Day { number: self.number, frozen: Some(why), ..Day::default() };
        if case.start_ms < end_ms {
            return Ok(frozen("the day's load is not known to its end".into()));
        }
        if let Some(why) = self.odd {
            return Ok(frozen(why));
        }
        let training = TrainSettings {
            days: settings.days,
            prices: settings.tuner.prices,
            pins: self.pins,
            ..TrainSettings::default()
        };
        let before = Days::before(&case, training.days, frugal(&play));
        let Ok(days) = before else {
            return Ok(frozen("too little is known: tuning takes five days of history".into()));
        };
        let days = days.paced(pace);
        let context = days.coming();
        if days.abstains() {
            return Ok(frozen("the forecast abstains".into()));
        }
        let trained = train(&days, &training)?;
        let asked: Vec<Thresholds> =
            [Some(self.safe), self.proposed].into_iter().flatten().collect();
        let costs = replay(&case, &play, &training.prices, &asked, pace)?;
        Ok(Day {
            number: self.number,
            cost: self.cost.map(|cost| training.prices.cost(&cost, case.capacity)),
            reference: costs.first().copied(),
            shadow: costs.get(1).copied(),
            frozen: None,
            proposal: Some(trained.proposal(context)),
        })
    }
}

/// Partitions integrated over a day; `None` if it is not known what there was when it began.
fn partition_hours(maps: &[(i64, Vec<bytes::Bytes>)], from_ms: i64, to_ms: i64) -> Option<f64> {
    let first = maps.iter().rposition(|(at_ms, _)| *at_ms <= from_ms)?;
    let ends = maps[first + 1..].iter().map(|(at_ms, _)| *at_ms).chain([i64::MAX]);
    let stretch = |((at_ms, boundaries), end_ms): (&(i64, Vec<bytes::Bytes>), i64)| {
        let ms = (end_ms.min(to_ms) - (*at_ms).max(from_ms)).max(0);
        (boundaries.len() + 1) as f64 * ms as f64 / 3_600_000.0
    };
    Some(maps[first..].iter().zip(ends).map(stretch).sum())
}

fn actions(shared: &Shared, table: TableId, from_ms: i64, to_ms: i64) -> f64 {
    let journal = shared.journal.lock();
    let mine = journal.entries().filter(|entry| {
        let decision = &entry.decision;
        decision.table == table
            && entry.state == State::Done
            && (from_ms..to_ms).contains(&decision.at_ms)
    });
    mine.count() as f64
}

/// The first anomaly of a table on a day, its own or reported.
fn anomaly(shared: &Shared, table: &str, from_ms: i64, to_ms: i64) -> Option<String> {
    let log = shared.anomalies.lock();
    let odd = log.entries().find(|entry| {
        let (start_ms, end_ms) = (entry.anomaly.start_ms, entry.anomaly.end_ms);
        entry.table == table && start_ms < to_ms && end_ms.is_none_or(|end_ms| end_ms > from_ms)
    });
    odd.map(|entry| format!("anomaly {} on this day", entry.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn partition_hours_follow_the_maps() {
        let cut = |n: usize| vec![Bytes::from_static(b"k"); n];
        let maps = [(-DAY_MS, cut(0)), (DAY_MS / 2, cut(1)), (2 * DAY_MS, cut(7))];
        assert_eq!(partition_hours(&maps, 0, DAY_MS), Some(12.0 + 2.0 * 12.0));
        assert_eq!(partition_hours(&maps, DAY_MS, 2 * DAY_MS), Some(48.0));
        assert_eq!(partition_hours(&maps[1..], 0, DAY_MS), None, "how it began is not known");
    }
}
