//! The forecast columns of a heat map: forecast load, and what follows from it.
//!
//! Only read and write units are forecast by cell. Bytes are units times the bytes that a unit of the
//! same keys carried over the last day. Throttled requests are what capacity and burst credit would
//! refuse if the partitions stayed as they are now: what is planned against them is not taken into
//! account, so that the picture shows what it is planned against.

use super::{Column, HeatmapRequest, Metric, ahead, rounded, share};
use crate::Manager;
use forecast::Quantile;
use planner::bucket::BURST_S;
use planner::refused::refused;
use planner::view::PartitionView;
use planner::{Limits, TableView};
use types::{KeyRange, TableId, Units};
use workload::Channel;

/// How far back units are looked at for what they carry.
const LOOK_BACK_MS: i64 = 24 * 3_600_000;

/// What one unit of a row's load came with; `None` if there was no load to tell by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct PerUnit {
    pub(super) bytes: f64,
    pub(super) requests: f64,
}

impl PerUnit {
    fn of([reads, writes, requests, bytes]: [f64; 4]) -> Option<Self> {
        let units = reads + writes;
        (units > 0.0).then(|| Self { bytes: bytes / units, requests: requests / units })
    }
}

impl Metric {
    /// How the forecast columns came about, where that does not go without saying.
    pub(super) fn forecast_note(self, limits: Limits) -> Option<&'static str> {
        match (self, limits) {
            (Self::Share | Self::ReadUnits | Self::WriteUnits, _) => None,
            (Self::Bytes, _) => Some(
                "forecast units times the bytes that a unit of these keys carried over the last day",
            ),
            (Self::Throttles, Limits::Dynamodb) => Some(
                "what capacity and burst credit would refuse of the forecast load if the partitions stayed as they are now",
            ),
            (Self::Throttles, Limits::Off) => Some("nobody is refused, as limits are off"),
            (Self::Throttles, Limits::Measured) => {
                Some("none, as what is refused depends on what the node sustains then")
            }
        }
    }
}

/// What the forecast columns are made of.
pub(super) struct Expected<'a> {
    pub(super) view: Option<&'a TableView>,
    pub(super) rows: &'a [KeyRange],
    pub(super) decided_at: Quantile,
    pub(super) quantile: Quantile,
    pub(super) capacity: Units,
    /// Per row; empty where the metric needs none.
    pub(super) per_unit: Vec<Option<PerUnit>>,
}

impl Expected<'_> {
    /// The forecast's steps from `first_ms` on.
    pub(super) fn columns(&self, request: &HeatmapRequest, first_ms: i64) -> Vec<(i64, Column)> {
        let Some(view) = self.view else { return Vec::new() };
        let wanted = |(_, start_ms): &(usize, i64)| {
            *start_ms >= first_ms && request.until_ms.is_none_or(|until_ms| *start_ms < until_ms)
        };
        let steps = ahead::steps(view);
        let refusals = match request.metric {
            Metric::Throttles => self.refusals(view, steps.len()),
            _ => Vec::new(),
        };
        let column = |(step, start_ms)| {
            let value = |(at, row)| {
                let value = match request.metric {
                    Metric::Throttles => self.throttled(view, &refusals, at, row, step),
                    metric => self.of_load(metric, at, self.load(view, row, step)?),
                };
                value.map(rounded)
            };
            (start_ms, self.rows.iter().enumerate().map(value).collect())
        };
        steps.into_iter().enumerate().filter(wanted).map(column).collect()
    }

    fn load(&self, view: &TableView, range: &KeyRange, step: usize) -> Option<Units> {
        ahead::load(view, range, step, self.decided_at, self.quantile)
    }

    /// What a load comes to in a row.
    fn of_load(&self, metric: Metric, at: usize, load: Units) -> Option<f64> {
        match metric {
            Metric::Share => Some(share(load, self.capacity)),
            Metric::ReadUnits => Some(load.read),
            Metric::WriteUnits => Some(load.write),
            Metric::Bytes => self.carried(at, load.read + load.write, |per_unit| per_unit.bytes),
            Metric::Throttles => None,
        }
    }

    /// So many units in what they come with; none are nothing, whatever a unit comes with.
    fn carried(&self, at: usize, units: f64, of: impl Fn(&PerUnit) -> f64) -> Option<f64> {
        let per_unit = self.per_unit.get(at).and_then(Option::as_ref);
        per_unit.map(|per_unit| units * of(per_unit)).or((units <= 0.0).then_some(0.0))
    }

    /// Throttled requests per second in a row: of each partition that it lies in, the row's part of
    /// what is refused.
    fn throttled(
        &self,
        view: &TableView,
        refusals: &[Vec<Option<Units>>],
        at: usize,
        row: &KeyRange,
        step: usize,
    ) -> Option<f64> {
        let parts = view.partitions.iter().zip(refusals).filter_map(|(partition, refusals)| {
            let load = self.load(view, &partition.range.intersection(row)?, step)?;
            let part = (*refusals.get(step)?)?;
            Some(load.read * part.read + load.write * part.write)
        });
        let units = parts.reduce(|sum, units| sum + units)?;
        self.carried(at, units, |per_unit| per_unit.requests)
    }

    /// Per partition and step, the part of reads and of writes that would be refused; `None` where
    /// nothing is forecast.
    fn refusals(&self, view: &TableView, steps: usize) -> Vec<Vec<Option<Units>>> {
        let of_partition = |partition: &PartitionView| {
            let loads: Vec<_> =
                (0..steps).map(|step| self.load(view, &partition.range, step)).collect();
            let refused = refused_of(view, &partition.range, &loads);
            let part = |(load, refused): (&Option<Units>, Option<Units>)| {
                let (load, refused) = ((*load)?, refused?);
                let of = |refused: f64, load: f64| if load > 0.0 { refused / load } else { 0.0 };
                Some(Units {
                    read: of(refused.read, load.read),
                    write: of(refused.write, load.write),
                })
            };
            loads.iter().zip(refused).map(part).collect()
        };
        view.partitions.iter().map(of_partition).collect()
    }
}

/// What a partition of `range` would refuse in each step, in units per second, if it had its part of
/// the burst credit that there is now; `None` where nothing is forecast or nobody can tell.
pub(super) fn refused_of(
    view: &TableView,
    range: &KeyRange,
    loads: &[Option<Units>],
) -> Vec<Option<Units>> {
    let step_s = view.partitions.iter().map(|p| p.step_seconds()).fold(0.0, f64::max);
    let capacity = view.partitions.first().map_or(Units::ZERO, |partition| partition.capacity);
    let flowing: Vec<Units> = loads.iter().map(|load| load.unwrap_or(Units::ZERO)).collect();
    let all = match view.limits {
        Limits::Off => vec![Units::ZERO; loads.len()],
        Limits::Measured => return vec![None; loads.len()],
        Limits::Dynamodb => refused(&flowing, capacity, credit_of(view, range), step_s),
    };
    loads.iter().zip(all).map(|(load, refused)| load.map(|_| refused)).collect()
}

/// The burst credit that a partition of `range` would begin with: as a reslice divides it, by expected
/// load. Full where nobody knows.
fn credit_of(view: &TableView, range: &KeyRange) -> Units {
    let part = |partition: &PartitionView| {
        let common = partition.range.intersection(range)?;
        let full = Units {
            read: partition.capacity.read * BURST_S,
            write: partition.capacity.write * BURST_S,
        };
        let credit = partition.credit.unwrap_or(full);
        let on = |range| view.expected_load(range).unwrap_or(Units::ZERO);
        let (whole, own) = (on(&partition.range), on(&common));
        let of = |own: f64, whole: f64| match range.covers(&partition.range) {
            true => 1.0,
            false if whole > 0.0 => own / whole,
            false => 0.5,
        };
        Some(Units {
            read: credit.read * of(own.read, whole.read),
            write: credit.write * of(own.write, whole.write),
        })
    };
    view.partitions.iter().filter_map(part).sum()
}

impl Manager {
    /// What units came with over the last day, per row; a row without load is taken for the mean.
    pub(super) fn per_unit(
        &self,
        table: TableId,
        rows: &[KeyRange],
        now_ms: i64,
    ) -> Vec<Option<PerUnit>> {
        let channels = [Channel::ReadUnits, Channel::WriteUnits, Channel::Requests, Channel::Bytes];
        let mut sums = vec![[0.0; 4]; rows.len()];
        let collector = self.shared.collector.lock();
        if let Some(history) = collector.history(table) {
            let from_ms = now_ms.saturating_sub(LOOK_BACK_MS);
            history.each_bin(rows, channels, from_ms, now_ms, |_, counted| {
                let counted = counted.into_iter().flatten();
                sums.iter_mut().zip(counted).for_each(|(sums, counted)| add(sums, counted));
            });
        }
        drop(collector);
        of_sums(&sums)
    }
}

fn add(sums: &mut [f64; 4], counted: &[f64; 4]) {
    sums.iter_mut().zip(counted).for_each(|(sum, counted)| *sum += counted);
}

fn of_sums(sums: &[[f64; 4]]) -> Vec<Option<PerUnit>> {
    let mut all = [0.0; 4];
    sums.iter().for_each(|sums| add(&mut all, sums));
    let mean = PerUnit::of(all);
    sums.iter().map(|sums| PerUnit::of(*sums).or(mean)).collect()
}

#[cfg(test)]
mod tests;
