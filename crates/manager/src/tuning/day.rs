//! One day of one table: what is needed to close it, and what the learner makes of that.

use super::history::{self, History, Side, within};
use super::{DAY_MS, TuningSettings, maps, own_settings};
use crate::error::ManagerError;
use crate::journal::State;
use crate::shared::Shared;
use bytes::Bytes;
use planner::PlannerSettings;
use planner::controller::ControllerSettings;
use planner::tuning::{Day, DayCost, Part, Pins, Sides, Thresholds};
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
    /// The same on both sides of a canary's border, if it was there all day.
    sides: Option<SidesCost>,
    /// Whether something odd happened on this day.
    odd: Option<String>,
}

/// What a day cost a canary and the rest.
struct SidesCost {
    border: Bytes,
    canary: Option<DayCost>,
    rest: Option<DayCost>,
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
        let border = shared.with_tuner(table, |tuner| {
            let canary = tuner.canary().filter(|canary| canary.since_day <= number)?;
            canary.border.as_ref().map(|border| border.key.clone())
        })?;
        let days = shared.settings.tuning.days as i64 + i64::from(FORECAST_DAYS_MAX) + 1;
        let from = to_ms - days * DAY_MS;
        let history = history::collect(shared, table, maps, from, border.as_ref())?;
        let acted = actions(shared, table, from_ms, to_ms);
        let cost = |side: Option<(&Bytes, Side)>| cost(&history, &acted, from_ms, to_ms, side);
        let sides = border.map(|border| SidesCost {
            canary: cost(Some((&border, Side::Canary))),
            rest: cost(Some((&border, Side::Rest))),
            border,
        });
        let cost = cost(None);
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
            sides,
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
        let prices = &training.prices;
        let costs = replay(&case, &play, prices, &asked, pace)?;
        let part = |sides: &SidesCost, side: Side| {
            let cost = if side == Side::Canary { &sides.canary } else { &sides.rest };
            let alone = self.history.side(&sides.border, side);
            let case = Case::known(&self.name, &alone, end_ms)?;
            let reference = replay(&case, &play, prices, &[self.safe], pace)?;
            let cost = cost.as_ref().map(|cost| prices.cost(cost, case.capacity));
            Ok::<_, ManagerError>(Part { cost, reference: reference.first().copied() })
        };
        let both = |sides: &SidesCost| {
            let canary = part(sides, Side::Canary)?;
            Ok::<_, ManagerError>(Sides { canary, rest: part(sides, Side::Rest)? })
        };
        Ok(Day {
            number: self.number,
            cost: self.cost.map(|cost| prices.cost(&cost, case.capacity)),
            sides: self.sides.as_ref().map(both).transpose()?,
            reference: costs.first().copied(),
            shadow: costs.get(1).copied(),
            frozen: None,
            proposal: Some(trained.proposal(context)),
        })
    }
}

/// What a day cost on a table or one side of it; `None` if that is not known.
fn cost(
    history: &History,
    acted: &[Bytes],
    from_ms: i64,
    to_ms: i64,
    side: Option<(&Bytes, Side)>,
) -> Option<DayCost> {
    let maps = &history.matrix.maps;
    let (partition_hours, actions) = match side {
        None => (partition_hours(maps, from_ms, to_ms)?, acted.len()),
        Some((border, side)) => {
            let here = acted.iter().filter(|start| (*start < border) == (side == Side::Canary));
            (
                partition_hours(&one_side(maps, border, side, from_ms)?, from_ms, to_ms)?,
                here.count(),
            )
        }
    };
    Some(DayCost {
        throttled: history.throttled(from_ms, to_ms, side.map(|(_, side)| side)),
        partition_hours,
        held_writes: 0.0,
        actions: actions as f64,
    })
}

/// The maps of one side; `None` if the border has not been a boundary ever since.
fn one_side(
    maps: &[(i64, Vec<Bytes>)],
    border: &Bytes,
    side: Side,
    since_ms: i64,
) -> Option<Vec<(i64, Vec<Bytes>)>> {
    let first = maps.iter().rposition(|(at_ms, _)| *at_ms <= since_ms)?;
    let there = |(at_ms, boundaries): &(i64, Vec<Bytes>)| {
        boundaries.contains(border).then(|| (*at_ms, within(boundaries, border, side)))
    };
    maps[first..].iter().map(there).collect()
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

/// Where the actions of a day began on the key axis.
fn actions(shared: &Shared, table: TableId, from_ms: i64, to_ms: i64) -> Vec<Bytes> {
    let journal = shared.journal.lock();
    let mine = journal.entries().filter(|entry| {
        let decision = &entry.decision;
        decision.table == table
            && entry.state == State::Done
            && (from_ms..to_ms).contains(&decision.at_ms)
    });
    mine.map(|entry| entry.decision.action.range.start.clone()).collect()
}

/// The first anomaly of a table on a day, as it was seen here: nothing is decided by what others report.
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

    #[test]
    fn partition_hours_follow_the_maps() {
        let cut = |n: usize| vec![Bytes::from_static(b"k"); n];
        let maps = [(-DAY_MS, cut(0)), (DAY_MS / 2, cut(1)), (2 * DAY_MS, cut(7))];
        assert_eq!(partition_hours(&maps, 0, DAY_MS), Some(12.0 + 2.0 * 12.0));
        assert_eq!(partition_hours(&maps, DAY_MS, 2 * DAY_MS), Some(48.0));
        assert_eq!(partition_hours(&maps[1..], 0, DAY_MS), None, "how it began is not known");
    }

    #[test]
    fn a_side_is_known_as_long_as_its_border_stays() {
        let cuts = |cuts: &[&'static str]| cuts.iter().map(|cut| Bytes::from(*cut)).collect();
        let mut maps: Vec<(i64, Vec<Bytes>)> = vec![
            (-DAY_MS, cuts(&[])),
            (-10, cuts(&["k", "p"])),
            (DAY_MS / 2, cuts(&["c", "e", "k"])),
        ];
        let hours = |maps: &[(i64, Vec<Bytes>)], side| {
            partition_hours(&one_side(maps, &Bytes::from("k"), side, 0)?, 0, DAY_MS)
        };
        assert_eq!(hours(&maps, Side::Canary), Some(12.0 + 36.0));
        assert_eq!(hours(&maps, Side::Rest), Some(24.0 + 12.0));
        maps.push((DAY_MS / 2 + 1, cuts(&["c"])));
        assert_eq!(hours(&maps, Side::Canary), None);
    }
}
