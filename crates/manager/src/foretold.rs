//! What was forecast: for every bin of the last day the quantiles that were given for it five minutes
//! and an hour (the horizon) before, so that people can see what a forecast was worth.
//!
//! Kept in memory, for partitions that are there; a partition that was made by a reslice begins anew.
//! Models judge themselves on more than this (`forecast::scoreboard`); nothing is decided here.

use forecast::{Outlook, Step};
use planner::view::{PartitionView, TableView};
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
use types::PartitionId;

/// Bins per partition: a day.
const BINS_MAX: usize = 288;

/// What was said about one bin, some time before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Foretold {
    /// When the bin begins.
    pub start_ms: i64,
    /// How long before its end it was said.
    pub lead_ms: i64,
    /// Quantiles .5, .9 and .99 of the read units per second; `None` if there was no forecast.
    pub read: Option<[f32; 3]>,
    /// The same of the write units.
    pub write: Option<[f32; 3]>,
}

/// What was said about the bins of one partition.
#[derive(Debug, Default)]
struct Said {
    next: VecDeque<Foretold>,
    horizon: VecDeque<Foretold>,
    last_start_ms: Option<i64>,
}

/// The forecasts of a table's partitions, as they were made.
#[derive(Debug, Default)]
pub(crate) struct ForetoldLog(HashMap<PartitionId, Said>);

impl ForetoldLog {
    /// Notes the forecasts that are new.
    pub(crate) fn follow(&mut self, view: &TableView) {
        self.0.retain(|id, _| view.partitions.iter().any(|partition| partition.id == *id));
        for partition in &view.partitions {
            let Some(start_ms) = partition.step_start_ms(0) else { continue };
            let said = self.0.entry(partition.id).or_default();
            if said.last_start_ms == Some(start_ms) {
                continue;
            }
            said.last_start_ms = Some(start_ms);
            keep(&mut said.next, foretold(partition, 0));
            keep(&mut said.horizon, foretold(partition, partition.steps().saturating_sub(1)));
        }
    }

    /// What was said just before each bin, and what a horizon before; oldest first.
    pub(crate) fn of(&self, partition: PartitionId) -> (Vec<Foretold>, Vec<Foretold>) {
        let said = self.0.get(&partition);
        let list = |list: &VecDeque<Foretold>| list.iter().copied().collect();
        said.map(|said| (list(&said.next), list(&said.horizon))).unwrap_or_default()
    }
}

fn keep(list: &mut VecDeque<Foretold>, entry: Option<Foretold>) {
    let Some(entry) = entry else { return };
    if list.len() == BINS_MAX {
        list.pop_front();
    }
    list.push_back(entry);
}

fn foretold(partition: &PartitionView, step: usize) -> Option<Foretold> {
    let quantiles = |outlook: &Outlook| {
        let step: &Step = outlook.forecast()?.steps.get(step)?;
        Some([step.q50 as f32, step.q90 as f32, step.q99 as f32])
    };
    Some(Foretold {
        start_ms: partition.step_start_ms(step)?,
        lead_ms: (partition.step_seconds() * 1e3) as i64 * (step as i64 + 1),
        read: quantiles(&partition.read),
        write: quantiles(&partition.write),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use forecast::{Abstention, Forecast, ModelKind, RecentError};
    use types::{KeyRange, TableId, Units};

    const BIN_MS: i64 = 300_000;

    fn outlook(start_ms: i64) -> Outlook {
        let step = |at: i32| Step {
            point: 0.0,
            q50: f64::from(at),
            q90: f64::from(2 * at),
            q99: f64::from(3 * at),
        };
        Outlook::Forecast(Forecast {
            start_ms,
            bin_ms: BIN_MS,
            steps: (1..=12).map(step).collect(),
            model: ModelKind::Ridge,
            reason: String::new(),
            recent_error: RecentError::default(),
        })
    }

    fn view(start_ms: i64, id: u64) -> TableView {
        let nothing = Abstention { start_ms, reason: "new".into(), level: None };
        let partition = PartitionView {
            id: PartitionId(id),
            range: KeyRange::full(),
            capacity: Units::ZERO,
            credit: None,
            load_now: Units::ZERO,
            load_recent: Units::ZERO,
            load_day_max: Units::ZERO,
            season_max: None,
            at_limit_ms: 0,
            throttled_now: 0.0,
            read: Outlook::Abstain(nothing),
            write: outlook(start_ms),
            beside: Default::default(),
            cells: Vec::new(),
            size_bytes: 0,
            forecast_size_bytes: 0,
            top_key_share: 0.0,
            hot_keys: Vec::new(),
            created_ms: 0,
            merged_ms: None,
        };
        TableView {
            table: TableId(1),
            name: "t".into(),
            now_ms: start_ms,
            due: true,
            busy: false,
            limits: planner::Limits::Off,
            strategy: types::Strategy::Hash,
            warm: Units::ZERO,
            node: None,
            last_plan_ms: None,
            partitions: vec![partition],
        }
    }

    #[test]
    fn each_bin_is_noted_once_with_what_was_said_before_it() {
        let mut log = ForetoldLog::default();
        for bin in [0, 0, 1] {
            log.follow(&view(bin * BIN_MS, 7));
        }
        let (next, horizon) = log.of(PartitionId(7));
        assert_eq!(next.iter().map(|f| f.start_ms).collect::<Vec<_>>(), [0, BIN_MS]);
        assert_eq!((next[0].lead_ms, next[0].write), (BIN_MS, Some([1.0, 2.0, 3.0])));
        assert_eq!(next[0].read, None, "the forecaster abstained");
        assert_eq!(horizon[0].start_ms, 11 * BIN_MS);
        assert_eq!((horizon[0].lead_ms, horizon[0].write), (12 * BIN_MS, Some([12.0, 24.0, 36.0])));
    }

    #[test]
    fn a_day_is_kept_and_only_of_what_is_there() {
        let mut log = ForetoldLog::default();
        for bin in 0..400 {
            log.follow(&view(bin * BIN_MS, 7));
        }
        let (next, _) = log.of(PartitionId(7));
        assert_eq!((next.len(), next[0].start_ms), (BINS_MAX, 112 * BIN_MS));
        log.follow(&view(400 * BIN_MS, 8));
        assert_eq!(log.of(PartitionId(7)), (Vec::new(), Vec::new()));
    }
}
