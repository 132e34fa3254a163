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
use planner::view::PartitionView;
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
    /// The table as it was last seen, with what was looked up, and the bin that came next then.
    view: Option<(usize, TableView)>,
}

impl<'a> LastWeek<'a> {
    /// The policy, with the demand it may look up (and of which it reads nothing that is not over).
    pub fn new(
        bins: &'a HistoryBins,
        controller: &ControllerSettings,
        planner: PlannerSettings,
    ) -> Self {
        let steps = controller.forecast.horizon_steps;
        Self { bins, steps, planner: Predictive::new(planner), view: None }
    }

    /// The bins of a week (or a day) before those that come next; `None` if there are none.
    fn looked_up(&self, closed: usize) -> Option<Range<usize>> {
        let back = if closed >= WEEK_BINS { WEEK_BINS } else { DAY_BINS };
        let first = closed.checked_sub(back)?;
        Some(first..first + self.steps)
    }

    /// The table with what was looked up in the place of forecasts, which is the same for a whole bin
    /// as long as the partitions are.
    fn with_looked_up(&mut self, view: &TableView, then: &Range<usize>, next: usize) -> TableView {
        let ids = |view: &TableView| view.partitions.iter().map(|p| p.id).collect::<Vec<_>>();
        if let Some((known, mut mine)) = self.view.take()
            && known == next
            && ids(&mine) == ids(view)
        {
            observe(&mut mine, view);
            return mine;
        }
        let mut view = view.clone();
        for partition in &mut view.partitions {
            let cells = cells_of_range(&partition.range);
            partition.read = self.outlook(Kind::Read, &cells, then, next);
            partition.write = self.outlook(Kind::Write, &cells, then, next);
            for (cell, number) in partition.cells.iter_mut().zip(cells.start..CELLS) {
                let load = |kind, bin| self.bins.load(kind, bin, &(number..number + 1));
                let units =
                    |bin| Units { read: load(Kind::Read, bin), write: load(Kind::Write, bin) };
                cell.forecast = then.clone().map(units).collect();
            }
        }
        view
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

/// Takes over what changes from one look to the next within a bin.
fn observe(mine: &mut TableView, theirs: &TableView) {
    mine.now_ms = theirs.now_ms;
    mine.due = theirs.due;
    mine.busy = theirs.busy;
    mine.last_plan_ms = theirs.last_plan_ms;
    for (mine, theirs) in mine.partitions.iter_mut().zip(&theirs.partitions) {
        mine.credit = theirs.credit;
        mine.load_now = theirs.load_now;
        mine.load_recent = theirs.load_recent;
        mine.at_limit_ms = theirs.at_limit_ms;
        mine.throttled_now = theirs.throttled_now;
        mine.top_key_share = theirs.top_key_share;
        for (mine, theirs) in mine.cells.iter_mut().zip(&theirs.cells) {
            mine.recent = theirs.recent;
        }
        debug_assert!(differ_in_forecasts_only(mine, theirs), "{} changed otherwise", mine.id);
    }
}

fn differ_in_forecasts_only(mine: &PartitionView, theirs: &PartitionView) -> bool {
    let cells = |view: &PartitionView| -> Vec<_> {
        view.cells.iter().map(|cell| (cell.range.clone(), cell.recent, cell.single_key)).collect()
    };
    let bare = |view: &PartitionView| PartitionView {
        read: theirs.read.clone(),
        write: theirs.write.clone(),
        cells: Vec::new(),
        ..view.clone()
    };
    bare(mine) == bare(theirs) && cells(mine) == cells(theirs)
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
        let view = self.with_looked_up(view, &then, closed);
        let plan = self.planner.decide(&view);
        self.view = Some((closed, view));
        plan
    }
}
