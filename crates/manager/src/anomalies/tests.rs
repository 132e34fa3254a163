//! A crowd on one key, put into quiet hours.

use super::*;
use forecast::Abstention;
use planner::view::Limits;
use types::{Strategy, Units};
use workload::{
    CollectorSettings, Outcome, RangeKeyPrefix, RequestType, StorageKeyPrefix, Vector, client_hash,
};

pub(super) const TABLE: TableId = TableId(7);
const MINUTE_MS: i64 = 60_000;
const QUIET_PER_MINUTE: i64 = 60;

fn half(second: bool) -> KeyRange {
    let middle = bytes::Bytes::from_static(&[0x80]);
    match second {
        false => KeyRange { start: bytes::Bytes::new(), end: Some(middle) },
        true => KeyRange { start: middle, end: None },
    }
}

pub(super) fn partitions() -> [(PartitionId, KeyRange); 2] {
    [(PartitionId(1), half(false)), (PartitionId(2), half(true))]
}

fn unknown() -> Outlook {
    Outlook::Abstain(Abstention { start_ms: 0, reason: "new".into(), level: None })
}

pub(super) fn view(now_ms: i64) -> TableView {
    let partition = |(id, range): (PartitionId, KeyRange)| PartitionView {
        id,
        range,
        capacity: Units { read: 10.0, write: 10.0 },
        credit: None,
        load_now: Units::ZERO,
        load_recent: Units::ZERO,
        load_day_max: Units::ZERO,
        season_max: None,
        at_limit_ms: 0,
        throttled_now: 0.0,
        read: unknown(),
        write: unknown(),
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
        table: TABLE,
        name: "orders".into(),
        now_ms,
        due: false,
        busy: false,
        limits: Limits::Off,
        strategy: Strategy::Hash,
        warm: Units::ZERO,
        node: None,
        last_plan_ms: None,
        partitions: partitions().map(partition).into(),
    }
}

pub(super) fn write(timestamp_ms: i64, key: &[u8], client: &str) -> Vector {
    Vector {
        table: TABLE,
        partition: PartitionId(0),
        key_hash: u64::from(key[0]),
        timestamp_ms,
        client: client_hash(client),
        data_bytes: 100,
        read_units: 0.0,
        write_units: 1.0,
        storage_key: StorageKeyPrefix::new(key),
        range_key: RangeKeyPrefix::EMPTY,
        request: RequestType::Store,
        outcome: Outcome::Served,
        demand: true,
    }
}

/// Four quiet hours, twenty minutes of a crowd on one key of the second partition, a quiet hour;
/// looked at once a minute from the third hour on.
fn play() -> Vec<AnomalyDocument> {
    let names = ClientNames::new(10);
    for name in ["shop", "crawler"] {
        names.register(name);
    }
    let mut collector = Collector::new(&CollectorSettings::default());
    collector.set_partitions(TABLE, Strategy::Hash, &partitions());
    let mut watch = TableWatch::new(&AnomalySettings::default(), &PeerSettings::default());
    let mut log = AnomalyLog::new(10);
    for minute in 0..320_i64 {
        let crowd = (240..260).contains(&minute);
        for i in 0..QUIET_PER_MINUTE {
            let at_ms = minute * MINUTE_MS + i * 1_000;
            let key = [(i * 41 % 250) as u8];
            collector.ingest(&write(at_ms, &key, "shop"));
            for _ in 0..if crowd { 4 } else { 0 } {
                collector.ingest(&write(at_ms, &[0xcc], "crawler"));
            }
        }
        let now_ms = (minute + 1) * MINUTE_MS + 30_000;
        collector.advance(now_ms);
        if minute >= 120 {
            watch.follow(TABLE, &view(now_ms), &collector, &names, &mut log);
        }
    }
    log.entries().cloned().collect()
}

#[test]
fn a_crowd_is_found_where_it_is_and_its_key_and_client_are_suspected() {
    let found = play();
    let places: Vec<Option<PartitionId>> = found.iter().map(|a| a.partition).collect();
    assert!(places.contains(&None) && places.contains(&Some(PartitionId(2))), "{found:#?}");
    assert!(!places.contains(&Some(PartitionId(1))), "the first partition was quiet: {found:#?}");
    for each in &found {
        assert_eq!((each.load, each.anomaly.kind), ("write_units", AnomalyKind::FlashCrowd));
        let began = each.anomaly.start_ms / MINUTE_MS;
        let ended = each.anomaly.end_ms.expect("it is over") / MINUTE_MS;
        assert!((240..243).contains(&began) && (259..265).contains(&ended), "{began} to {ended}");
        assert_eq!(each.keys[0].name, "cc");
        assert_eq!(each.clients[0].name, "crawler");
    }
}

#[test]
fn the_list_is_bounded_and_the_oldest_go() {
    let anomaly = play()[0].anomaly;
    let mut log = AnomalyLog::new(3);
    for _ in 0..5 {
        log.begin(|id| AnomalyDocument {
            id,
            table: "t".into(),
            partition: None,
            peer: None,
            load: "read_units",
            anomaly,
            keys: Vec::new(),
            clients: Vec::new(),
        });
    }
    assert_eq!(log.entries().map(|entry| entry.id).collect::<Vec<_>>(), [3, 4, 5]);
}
