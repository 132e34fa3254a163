//! Each invariant lets the real steps pass and stops a record that breaks it.

use super::*;
use crate::record::table::{CopiedRecord, RekeyRecord, ResliceRecord, RetiredRecord};
use bytes::Bytes;
use types::TableId;

fn parts(ids: &[u64], boundaries: &[&'static str]) -> Vec<PartitionRecord> {
    let boundaries: Vec<Bytes> = boundaries.iter().map(|b| Bytes::from(*b)).collect();
    let ranges = KeyRange::full().cut(&boundaries).unwrap();
    assert_eq!(ranges.len(), ids.len());
    ids.iter().zip(&ranges).map(|(id, r)| PartitionRecord::new(PartitionId(*id), r, 0)).collect()
}

/// Partitions 0 to g, 1 to p, 2 to the end.
fn table() -> TableRecord {
    TableRecord {
        id: TableId(1),
        name: "orders".to_owned(),
        created_ms: 0,
        state: TableState::Active,
        definition: serde_json::Value::Null,
        epoch: 5,
        next_partition: 10,
        partitions: parts(&[0, 1, 2], &["g", "p"]),
        reslice: None,
        retired: vec![],
        order: 0,
        rekey: None,
        rekeyed_ms: None,
        borrows: Vec::new(),
    }
}

fn broken(change: impl FnOnce(&mut TableRecord)) -> String {
    let before = table();
    let mut after = before.clone();
    change(&mut after);
    check(Some(&before), &after).unwrap_err()
}

#[test]
fn the_steps_of_a_split_pass() {
    let before = table();
    let mut journaled = before.clone();
    journaled.next_partition = 12;
    let range = KeyRange::new("g", Some("p".into()));
    let children: Vec<_> = range
        .cut(&["k".into()])
        .unwrap()
        .iter()
        .zip([10, 11])
        .map(|(range, id)| PartitionRecord::new(PartitionId(id), range, 7))
        .collect();
    journaled.reslice = Some(ResliceRecord {
        sources: vec![PartitionId(1)],
        children: children.clone(),
        started_ms: 7,
    });
    check(Some(&before), &journaled).unwrap();
    let mut published = journaled.clone();
    published.reslice = None;
    published.partitions.splice(1..2, children);
    published.retired.push(RetiredRecord { id: PartitionId(1), retired_ms: 8 });
    published.epoch += 1;
    check(Some(&journaled), &published).unwrap();
    let mut forgotten = published.clone();
    forgotten.retired.clear();
    check(Some(&published), &forgotten).unwrap();
}

#[test]
fn gaps_overlaps_and_open_ends_are_stopped() {
    let gap = broken(|table| drop(table.partitions.remove(1)));
    assert!(gap.contains("do not meet"), "{gap}");
    let overlap = broken(|table| table.partitions[1].start = table.partitions[0].start.clone());
    assert!(overlap.contains("do not meet"), "{overlap}");
    let open = broken(|table| drop(table.partitions.pop()));
    assert!(open.contains("leave an end open"), "{open}");
    let none = broken(|table| table.partitions.clear());
    assert!(none.contains("no partition"), "{none}");
}

#[test]
fn numbers_are_unique_and_from_the_counter() {
    let twice = broken(|table| table.partitions[1].id = PartitionId(0));
    assert!(twice.contains("named twice"), "{twice}");
    let unknown = broken(|table| table.partitions[1].id = PartitionId(10));
    assert!(unknown.contains("never numbered"), "{unknown}");
    let back = broken(|table| table.next_partition = 9);
    assert!(back.contains("went back"), "{back}");
}

#[test]
fn the_epoch_moves_with_the_map_only() {
    let idle = broken(|table| table.epoch = 6);
    assert!(idle.contains("epoch"), "{idle}");
    let unmoved = broken(|table| {
        table.retired.push(RetiredRecord { id: PartitionId(1), retired_ms: 0 });
        table.partitions[1].id = PartitionId(7);
    });
    assert!(unmoved.contains("epoch"), "{unmoved}");
}

#[test]
fn a_replaced_partition_must_be_retired() {
    let lost = broken(|table| {
        table.epoch += 1;
        table.partitions[1].id = PartitionId(7);
    });
    assert!(lost.contains("p1 is forgotten"), "{lost}");
}

#[test]
fn a_reslice_must_fit() {
    let intent = |sources: &[u64], children| ResliceRecord {
        sources: sources.iter().map(|id| PartitionId(*id)).collect(),
        children,
        started_ms: 0,
    };
    let apart = broken(|table| table.reslice = Some(intent(&[0, 2], parts(&[5], &[]))));
    assert!(apart.contains("not adjacent"), "{apart}");
    let unknown = broken(|table| table.reslice = Some(intent(&[8], parts(&[5], &[]))));
    assert!(unknown.contains("no source"), "{unknown}");
    let wrong = broken(|table| table.reslice = Some(intent(&[0, 1], parts(&[5], &[]))));
    assert!(wrong.contains("leave an end open"), "{wrong}");
}

#[test]
fn a_name_is_free_again_only_after_the_drop() {
    let before = table();
    let mut again = table();
    again.id = TableId(2);
    assert!(check(Some(&before), &again).unwrap_err().contains("has not been dropped"));
    let mut dropped = before.clone();
    dropped.state = TableState::Dropped;
    dropped.partitions.clear();
    assert!(check(Some(&before), &dropped).is_err(), "not without the step between");
    check(Some(&dropped), &again).unwrap();
    again.id = TableId(1);
    assert!(check(Some(&dropped), &again).is_err(), "not under the old number");
}

/// The table with a rekey under way, to one partition 10.
fn rekeying() -> TableRecord {
    let rekey = RekeyRecord {
        target: serde_json::Value::Null,
        stage: RekeyStage::Copying,
        children: parts(&[10], &[]),
        copied: vec![CopiedRecord { source: PartitionId(1), left: None, items: 0, bytes: 0 }],
        started_ms: 7,
    };
    TableRecord { next_partition: 11, rekey: Some(rekey), ..table() }
}

fn rekeyed() -> TableRecord {
    let retired = [0, 1, 2].map(|id| RetiredRecord { id: PartitionId(id), retired_ms: 8 });
    TableRecord {
        order: 1,
        epoch: 6,
        partitions: parts(&[10], &[]),
        retired: retired.to_vec(),
        rekey: None,
        ..rekeying()
    }
}

#[test]
fn the_steps_of_a_rekey_pass() {
    check(Some(&table()), &rekeying()).unwrap();
    check(Some(&rekeying()), &rekeyed()).unwrap();
    check(Some(&rekeying()), &TableRecord { rekey: None, ..rekeying() }).unwrap();
}

#[test]
fn a_key_order_changes_only_by_a_finished_rekey() {
    let broken =
        |before: &TableRecord, after: &TableRecord| check(Some(before), after).unwrap_err();
    let unprepared = TableRecord { next_partition: 11, ..table() };
    assert!(broken(&unprepared, &rekeyed()).contains("the key order went"));
    let jumped = TableRecord { order: 2, ..rekeyed() };
    assert!(broken(&rekeying(), &jumped).contains("the key order went"));
    let mut open = rekeying();
    open.rekey.as_mut().unwrap().children.clear();
    assert!(broken(&table(), &open).contains("children of the rekey"));
    let mut foreign = rekeying();
    foreign.rekey.as_mut().unwrap().copied[0].source = PartitionId(9);
    assert!(broken(&table(), &foreign).contains("does not serve"));
    let mut undone = rekeying();
    undone.rekey.as_mut().unwrap().stage = RekeyStage::Undoing;
    assert!(broken(&undone, &rekeyed()).contains("the key order went"));
}
