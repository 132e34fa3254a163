//! Eight clients on a whole table: one of them, or one cell, goes its own way.

use super::super::{AnomalyDocument, AnomalyLog, TableWatch, tests as table};
use super::*;
use forecast::anomaly::AnomalySettings;
use types::Strategy;
use workload::CollectorSettings;

const CLIENTS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// Four hours in which every client writes four times a second all over the axis, looked at once a minute
/// from the second hour on; `more` writes so many more in a second of a minute.
fn play(more: impl Fn(i64) -> Vec<(u8, &'static str)>) -> Vec<AnomalyDocument> {
    let names = ClientNames::new(20);
    CLIENTS.iter().for_each(|name| {
        names.register(name);
    });
    let mut collector = Collector::new(&CollectorSettings::default());
    collector.set_partitions(table::TABLE, Strategy::Hash, &table::partitions());
    // Only peers are of interest here: a table's own load is never odd.
    let own = AnomalySettings { load_min: f64::INFINITY, ..AnomalySettings::default() };
    let mut watch =
        TableWatch::new(&own, &PeerSettings { load_min: 0.25, ..PeerSettings::default() });
    let mut log = AnomalyLog::new(100);
    let mut sent = 0_u64;
    for minute in 0..240_i64 {
        for second in 0..60 {
            let at_ms = minute * MINUTE_MS + second * 1_000;
            for client in CLIENTS.iter().cycle().take(4 * CLIENTS.len()) {
                sent += 1;
                let share = (sent as f64 * 0.618_033_988_749_895).fract();
                collector.ingest(&table::write(at_ms, &[(share * 256.0) as u8], client));
            }
            for (key, client) in more(minute) {
                collector.ingest(&table::write(at_ms, &[key], client));
            }
        }
        let now_ms = (minute + 1) * MINUTE_MS + 30_000;
        collector.advance(now_ms);
        if minute >= 60 {
            watch.follow(table::TABLE, &table::view(now_ms), &collector, &names, &mut log);
        }
    }
    assert_eq!(log.counts().iter().map(|count| count.2).sum::<u64>(), log.entries().count() as u64);
    log.entries().cloned().collect()
}

#[test]
fn a_client_that_asks_for_more_than_the_others_is_named_with_its_keys() {
    let crawl = |minute| if (150..180).contains(&minute) { vec![(7, "c"); 30] } else { Vec::new() };
    let found = play(crawl);
    let clients: Vec<_> =
        found.iter().filter(|a| matches!(a.peer, Some(Peer::Client(_)))).collect();
    let [odd] = &clients[..] else { panic!("one client: {found:#?}") };
    assert_eq!((odd.peer.clone(), odd.load), (Some(Peer::Client("c".into())), "requests"));
    let began = odd.anomaly.start_ms / MINUTE_MS;
    let ended = odd.anomaly.end_ms.expect("it is over") / MINUTE_MS;
    assert!((150..159).contains(&began) && (180..190).contains(&ended), "{began} to {ended}");
    assert!(odd.anomaly.extreme > 25.0 && odd.anomaly.level < 8.0, "{:?}", odd.anomaly);
    assert_eq!((odd.keys[0].name.as_str(), odd.clients[0].name.as_str()), ("07", "c"));
}

#[test]
fn keys_that_get_more_than_the_others_are_a_cell_with_suspects() {
    let hot = |minute| {
        let clients = CLIENTS.iter().cycle().take(24).map(|client| (0xc8, *client));
        if (150..170).contains(&minute) { clients.collect() } else { Vec::new() }
    };
    let found = play(hot);
    let cells: Vec<_> = found.iter().filter(|a| a.peer.is_some()).collect();
    assert!(!cells.is_empty(), "{found:#?}");
    for odd in cells {
        let Some(Peer::Cell { start, end }) = &odd.peer else { panic!("no client: {odd:#?}") };
        assert!(
            start.as_str() <= "c8" && (end.is_empty() || end.as_str() > "c8"),
            "{start}..{end}"
        );
        assert_eq!(odd.partition, Some(types::PartitionId(2)));
        assert_eq!((odd.load, odd.keys[0].name.as_str()), ("units", "c8"));
    }
}

#[test]
fn a_table_on_which_all_do_the_same_has_none() {
    assert_eq!(play(|_| Vec::new()), []);
    let all = |minute| {
        let more = (0..64_u8).map(|i| (i * 4, CLIENTS[usize::from(i % 8)])).collect();
        if (150..170).contains(&minute) { more } else { Vec::new() }
    };
    assert_eq!(play(all), [], "a crowd of everybody everywhere");
}
