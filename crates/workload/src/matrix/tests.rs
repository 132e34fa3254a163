use super::*;
use crate::testing::{TABLE, vector};
use crate::{Collector, CollectorSettings};
use std::path::PathBuf;
use types::{KeyRange, PartitionId, Strategy, Units};

const NOON_MS: i64 = 1_759_147_200_000;

/// Five minutes with one request a second, five quiet ones, and five with every other second.
fn collector() -> Collector {
    let mut collector = Collector::new(&CollectorSettings::default());
    collector.set_partitions(TABLE, Strategy::Range, &[(PartitionId(1), KeyRange::full())]);
    for second in (0..300).chain((600..900).step_by(2)) {
        collector.ingest(&vector(NOON_MS + second * 1_000, b"key"));
    }
    collector.advance(NOON_MS + 901_000);
    collector
}

fn cells() -> Vec<KeyRange> {
    KeyRange::full().cut(&["b".into(), "z".into()]).unwrap()
}

fn file(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("matrix.csv");
    std::fs::write(&path, text).unwrap();
    (directory, path)
}

/// Everything in one file, the later bins from a second page.
fn written(hide: bool) -> Vec<u8> {
    let collector = collector();
    let history = collector.history(TABLE).unwrap();
    let mut to = Vec::new();
    let maps = vec![(NOON_MS + 500, vec!["62".to_string()])];
    let capacity = Units { read: 30.0, write: 10.0 };
    write_head(Some("orders"), Some(capacity), &maps, &mut to).unwrap();
    let mut from_ms = i64::MIN / 2;
    loop {
        let mut page = history.page(&cells(), from_ms, 2);
        if page.bins.is_empty() {
            return to;
        }
        from_ms = page.page_end_ms();
        if hide {
            page.hide_keys();
        }
        page.write_lines(i64::MAX, &mut to).unwrap();
    }
}

#[test]
fn what_is_written_is_read_again() {
    let (_kept, path) = file(&written(false));
    let matrix = read_matrix(&path).unwrap();
    assert_eq!(matrix.table.as_deref(), Some("orders"));
    assert_eq!(matrix.capacity, Some(Units { read: 30.0, write: 10.0 }));
    assert_eq!(matrix.maps, [(NOON_MS + 500, vec!["b".into()])]);
    assert_eq!(matrix.cells, ["", "b", "z"]);
    let starts: Vec<i64> = matrix.bins.iter().map(|bin| bin.start_ms - NOON_MS).collect();
    assert_eq!(starts, [0, 300_000, 600_000]);
    let written: Vec<f64> = matrix
        .bins
        .iter()
        .map(|bin| bin.units.iter().map(|(_, units)| units.total()).sum())
        .collect();
    assert_eq!(written[1], 0.0, "a quiet bin is known to be quiet");
    assert!((written[0] - 2.0 * written[2]).abs() < 1e-6 && written[0] > 0.0, "{written:?}");
    // What little there is to learn about one key was learned: it lies between b and z.
    assert!(matrix.bins[0].units.iter().any(|(cell, units)| *cell == 1 && units.total() > 0.0));
}

#[test]
fn hidden_keys_keep_their_order_and_nothing_else() {
    let text = written(true);
    let (_kept, path) = file(&text);
    let (shown, hidden) = (file(&written(false)), read_matrix(&path).unwrap());
    let shown = read_matrix(&shown.1).unwrap();
    assert_eq!(hidden.bins, shown.bins);
    assert_eq!(hidden.cells.len(), 3);
    assert!(hidden.cells.is_sorted() && !hidden.cells.contains(&"b".into()));
}

#[test]
fn what_nobody_counted_has_no_line() {
    let mut collector = collector();
    collector.resume(NOON_MS + 3_600_000);
    collector.ingest(&vector(NOON_MS + 3_601_000, b"key"));
    collector.advance(NOON_MS + 4_000_000);
    let page = collector.history(TABLE).unwrap().page(&cells(), NOON_MS + 900_000, usize::MAX);
    assert_eq!(page.start_ms, NOON_MS + 900_000);
    assert!(page.bins[0].is_none() && page.bins.last().is_some_and(Option::is_some));
}

#[test]
fn a_file_from_before_the_first_bin_has_none() {
    let whole = String::from_utf8(written(false)).unwrap();
    let head: Vec<&str> = whole.lines().take_while(|line| !line.contains(",300,")).collect();
    let (_kept, path) = file(head.join("\n").as_bytes());
    let matrix = read_matrix(&path).unwrap();
    assert!(matrix.cells.is_empty() && matrix.bins.is_empty());
    assert_eq!(matrix.table.as_deref(), Some("orders"));
}

#[test]
fn damaged_files_are_refused_with_a_line() {
    let good = String::from_utf8(written(false)).unwrap();
    for (what, damaged) in [
        ("no workload matrix", good.replacen("matrix 1", "matrix 9", 1)),
        ("makes no sense", good.replacen("_read_units: 30", "_read_units: many", 1)),
        ("is no key", good.replace(",300,,62,", ",300,,6x,")),
        ("ended elsewhere", good.replacen(",300,,62,", ",300,,61,", 1)),
        ("no length, or two", good.replacen(",300,62,7a,", ",60,62,7a,", 1)),
        ("is no rate", good.replacen(",300,62,7a,", ",300,62,7a,-1", 1)),
        ("no column `seconds`", good.replacen(",seconds,", ",minutes,", 1)),
        ("beginning of the axis", good.replace(",300,,62,", ",300,61,62,")),
    ] {
        let (_kept, path) = file(damaged.as_bytes());
        let error = read_matrix(&path).expect_err(what).to_string();
        assert!(error.contains(what) && error.contains("line "), "{what}: {error}");
    }
}
