use super::record::BadRecord;
use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Owned {
    Database { local: u32, name: String, last_id: u64, stored_id: u64 },
    Rows { local: u32, previous_id: u64, id: u64, rows: Vec<u8> },
    Drop { local: u32 },
    Next { segment: u64 },
}

impl Owned {
    fn record(&self) -> Record<'_> {
        match self {
            Self::Database { local, name, last_id, stored_id } => {
                Record::Database { local: *local, name, last_id: *last_id, stored_id: *stored_id }
            }
            Self::Rows { local, previous_id, id, rows } => {
                Record::Rows { local: *local, previous_id: *previous_id, id: *id, rows }
            }
            Self::Drop { local } => Record::Drop { local: *local },
            Self::Next { segment } => Record::Next { segment: *segment },
        }
    }
}

fn owned() -> impl Strategy<Value = Owned> {
    prop_oneof![
        (any::<u32>(), ".{1,40}", any::<u64>(), any::<u64>()).prop_map(
            |(local, name, last_id, stored_id)| Owned::Database { local, name, last_id, stored_id }
        ),
        (any::<u32>(), any::<u64>(), any::<u64>(), prop::collection::vec(any::<u8>(), 0..200))
            .prop_map(|(local, previous_id, id, rows)| Owned::Rows {
                local,
                previous_id,
                id,
                rows
            }),
        any::<u32>().prop_map(|local| Owned::Drop { local }),
        any::<u64>().prop_map(|segment| Owned::Next { segment }),
    ]
}

fn payload(records: &[Owned]) -> Vec<u8> {
    let mut payload = Vec::new();
    records.iter().for_each(|record| record.record().encode(&mut payload));
    payload
}

fn frame(payload: &[u8], salt: u64, number: u64) -> Vec<u8> {
    let mut buffer = FrameBuffer::default();
    buffer.payload().extend_from_slice(payload);
    buffer.finish(salt, number)
}

proptest! {
    #[test]
    fn headers_round_trip(number: u64, first_frame: u64, salt: u64) {
        let header = Header { version: VERSION, number, first_frame, salt };
        let bytes = header.encode();
        prop_assert_eq!(bytes.len(), HEADER_BYTES);
        prop_assert_eq!(Header::decode(&bytes), Ok(header));
    }

    #[test]
    fn no_bit_of_a_header_can_flip_unnoticed(number: u64, salt: u64, bit in 0..HEADER_BYTES * 8) {
        let mut bytes = Header { version: VERSION, number, first_frame: 7, salt }.encode();
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Header::decode(&bytes).is_err());
    }

    #[test]
    fn records_round_trip(records in prop::collection::vec(owned(), 0..20)) {
        let payload = payload(&records);
        let read: Vec<_> = Records::new(&payload).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read.len(), records.len());
        let mut end = 0;
        for ((read, range), written) in read.into_iter().zip(&records) {
            prop_assert_eq!(read, written.record());
            prop_assert_eq!(range.start, end);
            end = range.end;
            if let Record::Rows { rows, .. } = read {
                prop_assert_eq!(&payload[range.end - rows.len()..range.end], rows);
                prop_assert_eq!(range.len(), Record::rows_bytes(rows.len()));
            }
        }
    }

    /// A payload that was cut is an error or fewer whole records, never something else.
    #[test]
    fn cut_payloads_are_noticed(records in prop::collection::vec(owned(), 1..6), cut in 1_usize..50) {
        let whole = payload(&records);
        let short = &whole[..whole.len().saturating_sub(cut)];
        let read: Result<Vec<_>, BadRecord> = Records::new(short).collect();
        if let Ok(read) = read {
            for ((read, _), written) in read.into_iter().zip(&records) {
                prop_assert_eq!(read, written.record());
            }
        }
    }

    #[test]
    fn frames_round_trip(
        payload in prop::collection::vec(any::<u8>(), 0..300),
        salt: u64,
        number: u64,
        before in 0_usize..5,
    ) {
        let at = before * 8;
        let mut segment = vec![0xab; at];
        segment.extend(frame(&payload, salt, number));
        let found = frame_at(&segment, at, salt).unwrap();
        prop_assert_eq!(found.number, number);
        prop_assert_eq!(&segment[found.payload], &payload[..]);
        prop_assert_eq!(found.end, segment.len());
        prop_assert!(found.end.is_multiple_of(8));
        prop_assert_eq!(frame_at(&segment, at, salt ^ 1), None, "of another segment");
    }

    /// All of a frame but its padding is checked.
    #[test]
    fn no_bit_of_a_frame_can_flip_unnoticed(
        payload in prop::collection::vec(any::<u8>(), 0..100),
        bit: prop::sample::Index,
    ) {
        let whole = frame(&payload, 5, 9);
        let bit = bit.index((FRAME_BYTES + payload.len()) * 8);
        let unused = 20..FRAME_BYTES;
        prop_assume!(!unused.contains(&(bit / 8)));
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(frame_at(&damaged, 0, 5), None);
    }

    #[test]
    fn an_intact_frame_behind_damage_is_found(
        first in prop::collection::vec(any::<u8>(), 1..100),
        second in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut segment = frame(&first, 5, 9);
        let at = segment.len();
        segment[FRAME_BYTES] ^= 0x10;
        prop_assert_eq!(intact_frame_after(&segment, 0, 5, 9), None);
        segment.extend(frame(&second, 5, 10));
        let (found_at, found) = intact_frame_after(&segment, 0, 5, 9).unwrap();
        prop_assert_eq!((found_at, found.number), (at, 10));
    }
}

/// The versions, byte by byte: a change of one would make existing logs unreadable.
#[test]
fn versions_stay_as_they_are() {
    let records = [
        Owned::Database { local: 1, name: "data/t1/p1".into(), last_id: 5, stored_id: 4 },
        Owned::Rows { local: 1, previous_id: 5, id: 7, rows: b"rows".to_vec() },
        Owned::Drop { local: 1 },
        Owned::Next { segment: 4 },
    ];
    for (version, records, fixture) in [
        (1, &records[..3], &include_bytes!("../../fixtures/segment.v1")[..]),
        (2, &records[..], &include_bytes!("../../fixtures/segment.v2")[..]),
    ] {
        let header = Header { version, number: 3, first_frame: 17, salt: 0x0102_0304_0506_0708 };
        let mut segment = header.encode();
        segment.extend(frame(&payload(records), header.salt, header.first_frame));
        assert_eq!(segment, fixture, "{segment:02x?}");
        assert_eq!(Header::decode(fixture), Ok(header));
        let found = frame_at(fixture, HEADER_BYTES, header.salt).unwrap();
        let read = Records::new(&fixture[found.payload]).map(|read| read.unwrap().0);
        assert!(read.eq(records.iter().map(Owned::record)));
    }
    let newer = Header { version: VERSION + 1, number: 3, first_frame: 17, salt: 5 };
    assert!(Header::decode(&newer.encode()).unwrap_err().contains("another log format"));
}

#[test]
fn names_are_numbers() {
    assert_eq!(file_name(0x2a), "000000000000002a.log");
    assert_eq!(number_in("000000000000002a.log"), Some(42));
    for other in ["2a.log", "000000000000002A.log", "000000000000002a.log.new", "LOCK", ".log"] {
        assert_eq!(number_in(other), None, "{other}");
    }
    assert!(is_unfinished(&unfinished_name(42)));
}
