//! Cells follow the load, partition boundaries stay, heat is kept, and nothing goes back and forth.

use super::*;
use crate::KeyPrefix;
use proptest::prelude::*;

/// A table in key order whose cells begin at the given bytes.
#[derive(Clone, Debug)]
struct Table {
    map: CellMap,
    heat: Vec<f64>,
    samples: Vec<Weighted>,
    partition_boundaries: BTreeSet<Bytes>,
    quota: usize,
}

fn key(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// Every key was sampled four times and stands for as many units.
fn samples(keys: &[&[u8]]) -> Vec<Weighted> {
    let sample = |key: &&[u8]| Weighted { key: KeyPrefix::new(key), requests: 1.0, units: 1.0 };
    let mut samples: Vec<Weighted> = keys.repeat(4).iter().map(sample).collect();
    samples.sort_by_key(|sample| sample.key);
    samples
}

impl Table {
    fn new(starts: &[u8], heat: &[f64], quota: usize) -> Self {
        Self {
            map: CellMap::new(starts.iter().map(|byte| key(&[*byte]))),
            heat: heat.to_vec(),
            samples: Vec::new(),
            partition_boundaries: BTreeSet::new(),
            quota,
        }
    }

    fn inputs<'a>(&'a self, shape: &'a KeyShape) -> Inputs<'a> {
        Inputs {
            map: &self.map,
            heat: &self.heat,
            shape,
            samples: &self.samples,
            partition_boundaries: &self.partition_boundaries,
            grain: Grain::Key,
            quota: self.quota,
            cells_initial: 4,
        }
    }

    fn adapt(&self) -> Option<Adapted> {
        adapt(&self.inputs(&KeyShape::default()))
    }

    fn fit(&self) -> Option<Adapted> {
        fit(&self.inputs(&KeyShape::default()))
    }
}

fn starts(adapted: &Adapted) -> Vec<&[u8]> {
    adapted.map.boundaries().iter().map(AsRef::as_ref).collect()
}

#[test]
fn a_hot_cell_is_cut_where_its_load_is() {
    let mut table = Table::new(b"ht", &[10.0, 100.0, 10.0], 4);
    table.samples = samples(&[b"ka", b"kb", b"kc", b"kd", b"m1", b"m2", b"m3", b"m4", b"a", b"x"]);
    let adapted = table.adapt().unwrap();
    assert_eq!(starts(&adapted), [&b"h"[..], b"m", b"t"]);
    assert_eq!(adapted.heat, [10.0, 50.0, 50.0, 10.0]);
}

#[test]
fn a_cell_without_enough_samples_is_left_alone() {
    let mut table = Table::new(b"ht", &[10.0, 100.0, 10.0], 4);
    table.samples = samples(&[b"ka", b"kb"]);
    assert!(table.adapt().is_none());
}

#[test]
fn a_single_hot_key_is_closed_in_on_and_then_left_alone() {
    let mut table = Table::new(b"ht", &[10.0, 100.0, 10.0], 9);
    table.samples = samples(&[&b"k"[..]; 20]);
    let adapted = table.adapt().unwrap();
    assert_eq!(starts(&adapted), [&b"h"[..], b"k", b"l", b"t"]);
    assert_eq!(adapted.heat, [10.0, 0.0, 100.0, 0.0, 10.0]);
    let again = Table { map: adapted.map, heat: adapted.heat, ..table };
    assert!(again.adapt().is_none(), "there is nothing more to cut");
}

#[test]
fn room_is_made_where_it_is_coldest() {
    let mut table = Table::new(b"bcdh", &[30.0, 1.0, 2.0, 30.0, 200.0], 5);
    table.samples = samples(&[b"p1", b"p2", b"p3", b"p4", b"q1", b"q2", b"q3", b"q4"]);
    let adapted = table.adapt().unwrap();
    assert_eq!(starts(&adapted), [&b"b"[..], b"d", b"h", b"q"]);
    assert_eq!(adapted.heat, [30.0, 3.0, 30.0, 100.0, 100.0]);
}

#[test]
fn no_room_is_made_where_it_is_not_cold() {
    let mut table = Table::new(b"bd", &[40.0, 40.0, 200.0], 3);
    table.samples = samples(&[b"p1", b"p2", b"p3", b"p4", b"q1", b"q2", b"q3", b"q4"]);
    assert!(table.adapt().is_none());
}

#[test]
fn new_partition_boundaries_divide_heat_as_the_samples_say() {
    let mut table = Table::new(b"h", &[100.0, 10.0], 8);
    table.partition_boundaries.insert(key(b"c"));
    table.samples = samples(&[b"a", b"b", b"d", b"d1", b"d2", b"e", b"f", b"g"]);
    let adapted = table.fit().unwrap();
    assert_eq!(starts(&adapted), [b"c", b"h"]);
    assert_eq!(adapted.heat, [25.0, 75.0, 10.0]);
    let whole = KeyRange::new("", Some(key(b"h")));
    let learned = adapted.shape.share(&whole, &KeyRange::new("", Some(key(b"c"))));
    assert!((learned - 0.25).abs() < 1e-12, "{learned}");
}

#[test]
fn boundaries_of_partitions_are_never_joined() {
    let mut table = Table::new(b"bdf", &[1.0, 1.0, 5.0, 5.0], 2);
    table.partition_boundaries.extend([key(b"b"), key(b"d")]);
    let adapted = table.fit().unwrap();
    assert_eq!(starts(&adapted), [b"b", b"d"]);
    assert_eq!(adapted.heat, [1.0, 1.0, 10.0]);
}

fn tables() -> impl Strategy<Value = Table> {
    let cells = prop::collection::btree_map(1u8.., 0.0..100.0f64, 0..20);
    let keys = prop::collection::vec((any::<u8>(), 0u8..4, 0.1..9.0f64), 0..200);
    let partitions = prop::collection::btree_set(1u8.., 0..6);
    (cells, keys, partitions, 1usize..40).prop_map(|(cells, keys, partitions, quota)| {
        let starts: Vec<u8> = cells.keys().copied().collect();
        let heat: Vec<f64> = std::iter::once(7.0).chain(cells.into_values()).collect();
        let weighted = |(first, second, units)| Weighted {
            key: KeyPrefix::new(&[first, second]),
            requests: 1.0,
            units,
        };
        let mut samples: Vec<Weighted> = keys.into_iter().map(weighted).collect();
        samples.sort_by_key(|sample| sample.key);
        let partition_boundaries = partitions.into_iter().map(|byte| key(&[byte])).collect();
        Table { samples, partition_boundaries, ..Table::new(&starts, &heat, quota) }
    })
}

proptest! {
    #[test]
    fn invariants_hold(table in tables()) {
        let Some(adapted) = table.adapt() else {
            let boundaries = table.map.boundaries();
            prop_assert!(table.partition_boundaries.iter().all(|cut| boundaries.contains(cut)));
            return Ok(());
        };
        let cells = adapted.map.len();
        prop_assert!(cells <= table.quota.max(table.partition_boundaries.len() + 1));
        prop_assert!(table.partition_boundaries.iter().all(|cut| adapted.map.boundaries().contains(cut)));
        prop_assert_eq!(adapted.heat.len(), cells);
        let heat = |heat: &[f64]| heat.iter().sum::<f64>();
        prop_assert!((heat(&adapted.heat) - heat(&table.heat)).abs() < 1e-6);
        prop_assert!(adapted.heat.iter().all(|heat| *heat >= 0.0));
    }

    /// The same load again and again: cells soon stay as they are.
    #[test]
    fn cells_settle(mut table in tables()) {
        let mut shape = KeyShape::default();
        for _ in 0..8 {
            let Some(adapted) = adapt(&table.inputs(&shape)) else { return Ok(()) };
            (table.map, table.heat, shape) = (adapted.map, adapted.heat, adapted.shape);
        }
        prop_assert!(adapt(&table.inputs(&shape)).is_none(), "still changing: {:?}", table);
    }
}
