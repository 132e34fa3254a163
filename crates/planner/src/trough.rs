//! When to do what may wait: in the troughs of the forecast.
//!
//! Compactions that detach children from their parents, and whatever else tidies up, cost disk and
//! cores that requests would like to have. They are put where the load is expected to be lowest, and
//! done anyway when they have waited long enough, or when too much waits: what is never tidied up fills
//! the disk, and a table of which too much is borrowed cannot be divided further.

use crate::load::utilisation;
use crate::view::TableView;
use forecast::Quantile;
use serde::{Deserialize, Serialize};

/// What counts as a trough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TroughSettings {
    /// Load this far above the lowest that is ahead is as good as it.
    pub tolerance: f64,
    /// Below this utilisation nobody minds, whatever is ahead.
    pub quiet_utilisation: f64,
    /// Without a forecast: up to this utilisation.
    pub unknown_utilisation_max: f64,
    /// After this long it is done anyway.
    pub wait_ms_max: i64,
    /// When so many bytes wait on this node, what waits is done anyway ...
    pub waiting_bytes_max: u64,
    /// ... and when so many partitions of a table do.
    pub waiting_partitions_max: usize,
}

impl Default for TroughSettings {
    fn default() -> Self {
        Self {
            tolerance: 0.1,
            quiet_utilisation: 0.1,
            unknown_utilisation_max: 0.5,
            wait_ms_max: 6 * 3_600_000,
            waiting_bytes_max: 16 << 30,
            waiting_partitions_max: 64,
        }
    }
}

/// When to do it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "when")]
pub enum Placement {
    /// Now.
    Now {
        /// Why.
        reason: String,
    },
    /// Later.
    Later {
        /// When the trough is expected, if one is in sight.
        until_ms: Option<i64>,
        /// Why.
        reason: String,
    },
}

impl Placement {
    /// Whether it is to be done now.
    pub fn is_now(&self) -> bool {
        matches!(self, Self::Now { .. })
    }
}

/// What has been put off, and with how much else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Since when.
    pub since_ms: i64,
    /// The bytes that wait on this node, with its own.
    pub node_bytes: u64,
    /// The partitions of its table that wait, with itself.
    pub table_partitions: usize,
}

impl Waiting {
    /// One that has just come, and is alone.
    pub fn just_come(now_ms: i64) -> Self {
        Self { since_ms: now_ms, ..Self::default() }
    }

    /// Why it is not put off any longer, if it is not.
    fn is_enough(&self, now_ms: i64, settings: &TroughSettings) -> Option<String> {
        let waited_ms = now_ms - self.since_ms;
        if waited_ms >= settings.wait_ms_max {
            return Some(format!("it has waited for {} min", waited_ms / 60_000));
        }
        if self.node_bytes >= settings.waiting_bytes_max {
            return Some(format!("{} MB wait on this node", self.node_bytes >> 20));
        }
        (self.table_partitions >= settings.waiting_partitions_max)
            .then(|| format!("{} partitions of this table wait", self.table_partitions))
    }
}

/// Whether now is the time for what has been waiting.
pub fn place(view: &TableView, waiting: &Waiting, settings: &TroughSettings) -> Placement {
    if let Some(reason) = waiting.is_enough(view.now_ms, settings) {
        return now(reason);
    }
    let level = fullest(view, |partition| Some(partition.load_recent));
    let level = level.unwrap_or(0.0);
    if level <= settings.quiet_utilisation {
        return now(format!("the fullest partition is {:.0} % full", level * 100.0));
    }
    let steps = view.partitions.iter().map(|partition| partition.steps()).max().unwrap_or(0);
    let ahead = |step| fullest(view, |partition| Some(partition.forecast_at(step, Quantile::Q50)));
    let ahead: Vec<f64> = (0..steps).filter_map(ahead).collect();
    let lowest = ahead.iter().enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b));
    let Some((step, lowest)) = lowest.filter(|_| view.partitions.iter().any(|p| p.has_forecast()))
    else {
        let text = format!(
            "nothing is forecast, and the fullest partition is {:.0} % full",
            level * 100.0
        );
        return match level <= settings.unknown_utilisation_max {
            true => now(text),
            false => Placement::Later { until_ms: None, reason: text },
        };
    };
    let text =
        format!("{:.0} % full now, and {:.0} % at the lowest ahead", level * 100.0, lowest * 100.0);
    match level <= lowest * (1.0 + settings.tolerance) {
        true => now(text),
        false => Placement::Later {
            until_ms: view.partitions.iter().find_map(|partition| partition.step_start_ms(step)),
            reason: text,
        },
    }
}

fn now(reason: String) -> Placement {
    Placement::Now { reason }
}

/// How full the fullest partition is by some measure of load.
fn fullest(
    view: &TableView,
    load: impl Fn(&crate::view::PartitionView) -> Option<types::Units>,
) -> Option<f64> {
    let full = |p: &crate::view::PartitionView| load(p).map(|load| utilisation(load, p.capacity));
    view.partitions.iter().filter_map(full).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{STEP_MS, foreseen, partition, table, unknown};
    use forecast::Step;
    use types::Units;

    /// A table with this load now and these ahead, in percent.
    fn view(now: f64, ahead: &[f64]) -> TableView {
        let step = |rate: &f64| Step { point: *rate, q50: *rate, q90: *rate, q99: *rate };
        let mut partition = partition(1, now / 100.0);
        partition.write = foreseen(0, &ahead.iter().map(step).collect::<Vec<_>>());
        partition.read = unknown("nobody reads");
        partition.load_recent = Units::write(now);
        table(vec![partition])
    }

    fn at(view: &TableView) -> Placement {
        place(view, &Waiting::just_come(view.now_ms), &TroughSettings::default())
    }

    #[test]
    fn in_the_trough_and_not_before_it() {
        assert!(at(&view(40.0, &[50.0, 80.0, 90.0])).is_now(), "it only rises from here");
        assert!(at(&view(54.0, &[50.0, 80.0])).is_now(), "as good as the lowest");
        let Placement::Later { until_ms, reason } = at(&view(80.0, &[75.0, 40.0, 60.0])) else {
            panic!("the trough is ahead")
        };
        assert_eq!(until_ms, Some(STEP_MS));
        assert!(reason.contains("80 % full now, and 40 %"), "{reason}");
    }

    #[test]
    fn a_quiet_table_does_not_wait_for_a_quieter_hour() {
        assert!(at(&view(9.0, &[5.0, 1.0])).is_now());
    }

    #[test]
    fn it_does_not_wait_for_ever() {
        let busy = view(80.0, &[10.0]);
        let settings = TroughSettings::default();
        let since = |since_ms| place(&busy, &Waiting::just_come(since_ms), &settings);
        assert!(!since(busy.now_ms - settings.wait_ms_max + 1).is_now());
        assert!(since(busy.now_ms - settings.wait_ms_max).is_now());
    }

    #[test]
    fn it_does_not_wait_until_the_disk_is_full_or_the_table_cannot_be_divided() {
        let busy = view(80.0, &[10.0]);
        let settings = TroughSettings::default();
        let (bytes, partitions) = (settings.waiting_bytes_max, settings.waiting_partitions_max);
        let alone = Waiting::just_come(busy.now_ms);
        for (node_bytes, table_partitions, now) in
            [(bytes - 1, partitions - 1, false), (bytes, 1, true), (1, partitions, true)]
        {
            let waiting = Waiting { node_bytes, table_partitions, ..alone };
            assert_eq!(place(&busy, &waiting, &settings).is_now(), now, "{waiting:?}");
        }
    }

    #[test]
    fn who_does_not_know_what_is_ahead_looks_at_the_present() {
        let mut view = view(60.0, &[]);
        (view.partitions[0].read, view.partitions[0].write) = (unknown("short"), unknown("short"));
        assert!(!at(&view).is_now());
        view.partitions[0].load_recent = Units::write(45.0);
        assert!(at(&view).is_now());
    }
}
