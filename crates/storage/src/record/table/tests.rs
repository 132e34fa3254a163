//! The table record survives storing, and earlier versions still open.

use super::*;
use crate::record::{decode, encode};
use bytes::Bytes;
use proptest::prelude::*;

fn key() -> impl Strategy<Value = HexKey> {
    prop::collection::vec(any::<u8>(), 0..12).prop_map(|bytes| HexKey(Bytes::from(bytes)))
}

fn partition() -> impl Strategy<Value = PartitionRecord> {
    (any::<u64>(), key(), prop::option::of(key()), any::<i64>()).prop_map(
        |(id, start, end, created_ms)| PartitionRecord {
            id: PartitionId(id),
            start,
            end,
            created_ms,
        },
    )
}

fn partitions() -> impl Strategy<Value = Vec<PartitionRecord>> {
    prop::collection::vec(partition(), 0..4)
}

fn reslice() -> impl Strategy<Value = ResliceRecord> {
    (prop::collection::vec(any::<u64>(), 0..3), partitions(), any::<i64>()).prop_map(
        |(sources, children, started_ms)| ResliceRecord {
            sources: sources.into_iter().map(PartitionId).collect(),
            children,
            started_ms,
        },
    )
}

fn rekey() -> impl Strategy<Value = RekeyRecord> {
    let copied = (any::<u64>(), prop::option::of(key()), any::<u64>(), any::<u64>()).prop_map(
        |(source, left, items, bytes)| CopiedRecord {
            source: PartitionId(source),
            left,
            items,
            bytes,
        },
    );
    let stage =
        prop::sample::select(vec![RekeyStage::Making, RekeyStage::Copying, RekeyStage::Undoing]);
    (partitions(), prop::collection::vec(copied, 0..3), stage, any::<i64>()).prop_map(
        |(children, copied, stage, started_ms)| RekeyRecord {
            target: serde_json::json!({"strategy": "range"}),
            stage,
            children,
            copied,
            started_ms,
        },
    )
}

fn database(table: u64, partition: u64) -> DatabaseId {
    DatabaseId { table: TableId(table), partition: PartitionId(partition) }
}

prop_compose! {
    fn record()(
        id: u64, name in "[a-z]{3,8}", created_ms: i64, state in 0..3, note: String, epoch: u64,
        next_partition: u64, partitions in partitions(), reslice in prop::option::of(reslice()),
        retired in prop::collection::vec((any::<u64>(), any::<i64>()), 0..3),
        (order, rekey, rekeyed_ms) in
            (any::<u64>(), prop::option::of(rekey()), prop::option::of(any::<i64>())),
        borrows in prop::collection::vec((any::<u64>(), any::<u64>()), 0..3),
    ) -> TableRecord {
        TableRecord {
            id: TableId(id),
            name,
            created_ms,
            state: [TableState::Active, TableState::Dropping, TableState::Dropped][state as usize],
            definition: serde_json::json!({ "note": note }),
            epoch,
            next_partition,
            partitions,
            reslice,
            retired: retired
                .into_iter()
                .map(|(id, retired_ms)| RetiredRecord { id: PartitionId(id), retired_ms })
                .collect(),
            order,
            rekey,
            rekeyed_ms,
            borrows: borrows.into_iter().map(|(table, id)| database(table, id)).collect(),
        }
    }
}

proptest! {
    #[test]
    fn round_trip(record in record(), nonce: u64) {
        let stored = encode(nonce, &record).unwrap();
        prop_assert_eq!(decode::<TableRecord>("x", &stored).unwrap(), (nonce, record));
    }
}

#[test]
fn version_1_opens() {
    let fixture = include_bytes!("../../../fixtures/table.v1");
    let (nonce, record) = decode::<TableRecord>("fixture", fixture).unwrap();
    assert_eq!(nonce, 0x00c0_ffee);
    assert_eq!((record.id, record.name.as_str()), (TableId(3), "orders"));
    assert_eq!((record.epoch, record.next_partition), (2, 6));
    assert_eq!(record.state, TableState::Active);
    assert_eq!(record.definition["billing"], "on demand");
    let ranges: Vec<KeyRange> = record.partitions.iter().map(PartitionRecord::range).collect();
    assert_eq!(ranges, KeyRange::full().cut(&[Bytes::from_static(&[0x80])]).unwrap());
    let reslice = record.reslice.as_ref().unwrap();
    assert_eq!(reslice.sources, [PartitionId(2)]);
    assert_eq!(reslice.children.len(), 2);
    assert_eq!(record.databases().map(|id| id.0).collect::<Vec<_>>(), [1, 2, 4, 5, 0]);
}

#[test]
fn version_2_opens() {
    let fixture = include_bytes!("../../../fixtures/table.v2");
    let (nonce, record) = decode::<TableRecord>("fixture", fixture).unwrap();
    assert_eq!(nonce, 0x00c0_ffee);
    assert_eq!((record.order, record.rekeyed_ms), (1, Some(1_700_000_000_500)));
    let rekey = record.rekey.as_ref().unwrap();
    assert_eq!(rekey.stage, RekeyStage::Copying);
    assert_eq!(rekey.copied[0].left, Some(HexKey(Bytes::from_static(b"m"))));
    assert_eq!((rekey.copied[0].items, rekey.copied[0].bytes), (10, 200));
    assert_eq!(record.databases().map(|id| id.0).collect::<Vec<_>>(), [3, 4, 5, 1]);
    assert_eq!(record.borrows, []);
}

#[test]
fn version_3_opens() {
    let fixture = include_bytes!("../../../fixtures/table.v3");
    let (nonce, record) = decode::<TableRecord>("fixture", fixture).unwrap();
    assert_eq!(nonce, 0x00c0_ffee);
    assert_eq!(record.borrows, [database(1, 2), database(2, 7)]);
    assert_eq!(record.databases().map(|id| id.0).collect::<Vec<_>>(), [1]);
    assert_eq!(encode(nonce, &record).unwrap(), fixture[..], "what is written today");
}
