//! How a partition's forecast spreads over its cells.

use super::ControllerSettings;
use forecast::{ShareModel, ShareSettings};
use types::{KeyRange, Units};
use workload::{CellMap, Channel, Timeline};

const DAY_MS: i64 = 24 * 3_600_000;

/// The share models of a table's cells, reads and writes, and what they say now.
#[derive(Debug)]
pub(super) struct CellShares {
    settings: ShareSettings,
    history_ms: i64,
    cells: Vec<KeyRange>,
    map: Option<CellMap>,
    models: Option<[ShareModel; 2]>,
    fed_until_ms: i64,
    /// Per step, one share per cell.
    shares: [Vec<Vec<f64>>; 2],
}

const CHANNELS: [Channel; 2] = [Channel::ReadUnits, Channel::WriteUnits];

impl CellShares {
    pub(super) fn new(settings: &ControllerSettings) -> Self {
        Self {
            settings: ShareSettings {
                horizon_steps: settings.forecast.horizon_steps,
                ..settings.shares.clone()
            },
            history_ms: settings.share_history_days * DAY_MS,
            cells: Vec::new(),
            map: None,
            models: None,
            fed_until_ms: i64::MIN,
            shares: [Vec::new(), Vec::new()],
        }
    }

    /// The cells, in key order.
    pub(super) fn cells(&self) -> &[KeyRange] {
        &self.cells
    }

    /// Takes what has closed; after cells have changed, reads the history again in the new ones.
    /// Says whether anything changed.
    pub(super) fn follow(&mut self, map: &CellMap, history: &Timeline) -> bool {
        let same = self.map.as_ref() == Some(map);
        if same && self.fed_until_ms >= history.end_ms() {
            return false;
        }
        if !same {
            self.cells = map.ranges().collect();
            self.map = Some(map.clone());
            self.models = None;
            self.fed_until_ms = history.end_ms() - self.history_ms;
        }
        let matrices =
            CHANNELS.map(|channel| history.matrix(&self.cells, channel, self.fed_until_ms));
        let start_ms = matrices[0].first().map_or(history.end_ms(), |series| series.start_ms);
        let (cells, settings) = (self.cells.len(), &self.settings);
        let mut models = self.models.take().or_else(|| {
            let fresh = || ShareModel::new(cells, start_ms, settings).ok();
            Some([fresh()?, fresh()?])
        });
        for (model, matrix) in models.iter_mut().flatten().zip(&matrices) {
            let bins = matrix.first().map_or(0, |series| series.values.len());
            for bin in 0..bins {
                let loads: Vec<f64> = matrix.iter().map(|series| series.values[bin]).collect();
                // As many loads as cells, by construction.
                let taken = model.push(&loads);
                debug_assert!(taken.is_ok(), "{taken:?}");
            }
        }
        if let Some(models) = &models {
            self.shares = [0, 1].map(|i| models[i].shares(self.settings.horizon_steps));
        }
        self.models = models;
        self.fed_until_ms = history.end_ms();
        true
    }

    /// Divides a partition's load in step `step` among its cells `within`.
    pub(super) fn spread(
        &self,
        step: usize,
        load: Units,
        within: std::ops::Range<usize>,
    ) -> Vec<Units> {
        let parts = |kind: usize, amount: f64| -> Vec<f64> {
            let even = 1.0 / within.len().max(1) as f64;
            let shares = self.shares[kind].get(step).and_then(|shares| shares.get(within.clone()));
            let total: f64 = shares.iter().copied().flatten().sum();
            within
                .clone()
                .enumerate()
                .map(|(i, _)| match shares {
                    Some(shares) if total > 0.0 => amount * shares[i] / total,
                    _ => amount * even,
                })
                .collect()
        };
        let reads = parts(0, load.read);
        let writes = parts(1, load.write);
        reads.into_iter().zip(writes).map(|(read, write)| Units { read, write }).collect()
    }
}
