//! What a policy sees: a view of the table made of the matrix, as the controller makes it of counts.
//!
//! The policies, the forecasters and the share models are the service's. What stands between them
//! there (the collector's windows, the controller) is stood for by this module, because counting every
//! request of a month one by one takes hours; a test plays one workload both ways and compares.
//! Cells do not adapt here: there are always [`CELLS`] even ones.

use super::bank::{Bank, abstain};
use super::past::Past;
use super::shares::StepShares;
use super::table::{Partition, Table};
use crate::matrix::{CELLS, Kind, LoadMatrix, MINUTE_MS, cell_ranges, cells_of_range};
use forecast::Quantile;
use planner::{CellView, ControllerSettings, Cycles, Limits, PartitionView, TableView};
use std::ops::Range;
use types::{KeyRange, PartitionId, Strategy, TableId, Units};

/// How long a "recently" is, in minutes.
const RECENT_MINUTES: usize = 5;

/// How far a policy looks: what it does not look at is not worked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    /// At the last minutes.
    Present,
    /// Also at the same hours of earlier days.
    Past,
    /// Also ahead.
    Forecast,
}

pub(super) struct Watch<'a> {
    matrix: &'a LoadMatrix,
    bank: &'a Bank,
    settings: &'a ControllerSettings,
    /// The quantile that loads per cell are given at.
    quantile: Quantile,
    sight: Sight,
    capacity: Units,
    cells: Vec<KeyRange>,
    view: TableView,
    pasts: Vec<Past>,
    /// The cells of each partition, as the view has them.
    tracked: Vec<(PartitionId, Range<usize>)>,
    cycles: Cycles,
    next_score_ms: i64,
    bins_seen: usize,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        name: &str,
        matrix: &'a LoadMatrix,
        bank: &'a Bank,
        settings: &'a ControllerSettings,
        sight: Sight,
        capacity: Units,
        start_ms: i64,
    ) -> Self {
        Self {
            matrix,
            bank,
            settings,
            quantile: settings.score.quantile,
            sight,
            capacity,
            cells: cell_ranges(),
            view: TableView {
                table: TableId(1),
                name: name.into(),
                now_ms: start_ms,
                due: false,
                busy: false,
                limits: Limits::Dynamodb,
                strategy: Strategy::Hash,
                warm: Units::ZERO,
                node: None,
                last_plan_ms: None,
                partitions: Vec::new(),
            },
            pasts: Vec::new(),
            tracked: Vec::new(),
            cycles: Cycles::default(),
            next_score_ms: i64::MIN,
            bins_seen: bank.bins().closed(start_ms),
        }
    }

    /// Gives loads per cell at another quantile, from the next closed bin on.
    pub(super) fn set_quantile(&mut self, quantile: Quantile) {
        self.quantile = quantile;
    }

    pub(super) fn view(&self) -> &TableView {
        &self.view
    }

    /// A plan with actions was made.
    pub(super) fn planned(&mut self) {
        self.view.last_plan_ms = Some(self.view.now_ms);
    }

    /// Looks at the table at `now_ms`, in minute `minute` of the matrix.
    pub(super) fn look(&mut self, now_ms: i64, minute: usize, table: &Table, busy: bool) {
        self.view.now_ms = now_ms;
        self.view.busy = busy;
        self.view.due = now_ms >= self.next_score_ms;
        if self.view.due {
            self.next_score_ms = now_ms + self.settings.score.interval_ms;
        }
        let changed = self.follow(&table.partitions, now_ms);
        let closed = self.bank.bins().closed(now_ms);
        let elapsed = closed > self.bins_seen;
        self.bins_seen = closed;
        if changed || elapsed {
            self.foresee();
        }
        self.observe(minute, &table.partitions);
    }

    /// Brings the view's partitions in line with the table's; says whether any changed.
    fn follow(&mut self, partitions: &[Partition], now_ms: i64) -> bool {
        let ids = || partitions.iter().map(|partition| partition.id);
        if self.tracked.iter().map(|(id, _)| *id).eq(ids()) {
            return false;
        }
        if self.sight > Sight::Present {
            let range = |cells: &Range<usize>| self.range(cells);
            let before: Vec<KeyRange> =
                self.tracked.iter().map(|(_, cells)| range(cells)).collect();
            let after: Vec<KeyRange> = partitions.iter().map(|p| range(&p.cells)).collect();
            self.cycles.follow(&before, &after, now_ms);
        }
        let mut views = std::mem::take(&mut self.view.partitions);
        let mut pasts = std::mem::take(&mut self.pasts);
        for partition in partitions {
            if let Some(at) = views.iter().position(|view| view.id == partition.id) {
                self.view.partitions.push(views.swap_remove(at));
                self.pasts.push(pasts.swap_remove(at));
                continue;
            }
            let range = self.range(&partition.cells);
            self.pasts.push(Past::new(partition.cells.clone()));
            self.view.partitions.push(self.fresh(partition, range));
        }
        self.tracked = partitions.iter().map(|p| (p.id, p.cells.clone())).collect();
        for view in &mut self.view.partitions {
            view.merged_ms = self.cycles.last_ms(&view.range);
        }
        true
    }

    fn range(&self, cells: &Range<usize>) -> KeyRange {
        KeyRange {
            start: self.cells[cells.start].start.clone(),
            end: self.cells[cells.end - 1].end.clone(),
        }
    }

    fn fresh(&self, partition: &Partition, range: KeyRange) -> PartitionView {
        let cell = |cell: usize| CellView {
            range: self.cells[cell].clone(),
            recent: Units::ZERO,
            now: Units::ZERO,
            forecast: Vec::new(),
            single_key: self.matrix.is_single_key(cell),
        };
        let unseen = || abstain(partition.made_ms, "this policy does not forecast".into());
        PartitionView {
            id: partition.id,
            range,
            capacity: self.capacity,
            credit: None,
            load_now: Units::ZERO,
            load_recent: Units::ZERO,
            load_day_max: Units::ZERO,
            season_max: None,
            at_limit_ms: 0,
            throttled_now: 0.0,
            read: unseen(),
            write: unseen(),
            beside: Default::default(),
            cells: partition.cells.clone().map(cell).collect(),
            size_bytes: 0,
            forecast_size_bytes: 0,
            top_key_share: 0.0,
            hot_keys: Vec::new(),
            created_ms: partition.made_ms,
            merged_ms: None,
        }
    }

    /// What the past and the forecasters have to say, per partition and per cell.
    fn foresee(&mut self) {
        if self.sight == Sight::Present {
            return;
        }
        let (bins, now_ms) = (self.bank.bins(), self.view.now_ms);
        for (view, past) in self.view.partitions.iter_mut().zip(&mut self.pasts) {
            past.follow(bins, self.bins_seen);
            view.load_day_max = past.day_max();
            view.season_max = past.season_max(bins, now_ms, self.settings.payback_ms);
        }
        if self.sight < Sight::Forecast {
            return;
        }
        let shares = Kind::ALL.map(|kind| self.bank.shares(kind, self.bins_seen));
        for (view, (_, cells)) in self.view.partitions.iter_mut().zip(&self.tracked) {
            let made = bins.closed(view.created_ms);
            let outlook = |kind| (*self.bank.outlook(kind, cells, made, self.bins_seen)).clone();
            (view.read, view.write) = (outlook(Kind::Read), outlook(Kind::Write));
            spread(view, cells, &shares, self.quantile);
        }
    }

    fn observe(&mut self, minute: usize, partitions: &[Partition]) {
        let first = minute.saturating_sub(RECENT_MINUTES);
        let recent = Kind::ALL.map(|kind| self.recent(kind, first..minute));
        let now = Kind::ALL.map(|kind| self.recent(kind, minute..minute + 1));
        for (view, partition) in self.view.partitions.iter_mut().zip(partitions) {
            view.load_now = partition.load;
            view.credit = Some(partition.level);
            view.at_limit_ms = partition.at_limit_ms;
            view.throttled_now = partition.throttled * 1000.0 / MINUTE_MS as f64;
            view.load_recent = Units::ZERO;
            let mut top: f64 = 0.0;
            for (cell, number) in view.cells.iter_mut().zip(partition.cells.clone()) {
                cell.recent = Units { read: recent[0][number], write: recent[1][number] };
                cell.now = Units { read: now[0][number], write: now[1][number] };
                view.load_recent += cell.recent;
                if cell.single_key {
                    top = top.max(cell.recent.total());
                }
            }
            let all = view.load_recent.total();
            view.top_key_share = if all > 0.0 { top / all } else { 0.0 };
        }
    }

    /// The mean load of each cell in some minutes.
    fn recent(&self, kind: Kind, minutes: Range<usize>) -> [f64; CELLS] {
        let mut means = [0.0; CELLS];
        let share = 1.0 / minutes.len().max(1) as f64;
        for row in minutes.filter_map(|minute| self.matrix.row(kind, minute)) {
            for (mean, load) in means.iter_mut().zip(row) {
                *mean += f64::from(*load) * share;
            }
        }
        means
    }
}

/// Divides a partition's forecast among its cells, step by step, as the controller does.
fn spread(
    view: &mut PartitionView,
    cells: &Range<usize>,
    shares: &[StepShares; 2],
    quantile: Quantile,
) {
    let steps = view.steps();
    let mut loads = [Vec::with_capacity(steps), Vec::with_capacity(steps)];
    for step in 0..steps {
        let load = view.forecast_at(step, quantile);
        for kind in Kind::ALL {
            let shares = shares[kind as usize].get(step).and_then(|s| s.get(cells.clone()));
            loads[kind as usize].push(Portions::new(kind.of(load), shares, cells.len()));
        }
    }
    for (number, cell) in view.cells.iter_mut().enumerate() {
        let steps = loads[0].iter().zip(&loads[1]);
        cell.forecast.clear();
        cell.forecast.extend(
            steps.map(|(read, write)| Units { read: read.of(number), write: write.of(number) }),
        );
    }
}

/// A partition's load of one kind in one step, to be divided among its cells.
enum Portions<'a> {
    /// By their shares of the table's load, brought to this scale.
    Known(&'a [f64], f64),
    /// Evenly, where nothing is known.
    Even(f64),
}

impl<'a> Portions<'a> {
    fn new(load: f64, shares: Option<&'a [f64]>, cells: usize) -> Self {
        let total: f64 = shares.iter().copied().flatten().sum();
        match shares {
            Some(shares) if total > 0.0 => Self::Known(shares, load / total),
            _ => Self::Even(load / cells as f64),
        }
    }

    fn of(&self, cell: usize) -> f64 {
        match self {
            Self::Known(shares, scale) => shares[cell] * scale,
            Self::Even(load) => *load,
        }
    }
}

/// The demand on the cells of a range, in bins of five minutes, from `from_ms` on.
pub(super) fn demand(bank: &Bank, range: &KeyRange, from_ms: i64) -> planner::LoadSeries {
    let (bins, cells) = (bank.bins(), cells_of_range(range));
    let first = bins.closed(from_ms);
    let series = |kind| -> Vec<f64> {
        (first..bins.len()).map(|bin| bins.load(kind, bin, &cells)).collect()
    };
    let bin_ms = ::workload::HISTORY_BIN_MS;
    let (reads, writes) = (series(Kind::Read), series(Kind::Write));
    planner::LoadSeries::new(bins.start_ms(first), bin_ms, &reads, &writes)
}
