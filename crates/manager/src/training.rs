//! Training the recurrent network, in the background and on little.
//!
//! One network serves all series of the process. It is trained when the first table has enough
//! history, and further every week, from the busiest partitions' reads and writes. The work is cut
//! into portions of a few updates; between two the task rests long enough to keep to its share of one
//! core, and looks whether the manager stops. What was not finished is begun anew after a restart:
//! it costs some seconds of CPU. The network is stored under `forecast/network`; one that cannot
//! be read is dropped with a warning and trained anew.
//!
//! Nothing waits for it: without a network the other methods forecast, and a new one has to earn
//! its word on the scoreboard like everybody else.

use crate::error::ManagerError;
use crate::shared::Shared;
use bytes::Bytes;
use forecast::{Network, Series, Trainer};
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::Blobs;
use tokio::sync::watch;
use types::{KeyRange, TableId, Units};
use workload::{Channel, RateSeries};

const NAME: &str = "forecast/network";
/// Updates per portion: some fifty milliseconds.
const PORTION: u32 = 5;
/// How often it is looked whether there is something to train on, in real time.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);
/// Initial weights and the order of windows are drawn from this.
const SEED: u64 = 1;

/// Reads the stored network, if there is a usable one.
pub(crate) async fn restore(blobs: &Blobs) -> Result<Option<Arc<Network>>, ManagerError> {
    let Some(bytes) = blobs.get(NAME).await? else {
        return Ok(None);
    };
    Ok(readable(&bytes))
}

/// The network in these bytes; none if they are damaged.
fn readable(bytes: &[u8]) -> Option<Arc<Network>> {
    match Network::from_bytes(bytes) {
        Ok(network) => Some(Arc::new(network)),
        Err(error) => {
            tracing::warn!(name = NAME, %error, "dropped");
            None
        }
    }
}

/// When the network counts as trained. How old a stored one is, is not stored with it: it is taken for
/// new; without one there was no training yet.
fn last_trained_ms(network: Option<&Network>, now_ms: i64) -> Option<i64> {
    network.map(|_| now_ms)
}

fn is_due(trained_ms: Option<i64>, now_ms: i64, interval_ms: i64) -> bool {
    trained_ms.is_none_or(|at_ms| now_ms - at_ms >= interval_ms)
}

/// Trains whenever it is due, until told to stop.
pub(crate) async fn run(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    if !shared.settings.training.enabled {
        return;
    }
    let mut trained_ms =
        last_trained_ms(shared.network.load().as_deref(), shared.components.clock.now_ms());
    loop {
        let now_ms = shared.components.clock.now_ms();
        let interval_ms = shared.settings.training.interval_ms;
        if is_due(trained_ms, now_ms, interval_ms) {
            let series = collected(&shared);
            if !series.is_empty() {
                match train(&shared, series, &mut stop).await {
                    Ok(true) => trained_ms = Some(now_ms),
                    Ok(false) => return,
                    Err(error) => tracing::warn!(%error, "the network could not be trained"),
                }
            }
        }
        tokio::select! {
            _ = stop.changed() => return,
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
    }
}

/// Trains once; `false` if it was told to stop.
async fn train(
    shared: &Shared,
    series: Vec<Series>,
    stop: &mut watch::Receiver<bool>,
) -> Result<bool, ManagerError> {
    let settings = &shared.settings.training;
    let forecast = &shared.components.controller.forecast;
    let mut trainer = Trainer::new(forecast, settings.updates_max, SEED)?;
    if let Some(network) = shared.network.load_full() {
        trainer = trainer.starting_from(&network);
    }
    let series = Arc::new(series);
    loop {
        let begun = Instant::now();
        let mine = series.clone();
        let portion = tokio::task::spawn_blocking(move || {
            let over = trainer.train(&mine, PORTION);
            (trainer, over)
        });
        let (after, over) = portion.await?;
        trainer = after;
        if over {
            break;
        }
        let rest = begun.elapsed().mul_f64((1.0 / settings.cpu_share_max - 1.0).max(0.0));
        tokio::select! {
            _ = stop.changed() => return Ok(false),
            () = tokio::time::sleep(rest) => {}
        }
    }
    if !trainer.loss().is_finite() {
        tracing::info!("no series is regular enough for a network");
        return Ok(true);
    }
    let network = trainer.best().clone();
    shared.components.storage.blobs().put(NAME, Bytes::from(network.to_bytes())).await?;
    tracing::info!(series = series.len(), loss = trainer.loss(), "the network was trained");
    shared.network.store(Some(Arc::new(network)));
    Ok(true)
}

/// The series to train on: reads and writes of partitions with enough history, busiest first. The
/// collector is locked for one partition at a time.
fn collected(shared: &Shared) -> Vec<Series> {
    let settings = &shared.settings.training;
    let mut partitions = partitions(shared);
    partitions.sort_by(|(_, _, a), (_, _, b)| (b.read + b.write).total_cmp(&(a.read + a.write)));
    let mut series = Vec::new();
    for (table, range, _) in partitions {
        if series.len() >= settings.series_max {
            break;
        }
        let collector = shared.collector.lock();
        let Some(history) = collector.history(table) else {
            continue;
        };
        for channel in [Channel::ReadUnits, Channel::WriteUnits] {
            series.extend(long_enough(history.series(&range, channel), settings.history_ms_min));
        }
    }
    series
}

/// The partitions of all tables with their recent load.
fn partitions(shared: &Shared) -> Vec<(TableId, KeyRange, Units)> {
    let snapshots = shared.snapshots.load();
    let of_table = |(table, snapshot): (&TableId, &Arc<crate::tables::Snapshot>)| {
        let partitions = snapshot.view.partitions.iter();
        partitions.map(|p| (*table, p.range.clone(), p.load_recent)).collect::<Vec<_>>()
    };
    snapshots.iter().flat_map(of_table).collect()
}

/// What is known of a series, if that is long enough and not all idle; unknown bins are gaps.
fn long_enough(series: RateSeries, history_ms_min: i64) -> Option<Series> {
    let first = series.known.iter().position(|&known| known)?;
    let known = series.values.len() - first;
    let idle = series.values[first..].iter().all(|&value| value == 0.0);
    if idle || (known as i64) * series.bin_ms < history_ms_min {
        return None;
    }
    let value = |(&value, &known): (&f64, &bool)| if known { value } else { f64::NAN };
    let values = series.values.iter().zip(&series.known).skip(first).map(value).collect();
    Some(Series::new(series.start_ms + first as i64 * series.bin_ms, series.bin_ms, values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use forecast::ForecastSettings;

    #[test]
    fn a_damaged_network_is_dropped_and_trained_anew() {
        let trainer = Trainer::new(&ForecastSettings::default(), 1, SEED).unwrap();
        let good = trainer.best().to_bytes();
        let due = |bytes: &[u8]| {
            let network = readable(bytes);
            is_due(last_trained_ms(network.as_deref(), 1_000), 1_001, 500)
        };
        assert!(!due(&good), "a good one serves for a while");
        for at in [0, good.len() / 2, good.len() - 1] {
            let mut damaged = good.clone();
            damaged[at] ^= 0x10;
            assert!(readable(&damaged).is_none() && due(&damaged), "byte {at}");
        }
        assert!(due(&good[..good.len() - 1]) && due(b""));
    }
}
