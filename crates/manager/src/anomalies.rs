//! What was odd, when, and who is suspected.
//!
//! Every table and every partition has a detector for its reads and one for its writes, fed with
//! each minute that closes (`forecast::anomaly`); a new partition's are fed with the last day of
//! its keys first, so that a split does not blind them. What a forecast had announced is not odd.
//! When something begins, the hottest keys and the busiest clients of the last five minutes are
//! noted beside it: suspects, not culprits. [`peers`] compares the table's clients, and its cells, with
//! each other.
//!
//! Nothing is decided here, and nothing is stored: after a restart the list begins empty, and the
//! detectors with what the windows kept.

mod peers;

pub use peers::Peer;

use forecast::anomaly::peers::PeerSettings;
use forecast::anomaly::{Anomaly, AnomalyKind, AnomalySettings, Change, Detector};
use forecast::{Outlook, Step};
use peers::{Look, Peers};
use planner::view::{PartitionView, TableView};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, VecDeque};
use types::{KeyRange, PartitionId, TableId};
use workload::{Channel, ClientNames, Collector, Timeline, Window};

/// Suspects that are noted.
const SUSPECTS_MAX: usize = 5;
/// Load below this part of the forecast median is less than was announced.
const EXPECTED_LOW: f64 = 1.0 / 3.0;

/// An anomaly with where it was and who is suspected, as the admin API shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AnomalyDocument {
    /// Given in order.
    pub id: u64,
    /// The table's name.
    pub table: String,
    /// The partition; `None` if it is the table as a whole, or a client.
    pub partition: Option<PartitionId>,
    /// Who is odd among its peers; `None` if a load is odd against its own past.
    pub peer: Option<Peer>,
    /// What `level` and `extreme` count, per second: `read_units` or `write_units`, of a cell `units`
    /// (both), of a client `requests`.
    pub load: &'static str,
    /// What happened when, and how far it went.
    #[serde(flatten)]
    pub anomaly: Anomaly,
    /// The hottest keys when it was noticed, as beginnings of storage keys in hexadecimal.
    pub keys: Vec<Suspect>,
    /// The busiest clients in the sample of the same minutes.
    pub clients: Vec<Suspect>,
}

/// What an anomaly is about, and which way it goes, as the metrics name it.
const SUBJECTS: [&str; 4] = ["table", "partition", "cell", "client"];
const KINDS: [&str; 2] = ["flash_crowd", "drop"];

impl AnomalyDocument {
    fn class(&self) -> (&'static str, &'static str) {
        let subject = match (&self.peer, self.partition) {
            (Some(Peer::Client(_)), _) => "client",
            (Some(Peer::Cell { .. }), _) => "cell",
            (None, Some(_)) => "partition",
            (None, None) => "table",
        };
        let kind = match self.anomaly.kind {
            AnomalyKind::FlashCrowd => "flash_crowd",
            AnomalyKind::Drop => "drop",
        };
        (subject, kind)
    }
}

/// Somebody with a large share of the load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suspect {
    /// A key or a client.
    pub name: String,
    /// Its share of the load, from 0 to 1.
    pub share: f64,
}

/// The list of anomalies, the newest last; the oldest go first.
#[derive(Debug)]
pub(crate) struct AnomalyLog {
    kept: VecDeque<AnomalyDocument>,
    kept_max: usize,
    next_id: u64,
    /// What has begun or ended since this was asked for.
    changed: Vec<AnomalyDocument>,
    /// How many have begun since the start, by whom they were about and which way they went.
    counts: BTreeMap<(&'static str, &'static str), u64>,
}

impl AnomalyLog {
    pub(crate) fn new(kept_max: usize) -> Self {
        Self {
            kept: VecDeque::new(),
            kept_max: kept_max.max(1),
            next_id: 1,
            changed: Vec::new(),
            counts: BTreeMap::new(),
        }
    }

    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &AnomalyDocument> {
        self.kept.iter()
    }

    /// How many of a table go on.
    pub(crate) fn open(&self, table: &str) -> usize {
        self.kept.iter().filter(|e| e.table == table && e.anomaly.end_ms.is_none()).count()
    }

    /// How many have begun since the start, of every class.
    pub(crate) fn counts(&self) -> Vec<(&'static str, &'static str, u64)> {
        let classes = SUBJECTS.into_iter().flat_map(|subject| KINDS.map(|kind| (subject, kind)));
        let count = |class| self.counts.get(&class).copied().unwrap_or(0);
        classes.map(|class| (class.0, class.1, count(class))).collect()
    }

    /// What has begun or ended since the last call.
    pub(crate) fn take_changed(&mut self) -> Vec<AnomalyDocument> {
        std::mem::take(&mut self.changed)
    }

    fn begin(&mut self, make: impl FnOnce(u64) -> AnomalyDocument) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let made = make(id);
        *self.counts.entry(made.class()).or_default() += 1;
        self.changed.push(made.clone());
        self.kept.push_back(made);
        if self.kept.len() > self.kept_max {
            self.kept.pop_front();
        }
        id
    }

    fn end(&mut self, id: u64, anomaly: Anomaly) {
        if let Some(entry) = self.kept.iter_mut().find(|entry| entry.id == id) {
            entry.anomaly = anomaly;
            self.changed.push(entry.clone());
        }
    }
}

/// The detectors of one table.
#[derive(Debug)]
pub(crate) struct TableWatch {
    settings: AnomalySettings,
    /// By partition; `None` is the table as a whole.
    scopes: HashMap<Option<PartitionId>, Scope>,
    peers: Peers,
    seen_until_ms: Option<i64>,
}

/// Reads and writes of one range of keys.
#[derive(Debug)]
struct Scope {
    range: KeyRange,
    lanes: [Lane; 2],
}

#[derive(Debug)]
struct Lane {
    channel: Channel,
    detector: Detector,
    /// The anomaly that goes on, by its id in the log.
    open: Option<u64>,
}

impl TableWatch {
    pub(crate) fn new(settings: &AnomalySettings, peers: &PeerSettings) -> Self {
        Self {
            settings: settings.clone(),
            scopes: HashMap::new(),
            peers: Peers::new(peers),
            seen_until_ms: None,
        }
    }

    /// Looks at the minutes that have closed since.
    pub(crate) fn follow(
        &mut self,
        table: TableId,
        view: &TableView,
        collector: &Collector,
        clients: &ClientNames,
        log: &mut AnomalyLog,
    ) {
        let Some(minutes) = collector.timeline(table, Window::Day) else {
            return;
        };
        let until_ms = minutes.end_ms();
        let from_ms = self.seen_until_ms.unwrap_or(until_ms);
        if self.seen_until_ms.is_some() && until_ms < from_ms + minutes.bin_ms() {
            return;
        }
        self.watch_what_there_is(view, minutes, from_ms);
        for (partition, scope) in &mut self.scopes {
            for change in scope.push_since(minutes, from_ms, *partition, view) {
                let suspects = || suspects(collector, table, &scope.range, clients);
                note(&mut scope.lanes[change.lane], change, *partition, view, suspects, log);
            }
        }
        let look = Look { table, view, collector, minutes, names: clients };
        self.peers.follow(&look, from_ms, log);
        self.seen_until_ms = Some(until_ms);
    }

    /// Keeps one scope per partition and one for the table; new ones are told the past.
    fn watch_what_there_is(&mut self, view: &TableView, minutes: &Timeline, until_ms: i64) {
        let known = |id: &Option<PartitionId>| {
            id.is_none_or(|id| view.partitions.iter().any(|partition| partition.id == id))
        };
        self.scopes.retain(|id, _| known(id));
        let partitions = view.partitions.iter().map(|p| (Some(p.id), p.range.clone()));
        for (id, range) in partitions.chain([(None, KeyRange::full())]) {
            let settings = &self.settings;
            self.scopes
                .entry(id)
                .or_insert_with(|| Scope::with_past(range, settings, minutes, until_ms));
        }
    }
}

/// A change with the lane it happened in.
struct LaneChange {
    lane: usize,
    change: Change,
}

impl Scope {
    fn with_past(
        range: KeyRange,
        settings: &AnomalySettings,
        minutes: &Timeline,
        until_ms: i64,
    ) -> Self {
        let lane = |channel| {
            let mut detector = Detector::new(settings);
            for (start_ms, load) in loads(minutes, &range, channel, minutes.start_ms()) {
                if start_ms < until_ms {
                    let _past = detector.push(start_ms, load, None);
                }
            }
            Lane { channel, detector, open: None }
        };
        let lanes = [Channel::ReadUnits, Channel::WriteUnits].map(lane);
        Self { range, lanes }
    }

    fn push_since(
        &mut self,
        minutes: &Timeline,
        from_ms: i64,
        partition: Option<PartitionId>,
        view: &TableView,
    ) -> Vec<LaneChange> {
        let mut changes = Vec::new();
        for (number, lane) in self.lanes.iter_mut().enumerate() {
            for (start_ms, load) in loads(minutes, &self.range, lane.channel, from_ms) {
                let expected = expected(view, partition, lane.channel, start_ms);
                let change = lane.detector.push(start_ms, load, expected);
                changes.extend(change.map(|change| LaneChange { lane: number, change }));
            }
        }
        changes
    }
}

/// The loads of the minutes from `from_ms` on; one that was not counted is not a number.
fn loads(
    minutes: &Timeline,
    range: &KeyRange,
    channel: Channel,
    from_ms: i64,
) -> impl Iterator<Item = (i64, f64)> {
    let series = minutes.series_from(range, channel, from_ms);
    let (start_ms, bin_ms) = (series.start_ms, series.bin_ms);
    let pairs = series.values.into_iter().zip(series.known).zip(0..);
    pairs.map(move |((load, known), bin)| {
        (start_ms + bin * bin_ms, if known { load } else { f64::NAN })
    })
}

/// Between which loads the forecast had this minute, if there is one; for the table, if all
/// partitions have one.
fn expected(
    view: &TableView,
    partition: Option<PartitionId>,
    channel: Channel,
    at_ms: i64,
) -> Option<(f64, f64)> {
    let concerned = view.partitions.iter().filter(|p| partition.is_none_or(|id| p.id == id));
    let mut sum = (0.0, 0.0);
    for each in concerned {
        let step = forecast_at(each, channel, at_ms)?;
        sum = (sum.0 + EXPECTED_LOW * step.q50, sum.1 + step.q99);
    }
    Some(sum)
}

fn forecast_at(partition: &PartitionView, channel: Channel, at_ms: i64) -> Option<Step> {
    let outlook = match channel {
        Channel::WriteUnits => &partition.write,
        _ => &partition.read,
    };
    let Outlook::Forecast(forecast) = outlook else {
        return None;
    };
    // A minute of the bin that has just closed was forecast by the bin before: near enough.
    let step = (at_ms - forecast.start_ms).max(0) / forecast.bin_ms;
    forecast.steps.get(step as usize).copied()
}

fn suspects(
    collector: &Collector,
    table: TableId,
    range: &KeyRange,
    names: &ClientNames,
) -> (Vec<Suspect>, Vec<Suspect>) {
    let hot = collector.hot_keys(table, Window::FiveMinutes, 4 * SUSPECTS_MAX);
    let keys =
        hot.iter().filter(|key| range.contains(key.storage_key.as_bytes())).take(SUSPECTS_MAX).map(
            |key| Suspect {
                name: crate::heatmap::hex(key.storage_key.as_bytes()),
                share: key.share,
            },
        );
    let sample = collector.sampled_vectors(table, Window::FiveMinutes, names);
    let inside = sample.iter().filter(|vector| hex_within(range, &vector.storage_key));
    (keys.collect(), ranked(inside.map(|vector| vector.client.as_str())))
}

/// Whether a key, or the beginning of one, lies in a range; in hexadecimal the order is the same.
fn hex_within(range: &KeyRange, key: &str) -> bool {
    let hex = |key: &[u8]| crate::heatmap::hex(key);
    *key >= *hex(&range.start) && range.end.as_ref().is_none_or(|end| *key < *hex(end))
}

/// The most frequent names with their shares.
fn ranked<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Suspect> {
    let mut counts: HashMap<&str, u32> = HashMap::new();
    names.for_each(|name| *counts.entry(name).or_default() += 1);
    let total = f64::from(counts.values().sum::<u32>());
    let suspect = |(name, count): (&str, u32)| Suspect {
        name: name.to_owned(),
        share: f64::from(count) / total,
    };
    let mut ranked: Vec<Suspect> = counts.into_iter().map(suspect).collect();
    ranked.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.name.cmp(&b.name)));
    ranked.truncate(SUSPECTS_MAX);
    ranked
}

/// Writes a change into the log, for people and for the API.
fn note(
    lane: &mut Lane,
    LaneChange { change, .. }: LaneChange,
    partition: Option<PartitionId>,
    view: &TableView,
    suspects: impl FnOnce() -> (Vec<Suspect>, Vec<Suspect>),
    log: &mut AnomalyLog,
) {
    match change {
        Change::Began(anomaly) => {
            let (keys, clients) = suspects();
            let table = view.name.clone();
            let load = lane.channel.name();
            let what = match anomaly.kind {
                AnomalyKind::FlashCrowd => "a flash crowd",
                AnomalyKind::Drop => "a drop",
            };
            tracing::warn!(
                table,
                ?partition,
                load,
                level = anomaly.level,
                now = anomaly.extreme,
                key = keys.first().map(|s| s.name.as_str()),
                client = clients.first().map(|s| s.name.as_str()),
                "{what} has begun",
            );
            lane.open = Some(log.begin(|id| AnomalyDocument {
                id,
                table,
                partition,
                peer: None,
                load,
                anomaly,
                keys,
                clients,
            }));
        }
        Change::Ended(anomaly) => {
            tracing::info!(table = view.name, ?partition, load = lane.channel.name(), "it is over");
            if let Some(id) = lane.open.take() {
                log.end(id, anomaly);
            }
        }
    }
}

/// A view of a table for the tests of this crate.
#[cfg(test)]
pub(crate) fn view_for_tests() -> TableView {
    tests::view(0)
}

#[cfg(test)]
mod tests;
