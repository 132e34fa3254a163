//! Clients and cells that go another way than their peers (`forecast::anomaly::peers`).
//!
//! Cells are compared by their units, which are counted; clients by their requests, estimated from the
//! sample of the last minutes, as nobody counts by client. A cell is not odd while its load is one that
//! the forecast had for it, so that a hot spot that moves as expected is none. When the cells change, the
//! new ones are told the last hour of their keys.

use super::{AnomalyDocument, AnomalyLog, Suspect, hex_within, ranked, suspects};
use forecast::anomaly::peers::{PeerChange, PeerLoad, PeerSettings, PeerWatch};
use forecast::anomaly::{Anomaly, AnomalyKind};
use planner::view::TableView;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use types::{KeyRange, TableId, Units};
use workload::{Channel, ClientNames, Collector, Timeline, VectorView, Window};

const MINUTE_MS: i64 = 60_000;
/// Minutes that the sample of clients is about.
const SAMPLED_MINUTES: i64 = 5;
/// Neighbouring cells are put together until there are at most so many: each should have load.
const CELLS_MAX: usize = 64;
/// How much of the past new cells are told.
const TOLD_MS: i64 = 3_600_000;
/// So many times what the forecast has for a cell at the decision quantile was announced.
const ANNOUNCED: f64 = 1.5;

/// Who is odd among its peers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// A client, by its name.
    Client(String),
    /// A cell of the key axis.
    Cell {
        /// Its first key in hexadecimal; empty for the beginning of the axis.
        start: String,
        /// The first key behind it; empty for the end of the axis.
        end: String,
    },
}

impl Peer {
    fn cell(range: &KeyRange) -> Self {
        let hex = |key: &[u8]| crate::heatmap::hex(key);
        Self::Cell {
            start: hex(&range.start),
            end: range.end.as_ref().map(|end| hex(end)).unwrap_or_default(),
        }
    }
}

/// The watches of one table.
#[derive(Debug)]
pub(super) struct Peers {
    settings: PeerSettings,
    ranges: Vec<KeyRange>,
    cells: PeerWatch<usize>,
    clients: PeerWatch<String>,
    /// What goes on, with its number in the log.
    open: HashMap<Peer, (u64, Anomaly)>,
}

/// What is looked at.
pub(super) struct Look<'a> {
    pub(super) table: TableId,
    pub(super) view: &'a TableView,
    pub(super) collector: &'a Collector,
    pub(super) minutes: &'a Timeline,
    pub(super) names: &'a ClientNames,
}

impl Peers {
    pub(super) fn new(settings: &PeerSettings) -> Self {
        Self {
            settings: settings.clone(),
            ranges: Vec::new(),
            cells: PeerWatch::new(settings),
            clients: PeerWatch::new(settings),
            open: HashMap::new(),
        }
    }

    /// Looks at the minutes from `from_ms` on.
    pub(super) fn follow(&mut self, look: &Look<'_>, from_ms: i64, log: &mut AnomalyLog) {
        let ranges = look.collector.cells(look.table).map(|cells| cells.ranges().collect());
        let ranges = joined(ranges.unwrap_or_default());
        if ranges != self.ranges {
            self.take_cells(ranges, look, from_ms, log);
        }
        for (start_ms, loads) in cell_loads(look.minutes, &self.ranges, from_ms, Some(look.view)) {
            for PeerChange { key, anomaly } in self.cells.push(start_ms, &loads) {
                let range = &self.ranges[key];
                let told = || suspects(look.collector, look.table, range, look.names);
                note(&mut self.open, Peer::cell(range), "units", anomaly, look.view, told, log);
            }
        }
        self.follow_clients(look, log);
    }

    /// Watches other cells from now on: what was odd among the old ones is over.
    fn take_cells(
        &mut self,
        ranges: Vec<KeyRange>,
        look: &Look<'_>,
        from_ms: i64,
        log: &mut AnomalyLog,
    ) {
        self.open.retain(|peer, (id, anomaly)| {
            let stays = matches!(peer, Peer::Client(_));
            if !stays {
                log.end(*id, Anomaly { end_ms: Some(from_ms), ..*anomaly });
            }
            stays
        });
        self.ranges = ranges;
        self.cells = PeerWatch::new(&self.settings);
        for (start_ms, loads) in cell_loads(look.minutes, &self.ranges, from_ms - TOLD_MS, None) {
            if start_ms < from_ms {
                let _past = self.cells.push(start_ms, &loads);
            }
        }
    }

    /// Looks at the minutes that closed last: a single one has too few sampled requests.
    fn follow_clients(&mut self, look: &Look<'_>, log: &mut AnomalyLog) {
        let end_ms = look.minutes.end_ms();
        let start_ms = end_ms - SAMPLED_MINUTES * MINUTE_MS;
        let sample = look.collector.sampled_vectors(look.table, Window::FiveMinutes, look.names);
        let closed = |vector: &&VectorView| {
            vector.demand && (start_ms..end_ms).contains(&vector.timestamp_ms)
        };
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for vector in sample.iter().filter(closed) {
            *counts.entry(&vector.client).or_default() += 1;
        }
        let requests = look.minutes.series_from(&KeyRange::full(), Channel::Requests, start_ms);
        let requests = requests.values.iter().sum::<f64>() / requests.values.len().max(1) as f64;
        let sampled = f64::from(counts.values().sum::<u32>()).max(1.0);
        let loads: Vec<PeerLoad<String>> = counts
            .iter()
            .map(|(name, &count)| PeerLoad {
                key: (*name).to_owned(),
                load: requests * f64::from(count) / sampled,
                // Every sampled request is looked at in as many minutes.
                counted: f64::from(count) / SAMPLED_MINUTES as f64,
                announced: None,
            })
            .collect();
        for PeerChange { key, anomaly } in self.clients.push(end_ms - MINUTE_MS, &loads) {
            let told = || {
                let its = || sample.iter().filter(|vector| vector.client == key);
                let keys = ranked(its().map(|vector| vector.storage_key.as_str()));
                let share = its().count() as f64 / sample.len().max(1) as f64;
                (keys, vec![Suspect { name: key.clone(), share }])
            };
            let peer = Peer::Client(key.clone());
            note(&mut self.open, peer, "requests", anomaly, look.view, told, log);
        }
    }
}

/// Neighbours put together, the same number each time, until there are few enough.
fn joined(cells: Vec<KeyRange>) -> Vec<KeyRange> {
    let together = cells.len().div_ceil(CELLS_MAX).max(1);
    let join = |cells: &[KeyRange]| KeyRange {
        start: cells[0].start.clone(),
        end: cells[cells.len() - 1].end.clone(),
    };
    cells.chunks(together).map(join).collect()
}

/// Up to which load the forecast has a range; `None` if it has none for a part of it.
fn announced(view: &TableView, range: &KeyRange) -> Option<f64> {
    let cells = view.partitions.iter().flat_map(|partition| &partition.cells);
    let inside = cells.filter(|cell| range.contains(&cell.range.start));
    let loads: Option<Vec<Units>> = inside.map(|cell| cell.forecast.first().copied()).collect();
    let loads = loads.filter(|loads| !loads.is_empty())?;
    Some(ANNOUNCED * loads.iter().map(|units| units.read + units.write).sum::<f64>())
}

/// The cells' loads minute by minute, with what was announced if a view is given; minutes that were not
/// counted are left out.
fn cell_loads(
    minutes: &Timeline,
    ranges: &[KeyRange],
    from_ms: i64,
    view: Option<&TableView>,
) -> Vec<(i64, Vec<PeerLoad<usize>>)> {
    let [reads, writes, requests] = [Channel::ReadUnits, Channel::WriteUnits, Channel::Requests]
        .map(|channel| minutes.matrix(ranges, channel, from_ms));
    let Some(first) = reads.first() else {
        return Vec::new();
    };
    let announced: Vec<Option<f64>> =
        ranges.iter().map(|range| view.and_then(|view| announced(view, range))).collect();
    let load = |cell: usize, minute: usize| PeerLoad {
        key: cell,
        load: reads[cell].values[minute] + writes[cell].values[minute],
        counted: requests[cell].values[minute] * MINUTE_MS as f64 / 1e3,
        announced: announced[cell],
    };
    let minute = |minute: usize| {
        let loads = (0..ranges.len()).map(|cell| load(cell, minute)).collect();
        (first.start_ms + minute as i64 * first.bin_ms, loads)
    };
    (0..first.values.len()).filter(|&at| first.known[at]).map(minute).collect()
}

/// Writes a change into the log, for people and for the API.
fn note(
    open: &mut HashMap<Peer, (u64, Anomaly)>,
    peer: Peer,
    load: &'static str,
    anomaly: Anomaly,
    view: &TableView,
    suspects: impl FnOnce() -> (Vec<Suspect>, Vec<Suspect>),
    log: &mut AnomalyLog,
) {
    let table = view.name.clone();
    if anomaly.end_ms.is_some() {
        tracing::info!(table, ?peer, "it is over");
        if let Some((id, _)) = open.remove(&peer) {
            log.end(id, anomaly);
        }
        return;
    }
    let (keys, clients) = suspects();
    let what = match anomaly.kind {
        AnomalyKind::FlashCrowd => "far more than its peers",
        AnomalyKind::Drop => "far less than its peers",
    };
    let (level, now) = (anomaly.level, anomaly.extreme);
    let key = keys.first().map(|suspect| suspect.name.as_str());
    let client = clients.first().map(|suspect| suspect.name.as_str());
    tracing::warn!(table, ?peer, load, level, now, key, client, "{what}");
    let starts = peer.clone();
    let id = log.begin(|id| AnomalyDocument {
        id,
        table,
        partition: partition_of(view, &starts),
        peer: Some(starts),
        load,
        anomaly,
        keys,
        clients,
    });
    open.insert(peer, (id, anomaly));
}

/// The partition that a cell lies in.
fn partition_of(view: &TableView, peer: &Peer) -> Option<types::PartitionId> {
    let Peer::Cell { start, .. } = peer else {
        return None;
    };
    view.partitions.iter().find(|each| hex_within(&each.range, start)).map(|each| each.id)
}

#[cfg(test)]
mod tests;
