//! The look-up: this hour will be as it was a week ago.
//!
//! Our planner, with the load of the same time last week (or yesterday, where there is no week) in the
//! place of each forecast, per partition and per cell, the same at all quantiles. What it lacks
//! against ours is everything that makes a forecast: the level of today, a choice of models,
//! uncertainty, abstention; the reactive floor it has.

use crate::matrix::{CELLS, Kind, cells_of_range};
use crate::minutes::HistoryBins;
use ::workload::HISTORY_BIN_MS;
use forecast::{Forecast, ModelKind, Outlook, RecentError, Step};
use planner::{ControllerSettings, Plan, PlannerSettings, Policy, Predictive, TableView};
use std::ops::Range;
use types::Units;

const WEEK_BINS: usize = (7 * 24 * 3_600_000 / HISTORY_BIN_MS) as usize;
const DAY_BINS: usize = WEEK_BINS / 7;

/// Plans on what was a week ago.
pub struct LastWeek<'a> {
    bins: &'a HistoryBins,
    steps: usize,
    planner: Predictive,
}

impl<'a> LastWeek<'a> {
    /// The policy, with the demand it may look up (and of which it reads nothing that is not over).
    pub fn new(
        bins: &'a HistoryBins,
        controller: &ControllerSettings,
        planner: PlannerSettings,
    ) -> Self {
        let steps = controller.forecast.horizon_steps;
        Self { bins, steps, planner: Predictive::new(planner) }
    }

    /// The bins of a week (or a day) before those that come next; `None` if there are none.
    fn looked_up(&self, closed: usize) -> Option<Range<usize>> {
        let back = if closed >= WEEK_BINS { WEEK_BINS } else { DAY_BINS };
        let first = closed.checked_sub(back)?;
        Some(first..first + self.steps)
    }

    fn outlook(
        &self,
        kind: Kind,
        cells: &Range<usize>,
        then: &Range<usize>,
        next: usize,
    ) -> Outlook {
        let step = |bin| {
            let rate = self.bins.load(kind, bin, cells);
            Step { point: rate, q50: rate, q90: rate, q99: rate }
        };
        Outlook::Forecast(Forecast {
            start_ms: self.bins.start_ms(next),
            bin_ms: HISTORY_BIN_MS,
            steps: then.clone().map(step).collect(),
            model: ModelKind::SeasonalNaiveWeek,
            reason: "as it was then".into(),
            recent_error: RecentError::default(),
        })
    }
}

impl Policy for LastWeek<'_> {
    fn name(&self) -> &'static str {
        "last-week"
    }

    fn decide(&mut self, view: &TableView) -> Plan {
        let closed = self.bins.closed(view.now_ms);
        let Some(then) = self.looked_up(closed).filter(|_| view.due && !view.busy) else {
            return self.planner.decide(view);
        };
        let mut view = view.clone();
        let rows = Kind::ALL.map(|kind| {
            let rows = then.clone().map(|bin| self.bins.row(kind, bin));
            rows.collect::<Vec<Vec<f64>>>()
        });
        for partition in &mut view.partitions {
            let cells = cells_of_range(&partition.range);
            partition.read = self.outlook(Kind::Read, &cells, &then, closed);
            partition.write = self.outlook(Kind::Write, &cells, &then, closed);
            for (cell, number) in partition.cells.iter_mut().zip(cells.start..CELLS) {
                let units = |step: usize| Units {
                    read: rows[0][step][number],
                    write: rows[1][step][number],
                };
                cell.forecast = (0..self.steps).map(units).collect();
            }
        }
        self.planner.decide(&view)
    }
}
