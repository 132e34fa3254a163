//! Each thing that holds a change up, alone; and months of load that change their mind.

use super::*;
use crate::strategy::{Mix, Watch, choose};
use crate::testing::{partition, table, unknown};
use types::Units;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// One gigabyte in four partitions, asked for ranges of partition keys all the time.
fn ranges() -> Mix {
    Mix { range_queries_per_s: 2.0, range_query_width: 0.01, ..points() }
}

fn points() -> Mix {
    Mix {
        load: Units { read: 6_000.0, write: 2_000.0 },
        hottest_share: 0.001,
        data_bytes: (1_u64 << 30) as f64,
        partitions: 4,
        capacity: Units { read: 3_000.0, write: 1_000.0 },
        has_sort_key: true,
        ..Mix::default()
    }
}

fn to_range() -> Proposal {
    choose(&ranges(), Strategy::Hash, &StrategySettings::default()).proposal.unwrap()
}

/// Nothing speaks against it.
fn calm() -> Circumstances {
    Circumstances {
        now_ms: 1_000 * DAY_MS,
        placement: Some(Placement::Now { reason: "it is quiet".into() }),
        ..Circumstances::default()
    }
}

fn held(circumstances: &Circumstances) -> Option<String> {
    held_by(&to_range(), circumstances, &StrategySettings::default())
}

#[test]
fn nothing_but_a_reason_holds_it_up() {
    assert_eq!(held(&calm()), None);
    let later = Placement::Later { until_ms: None, reason: "80 % full now".into() };
    let recently = calm().now_ms - 6 * DAY_MS;
    for (circumstances, because) in [
        (
            Circumstances { is_owners_choice: true, ..calm() },
            "hash was chosen by the table's owner",
        ),
        (Circumstances { changed_ms: vec![recently], ..calm() }, "left alone for 1.0 days"),
        (Circumstances { is_paused: true, ..calm() }, "paused"),
        (Circumstances { rekeying: Some("b".into()), ..calm() }, "table b is being changed"),
        (Circumstances { is_busy: true, ..calm() }, "re-partitioned"),
        (Circumstances { anomalies_open: 2, ..calm() }, "2 anomalies go on"),
        (Circumstances { unforeseen: Some("p1: short".into()), ..calm() }, "not foreseen: p1"),
        (Circumstances { placement: Some(later), ..calm() }, "trough is waited for: 80 % full now"),
        (Circumstances { busier_than: 0.6, ..calm() }, "60 % of the last day had less load"),
        (Circumstances { placement: None, ..calm() }, "not been looked at"),
    ] {
        let why = held(&circumstances).unwrap_or_default();
        assert!(why.contains(because), "{why:?} has no {because:?}");
    }
    for mode in [StrategyMode::Off, StrategyMode::Propose] {
        let settings = StrategySettings { mode, ..StrategySettings::default() };
        assert!(held_by(&to_range(), &calm(), &settings).unwrap().contains("only proposed"));
    }
}

#[test]
fn queries_that_would_be_refused_afterwards_hold_it_up() {
    let inserts = Mix { load: Units::write(3_000.0), monotonic_share: 0.95, ..points() };
    let settings = StrategySettings::default();
    let back = choose(&inserts, Strategy::Range, &settings).proposal.unwrap();
    let asked = |has_range_queries, allows_fan_out| {
        let from = Strategy::Range;
        let now = Circumstances { from, has_range_queries, allows_fan_out, ..calm() };
        held_by(&back, &now, &settings)
    };
    assert!(asked(true, false).unwrap().contains("hash would refuse"));
    assert_eq!((asked(true, true), asked(false, false)), (None, None));
}

#[test]
fn each_change_makes_the_next_have_to_last_twice_as_long() {
    let lasted = |changes: usize, days: i64| {
        let (changed_ms, now_ms) = (vec![0; changes], calm().now_ms);
        held(&Circumstances { changed_ms, since_ms: now_ms - days * DAY_MS, ..calm() })
    };
    for (changes, days) in [(0, 1), (1, 2), (3, 8), (6, 64), (20, 64)] {
        assert!(lasted(changes, days - 1).unwrap().contains("has to be the best for"), "{changes}");
        assert_eq!(lasted(changes, days), None, "{changes}");
    }
}

#[test]
fn each_change_makes_the_next_wait_twice_as_long() {
    let now_ms = calm().now_ms;
    let waits = |changes: i64, days: i64| {
        let changed_ms = (0..changes).map(|n| now_ms - days * DAY_MS - (changes - 1 - n)).collect();
        held(&Circumstances { changed_ms, ..calm() }).is_some()
    };
    for (changes, days) in [(1, 7), (2, 14), (3, 28), (7, 448), (20, 448)] {
        assert!(waits(changes, days - 1), "{changes} changes, {days} days");
        assert!(!waits(changes, days), "{changes} changes, {days} days");
    }
}

#[test]
fn how_busy_it_is_is_told_by_the_day() {
    let day = [5.0, 9.0, 7.0, 3.0, 1.0, 1.0, 2.0, 4.0];
    assert_eq!(busier_than(&day, 1), 0.5, "four of eight had less than 4");
    assert_eq!(busier_than(&day[..6], 2), 0.0, "the trough");
    assert_eq!(busier_than(&day[..3], 2), 2.0 / 3.0);
    assert_eq!((busier_than(&[2.0; 8], 2), busier_than(&[], 2)), (0.0, 0.0));
}

#[test]
fn a_table_with_a_partition_of_unknown_future_is_not_foreseen() {
    let (calm, mut young) = (partition(1, 0.3), partition(2, 0.3));
    assert_eq!(unforeseen(&table(vec![calm.clone()])), None);
    (young.read, young.write) = (unknown("one day of history"), unknown("one day of history"));
    let why = unforeseen(&table(vec![calm.clone(), young.clone()])).unwrap();
    assert!(why.contains("p2: one day of history"), "{why}");
    young.load_recent = Units::ZERO;
    assert_eq!(unforeseen(&table(vec![calm, young])), None, "nobody asks for it");
}

/// A year of a table whose load is one thing and then another, as often as told; when it was changed.
fn year(of: impl Fn(i64) -> Mix) -> Vec<(i64, Strategy)> {
    let settings = StrategySettings::default();
    let (mut has, mut watch, mut changes) = (Strategy::Hash, Watch::default(), Vec::new());
    for hour in 0..365 * 24 {
        let now_ms = hour * HOUR_MS;
        let choice = choose(&of(hour), has, &settings);
        let Some(proposal) = watch.note(&choice, now_ms, &settings) else { continue };
        let now = Circumstances {
            now_ms,
            since_ms: watch.since_ms().unwrap(),
            from: has,
            allows_fan_out: true,
            changed_ms: changes.iter().map(|(at_ms, _)| *at_ms).collect(),
            ..calm()
        };
        if held_by(&proposal, &now, &settings).is_none() {
            (has, watch) = (proposal.to, Watch::default());
            changes.push((now_ms, has));
        }
    }
    changes
}

/// Inserts in the order of keys, more than one end takes.
fn inserts() -> Mix {
    Mix { load: Units::write(3_000.0), monotonic_share: 0.95, ..points() }
}

#[test]
fn a_workload_that_stays_gets_its_strategy_once() {
    let hot = Mix { hottest_share: 0.9, collection_queries_per_s: 50.0, ..points() };
    for (mix, expected) in [
        (points(), None),
        (inserts(), None),
        (ranges(), Some(Strategy::Range)),
        (hot, Some(Strategy::Composite)),
    ] {
        let changes = year(|_| mix);
        let got: Vec<Strategy> = changes.iter().map(|(_, to)| *to).collect();
        assert_eq!(got, expected.into_iter().collect::<Vec<_>>());
        assert!(changes.iter().all(|(at_ms, _)| *at_ms == DAY_MS), "a day later: {changes:?}");
    }
}

#[test]
fn a_workload_that_changes_its_mind_does_not_make_the_table_flap() {
    // Every twelve hours, every three days, every three weeks.
    for (every_h, most) in [(12, 0), (72, 2), (21 * 24, 5)] {
        let of = |hour: i64| if hour / every_h % 2 == 0 { ranges() } else { inserts() };
        let changes = year(of);
        assert_eq!(changes.len(), most, "every {every_h} h: {changes:?}");
        let pauses = changes.windows(2).map(|pair| pair[1].0 - pair[0].0);
        for (n, pause_ms) in pauses.enumerate() {
            assert!(pause_ms >= (7 * DAY_MS) << n, "{n}: {changes:?}");
        }
    }
}
