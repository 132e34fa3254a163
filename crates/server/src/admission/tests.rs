//! What partitions admit, and what becomes of their credit when the map changes.

use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use workload::RequestType::{Retrieve, Store};

const SETTINGS: LimitSettings = LimitSettings {
    mode: LimitMode::Dynamodb,
    read_units_per_s: 20.0,
    write_units_per_s: 10.0,
    burst_s: 5.0,
    provisioned: false,
};

/// A map whose partitions are those `(id, first key)`.
fn map(epoch: u64, partitions: &[(u64, &str)]) -> PartitionMap {
    let starts = partitions.iter().map(|(_, start)| Bytes::copy_from_slice(start.as_bytes()));
    let ends = starts.clone().skip(1).map(Some).chain([None]);
    let partitions = partitions.iter().zip(starts.zip(ends)).map(|((id, _), (start, end))| {
        PartitionInfo { id: PartitionId(*id), range: KeyRange { start, end }, created_ms: 0 }
    });
    PartitionMap { table: TableId(1), epoch, partitions: partitions.collect() }
}

fn admission(map: &PartitionMap) -> Admission {
    Admission::new(SETTINGS, None, None, map, 0)
}

/// What the partitions have left for writes, by partition.
fn writes(admission: &Admission, map: &PartitionMap, now_ms: i64) -> Vec<(u64, f64)> {
    let levels = admission.levels(map, now_ms);
    levels.into_iter().map(|(id, units)| (id.0, units.write)).collect()
}

fn write(units: f64) -> Units {
    Units::write(units)
}

/// A request of one key.
fn asks(request: workload::RequestType, least: Units) -> Asking {
    Asking { request, key_hash: 1, client: 1, least }
}

/// Asks a gate of a node that is never asked.
fn admits(gate: &Gate, asking: &Asking, now_ms: i64) -> Result<Admitted, Refused> {
    gate.admit(asking, now_ms, || panic!("nothing goes beyond what is granted"))
}

/// What of a second's requests of some keys a partition serves, after some seconds of the same.
fn served(admission: &Admission, map: &PartitionMap, per_second: &[(u64, usize)]) -> Vec<usize> {
    let mut served = vec![0; per_second.len()];
    for second in 0..60 {
        served = vec![0; per_second.len()];
        let most = per_second.iter().map(|(_, count)| *count).max().unwrap();
        for turn in 0..most {
            let now_ms = second * 1000 + (turn * 1000 / most) as i64;
            let gate = admission.gate(map, b"k", now_ms);
            for (n, (key_hash, count)) in per_second.iter().enumerate() {
                // Evenly over the second.
                if turn * count / most != (turn + 1) * count / most {
                    let asking = Asking { key_hash: *key_hash, ..asks(Store, write(1.0)) };
                    served[n] += usize::from(admits(&gate, &asking, now_ms).is_ok());
                }
            }
        }
    }
    served
}

#[test]
fn a_key_that_is_too_much_is_throttled_alone() {
    let map = map(1, &[(1, "")]);
    let admission = admission(&map);
    // 10 units/s are served: one key wants three times that, three want one each.
    let served = served(&admission, &map, &[(7, 30), (1, 1), (2, 1), (3, 1)]);
    assert_eq!(served[1..], [1, 1, 1], "all of the others'");
    assert!((6..=8).contains(&served[0]), "and the hot one gets what is left: {served:?}");
    let gate = admission.gate(&map, b"k", 60_000);
    let [hot] = gate.hot_keys()[..] else { panic!("{:?}", gate.hot_keys()) };
    assert_eq!(hot.key_hash, 7);
    assert!(hot.refused > 100, "{hot:?}");
}

#[test]
fn a_key_that_is_alone_gets_all_there_is() {
    let map = map(1, &[(1, "")]);
    let served = served(&admission(&map), &map, &[(7, 40)]);
    assert!((9..=11).contains(&served[0]), "{served:?}");
}

#[test]
fn a_partition_admits_its_burst_and_then_its_rate() {
    let map = map(1, &[(1, "")]);
    let admission = admission(&map);
    let admitted = |now_ms| {
        let gate = admission.gate(&map, b"k", now_ms);
        (0..1000).take_while(|_| admits(&gate, &asks(Store, write(1.0)), now_ms).is_ok()).count()
    };
    assert_eq!(admitted(0), 50, "10 units/s for 5 s are saved up");
    assert_eq!(admitted(0), 0);
    assert_eq!(admitted(1000), 10);
    assert_eq!(admitted(1050), 1, "half a unit is more than nothing");
    let gate = admission.gate(&map, b"k", 1050);
    assert!(
        admits(&gate, &asks(Retrieve, Units::read(0.5)), 1050).is_ok(),
        "reads have their own bucket"
    );
}

#[test]
fn what_a_request_cost_beyond_the_estimate_is_paid_by_the_next_ones() {
    let map = map(1, &[(1, "")]);
    let admission = admission(&map);
    let gate = admission.gate(&map, b"k", 0);
    admits(&gate, &asks(Store, write(1.0)), 0).unwrap();
    gate.settle(&asks(Store, write(1.0)), Admitted::Granted, write(80.0), write(1.0));
    assert_eq!(writes(&admission, &map, 0), [(1, -30.0)]);
    assert!(admits(&gate, &asks(Store, write(1.0)), 3000).is_err(), "the debt is just paid");
    assert!(admits(&gate, &asks(Store, write(1.0)), 3001).is_ok());
}

#[test]
fn a_refused_request_is_estimated_by_the_served_ones() {
    let map = map(1, &[(1, "")]);
    let gate = admission(&map).gate(&map, b"k", 0);
    admits(&gate, &asks(Retrieve, Units::read(0.5)), 0).unwrap();
    gate.settle(
        &asks(Retrieve, Units::read(0.5)),
        Admitted::Granted,
        Units::read(100.0),
        Units::read(0.5),
    );
    let refused = admits(&gate, &asks(Retrieve, Units::read(0.5)), 0).unwrap_err();
    assert_eq!(refused.estimate, Units::read(100.0));
}

#[test]
fn without_limits_everything_is_admitted_and_routed() {
    let map = map(1, &[(1, ""), (2, "m")]);
    let off = LimitSettings { mode: LimitMode::Off, ..SETTINGS };
    let admission = Admission::new(off, None, None, &map, 0);
    let gate = admission.gate(&map, b"x", 0);
    assert_eq!(gate.partition(), PartitionId(2));
    assert!((0..1000).all(|_| admits(&gate, &asks(Store, write(1.0)), 0).is_ok()));
    assert_eq!(writes(&admission, &map, 0), []);
}

#[test]
fn keys_are_routed_to_the_partition_that_owns_them() {
    let map = map(1, &[(1, ""), (2, "g"), (3, "p")]);
    let admission = admission(&map);
    for (key, id) in [("", 1), ("a", 1), ("fz", 1), ("g", 2), ("o", 2), ("p", 3), ("zz", 3)] {
        let gate = admission.gate(&map, key.as_bytes(), 0);
        assert_eq!(gate.partition(), PartitionId(id), "{key}");
    }
}

#[test]
fn a_split_divides_credit_equally_or_by_expected_load() {
    let whole = map(1, &[(1, "")]);
    let halves = map(2, &[(2, ""), (3, "m")]);
    let equal = admission(&whole);
    equal.gate(&whole, b"k", 0).settle(
        &asks(Store, Units::ZERO),
        Admitted::Granted,
        write(10.0),
        Units::ZERO,
    );
    assert_eq!(writes(&equal, &halves, 0), [(2, 20.0), (3, 20.0)]);

    let expected: ExpectedLoad =
        Arc::new(|_, range: &KeyRange| Some(write(if range.start.is_empty() { 1.0 } else { 3.0 })));
    let by_load = Admission::new(SETTINGS, Some(expected), None, &whole, 0);
    by_load.gate(&whole, b"k", 0).settle(
        &asks(Store, Units::ZERO),
        Admitted::Granted,
        write(10.0),
        Units::ZERO,
    );
    assert_eq!(writes(&by_load, &halves, 0), [(2, 10.0), (3, 30.0)]);
    assert_eq!(writes(&by_load, &halves, 100), [(2, 11.0), (3, 31.0)], "both at full rate");
}

#[test]
fn debt_is_inherited_too() {
    let whole = map(1, &[(1, "")]);
    let admission = admission(&whole);
    admission.gate(&whole, b"k", 0).settle(
        &asks(Store, Units::ZERO),
        Admitted::Granted,
        write(70.0),
        Units::ZERO,
    );
    let halves = map(2, &[(2, ""), (3, "m")]);
    assert_eq!(writes(&admission, &halves, 0), [(2, -10.0), (3, -10.0)]);
}

#[test]
fn a_merge_adds_up_and_keeps_no_more_than_fits() {
    let halves = map(1, &[(1, ""), (2, "m"), (3, "t")]);
    let admission = admission(&halves);
    admission.gate(&halves, b"a", 0).settle(
        &asks(Store, Units::ZERO),
        Admitted::Granted,
        write(45.0),
        Units::ZERO,
    );
    admission.gate(&halves, b"n", 0).settle(
        &asks(Store, Units::ZERO),
        Admitted::Granted,
        write(20.0),
        Units::ZERO,
    );
    let merged = map(2, &[(4, ""), (3, "t")]);
    assert_eq!(writes(&admission, &merged, 0), [(4, 35.0), (3, 50.0)]);
    let full = map(3, &[(5, "")]);
    assert_eq!(writes(&admission, &full, 0), [(5, 50.0)]);
}

#[test]
fn a_gate_of_an_older_map_is_not_brought_back() {
    let (whole, halves) = (map(1, &[(1, "")]), map(2, &[(2, ""), (3, "m")]));
    let admission = admission(&whole);
    assert_eq!(admission.gate(&halves, b"z", 0).partition(), PartitionId(3));
    assert_eq!(admission.gate(&whole, b"z", 0).partition(), PartitionId(3));
}

proptest! {
    /// However a map is cut anew, gates tile it, unchanged partitions keep their gate, and the
    /// credit of the others is neither made nor lost (buckets here never overflow).
    #[test]
    fn credit_survives_any_change_of_the_map(
        before in prop::collection::btree_set(1u8..250, 0..12),
        after in prop::collection::btree_set(1u8..250, 0..12),
        debts in prop::collection::vec(950.0f64..1000.0, 13),
    ) {
        let cut = |epoch, first_id, boundaries: &std::collections::BTreeSet<u8>| {
            let starts = std::iter::once(Bytes::new())
                .chain(boundaries.iter().map(|byte| Bytes::copy_from_slice(&[*byte])));
            let ends = boundaries.iter().map(|byte| Some(Bytes::copy_from_slice(&[*byte])));
            let ranges = starts.zip(ends.chain([None]));
            let partitions = ranges.zip(first_id..).map(|((start, end), id)| PartitionInfo {
                id: PartitionId(id), range: KeyRange { start, end }, created_ms: 0,
            });
            PartitionMap { table: TableId(1), epoch, partitions: partitions.collect() }
        };
        let old = cut(1, 1, &before);
        let mut new = cut(2, 100, &after);
        for info in &mut new.partitions {
            let same = old.partitions.iter().find(|other| other.range == info.range);
            info.id = same.map_or(info.id, |same| same.id);
        }
        let settings = LimitSettings { burst_s: 1000.0, ..SETTINGS };
        let admission = Admission::new(settings, None, None, &old, 0);
        for (info, debt) in old.partitions.iter().zip(&debts) {
            admission.gate(&old, &info.range.start, 0).settle(&asks(Store, Units::ZERO), Admitted::Granted, write(10.0 * debt), Units::ZERO);
        }
        let total = |levels: &[(u64, f64)]| levels.iter().map(|(_, level)| level).sum::<f64>();
        let levels_before = writes(&admission, &old, 0);
        let levels_after = writes(&admission, &new, 0);
        prop_assert_eq!(levels_after.len(), new.partitions.len());
        prop_assert!((total(&levels_before) - total(&levels_after)).abs() < 1e-6);
        for level in &levels_after {
            if level.0 < 100 {
                prop_assert!(levels_before.contains(level));
            }
        }
    }
}
