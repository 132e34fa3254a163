//! Rot: damage that is no unfinished write is refused, with file and offset.

use nodelog::{
    DatabaseName, Disk, Entry, HEADER_BYTES, Log, LogError, LogSettings, NoHooks, SimulatedDisk,
    TornEnd, inspect,
};
use std::sync::Arc;

const FIRST: &str = "0000000000000001.log";
const SECOND: &str = "0000000000000002.log";

fn settings() -> LogSettings {
    LogSettings { segment_bytes: 1_000, zero_ahead_bytes: 256, ..LogSettings::default() }
}

fn open(disk: &Arc<SimulatedDisk>) -> nodelog::Result<Log> {
    Ok(Log::open(disk.clone(), settings(), 1, Arc::new(NoHooks))?.0)
}

fn append(log: &mut Log, previous_id: u64, id: u64) {
    let database = &DatabaseName::new("data/t1/p1").unwrap();
    log.commit(&[Entry::Rows { database, previous_id, id, rows: &[id as u8; 100] }]).unwrap();
}

/// A log that was killed after some groups; so many that there are two segments.
fn written(groups: u64) -> Arc<SimulatedDisk> {
    let disk = Arc::new(SimulatedDisk::new(1));
    let mut log = open(&disk).unwrap();
    (1..=groups).for_each(|id| append(&mut log, id - 1, id));
    disk
}

/// The offsets at which frames begin, by their magic.
fn frames(disk: &SimulatedDisk, file: &str) -> Vec<u64> {
    let bytes = &disk.snapshot()[file];
    let offsets = (HEADER_BYTES..bytes.len()).step_by(8);
    offsets.filter(|at| bytes[*at..].starts_with(b"FSfr")).map(|at| at as u64).collect()
}

fn refused(disk: &Arc<SimulatedDisk>) -> (String, u64) {
    match open(disk).map(|_| ()) {
        Err(LogError::Damaged { file, offset, .. }) => (file, offset),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flipped_bit_before_an_intact_frame_is_refused_with_its_place() {
    let disk = written(4);
    let frames = frames(&disk, FIRST);
    for frame in &frames[..frames.len() - 1] {
        disk.damage(FIRST, frame + 17, 0x40);
        assert_eq!(refused(&disk), (FIRST.to_owned(), *frame));
        disk.damage(FIRST, frame + 17, 0x40);
    }
    open(&disk).unwrap();
}

#[test]
fn damage_at_the_end_of_a_segment_that_is_not_the_newest_is_refused() {
    let disk = written(12);
    let frames = frames(&disk, FIRST);
    let [.., last, next] = frames[..] else { panic!("{frames:?}") };
    disk.damage(FIRST, last + 30, 1);
    assert_eq!(refused(&disk), (FIRST.to_owned(), last));
    disk.damage(FIRST, last + 30, 1);
    // That it goes on is said by its last frame, which nobody was told of.
    disk.damage(FIRST, next + 30, 1);
    open(&disk).unwrap();
}

#[test]
fn the_end_of_the_newest_segment_is_taken_for_an_unfinished_write() {
    let disk = written(3);
    let last = *frames(&disk, FIRST).last().unwrap();
    disk.damage(FIRST, last + 30, 1);
    let mut log = open(&disk).unwrap();
    append(&mut log, 2, 4);
    open(&disk).unwrap();
}

#[test]
fn a_sealed_end_is_not() {
    let disk = written(3);
    let last = *frames(&disk, FIRST).last().unwrap();
    // Goes on in the same process, only to seal.
    let disk_again = Arc::new(SimulatedDisk::new(1));
    let mut log = open(&disk_again).unwrap();
    (1..=3).for_each(|id| append(&mut log, id - 1, id));
    log.seal().unwrap();
    disk_again.damage(FIRST, last + 30, 1);
    assert_eq!(refused(&disk_again), (FIRST.to_owned(), last));
}

#[test]
fn a_bad_header_is_damage_even_in_the_newest_segment() {
    for offset in [0, 9, 20, 37] {
        let disk = written(3);
        disk.damage(FIRST, offset, 2);
        assert_eq!(refused(&disk), (FIRST.to_owned(), 0));
    }
}

/// A process that does not force its writes may be killed, and followed by one that does.
#[test]
fn a_start_forces_what_an_earlier_process_has_not() {
    for seed in 0..20 {
        let disk = Arc::new(SimulatedDisk::that_lies(seed));
        let mut log = open(&disk).unwrap();
        (1..=30).for_each(|id| append(&mut log, id - 1, id));
        disk.set_lying(false);
        open(&disk).unwrap();
        disk.power_cycle();
        open(&disk).unwrap_or_else(|lost| panic!("seed {seed}: {lost}"));
    }
}

/// The frame with the databases is on the disk before the segment has its name.
#[test]
fn a_bad_first_frame_is_damage_even_in_the_newest_segment() {
    for groups in [0, 3] {
        let disk = written(groups);
        let first = HEADER_BYTES as u64;
        disk.damage(FIRST, first + 17, 1);
        assert_eq!(refused(&disk), (FIRST.to_owned(), first));
    }
}

#[test]
fn a_missing_segment_is_noticed() {
    let disk = written(30);
    disk.remove(SECOND).unwrap();
    assert_eq!(refused(&disk), ("0000000000000003.log".to_owned(), 0));
    // The newest, too: of one process, or of one that only began it.
    for groups in [12, 30] {
        for starts in 0..3 {
            let disk = written(groups);
            (0..starts).for_each(|_| drop(open(&disk).unwrap()));
            let newest = disk.list().unwrap().pop().unwrap();
            disk.remove(&newest).unwrap();
            assert_eq!(refused(&disk), (newest, 0));
        }
    }
    let disk = written(12);
    disk.remove(FIRST).unwrap();
    let lost = open(&disk).map(|_| ()).unwrap_err();
    assert!(matches!(&lost, LogError::Lost { database, .. } if database.as_str() == "data/t1/p1"));
    assert!(lost.to_string().contains("from 1 to"), "{lost}");
}

#[test]
fn a_segment_of_the_first_version_is_read_and_left_as_it_is() {
    let v1 = include_bytes!("../../fixtures/segment.v1");
    let (disk, file) = (Arc::new(SimulatedDisk::new(1)), "0000000000000003.log");
    disk.create(file).unwrap();
    disk.write(file, 0, v1).unwrap();
    open(&disk).unwrap();
    append(&mut open(&disk).unwrap(), 0, 1);
    assert_eq!(disk.snapshot()[file], v1);
    open(&disk).unwrap();
}

#[test]
fn a_segment_that_was_not_finished_counts_for_nothing() {
    let disk = written(3);
    disk.create("0000000000000002.log.new").unwrap();
    disk.write("0000000000000002.log.new", 0, b"half a header").unwrap();
    open(&disk).unwrap();
    assert!(!disk.snapshot().contains_key("0000000000000002.log.new"));
}

#[test]
fn an_inspection_sees_what_a_start_would_and_changes_nothing() {
    use nodelog::Disk;
    let disk = written(12);
    disk.create("0000000000000009.log.new").unwrap();
    disk.create("notes.txt").unwrap();
    let last = *frames(&disk, SECOND).last().unwrap();
    let before = disk.snapshot();
    let seen = inspect(&*disk).unwrap();
    assert_eq!((seen.segments, seen.frames, seen.torn), (2, 14, None));
    assert_eq!(seen.unfinished, ["0000000000000009.log.new"]);
    assert_eq!(seen.strangers, ["notes.txt"]);
    let database = &seen.databases[&DatabaseName::new("data/t1/p1").unwrap()];
    assert_eq!((database.last_id, database.records.len()), (12, 12));

    disk.damage(SECOND, last + 30, 1);
    let seen = inspect(&*disk).unwrap();
    assert_eq!(seen.torn, Some(TornEnd { file: SECOND.to_owned(), offset: last }));
    disk.damage(SECOND, last + 30, 1);
    assert_eq!(disk.snapshot(), before);

    disk.damage(FIRST, 57, 1);
    let refused = inspect(&*disk).unwrap_err();
    assert!(matches!(refused, LogError::Damaged { offset: 40, .. }), "{refused}");
}
