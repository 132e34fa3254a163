//! Checking a stopped store: what is whole passes, and every kind of damage is found and named. That
//! stores which were killed pass is asked in `crash`, after every kill.

use crate::support::{components, get, put, reslice, settings, table, unless_locked};
use slatedb::config::{FlushOptions, FlushType};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage::{CheckReport, LogKind, Severity, Storage, StorageError, StorageSettings};
use xxhash_rust::xxh3::xxh3_64;

/// All files below a directory.
fn bytes(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(root).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(bytes(&entry.path())),
            false => {
                files.insert(entry.path(), std::fs::read(entry.path()).unwrap());
            }
        }
    }
    files
}

fn paths(root: &Path, is: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    bytes(root).into_keys().filter(|path| is(path.to_str().unwrap())).collect()
}

/// Copies a store as it is: what a kill at this moment, or a power cut, would leave behind.
fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg("-r").arg(from.join(".")).arg(to).status();
    assert!(copied.unwrap().success());
}

/// A store with two resliced tables, of which nothing was closed: rows in the log and in files.
async fn killed_store() -> tempfile::TempDir {
    let (root, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let storage = Storage::open(settings(root.path()), components()).await.unwrap();
    let orders = table(&storage, "orders", &["m"]).await;
    let carts = table(&storage, "carts", &[]).await;
    for key in ["a", "d", "g", "n", "q", "z"] {
        put(&orders, key, "1").await;
        put(&carts, key, "1").await;
    }
    reslice(&orders, &[1], &["d", "f"]).await.unwrap();
    reslice(&carts, &[1], &["m"]).await.unwrap();
    reslice(&carts, &[2, 3], &[]).await.unwrap();
    for key in ["b", "e", "h", "n"] {
        put(&orders, key, "2").await;
    }
    storage.blobs().put("history/day", "bytes".into()).await.unwrap();
    copy(root.path(), killed.path());
    storage.close().await.unwrap();
    killed
}

async fn check(root: &Path) -> CheckReport {
    let before = bytes(root);
    let report = unless_locked(async || Storage::check(root).await).await;
    assert!(before == bytes(root), "a check changed something");
    for finding in &report.findings {
        println!("{finding}");
    }
    report
}

/// Checks a store that has damage, and that every line about it says one of `expected`, which is
/// a part of the place and a part of the text.
async fn find(root: &Path, expected: &[(&str, &str)]) {
    let report = check(root).await;
    assert!(!report.is_whole(), "not found: {expected:?}");
    for (place, what) in expected {
        let is = |f: &&storage::Finding| f.place.contains(place) && f.what.contains(what);
        assert!(report.findings.iter().any(|f| is(&f)), "{place}: {what}: {report:?}");
    }
    for finding in report.findings.iter().filter(|f| f.severity == Severity::Damaged) {
        assert!(expected.iter().any(|(place, _)| finding.place.contains(place)), "{finding}");
        assert!(!finding.to_string().contains('\n') && !finding.advice.is_empty());
    }
}

fn flip(file: &Path, at: usize) {
    let mut content = std::fs::read(file).unwrap();
    content[at] ^= 0x10;
    std::fs::write(file, content).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_killed_after_reslices_is_whole() {
    let root = killed_store().await;
    let report = check(root.path()).await;
    assert!(report.is_whole(), "{report:?}");
    let read = report.read;
    assert_eq!((read.tables, read.partitions, read.retired, read.blobs), (2, 5, 4, 1));
    assert!(read.log_rows >= 4 && read.files >= 2 && read.file_rows >= 9, "{read:?}");
    assert!(read.log_segments == 1 && read.log_frames > 10, "{read:?}");
    // It can be opened afterwards, closed, and is whole again.
    let storage = Storage::open(settings(root.path()), components()).await.unwrap();
    assert_eq!(get(&storage.table("orders").unwrap(), "e").await.as_deref(), Some("2"));
    storage.close().await.unwrap();
    assert!(check(root.path()).await.is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_open_is_refused_and_so_is_another_directory() {
    let root = tempfile::tempdir().unwrap();
    let refused = Storage::check(root.path()).await.unwrap_err();
    assert!(refused.to_string().contains("not a data directory"), "{refused}");
    assert!(bytes(root.path()).is_empty());
    let storage = Storage::open(settings(root.path()), components()).await.unwrap();
    let refused = Storage::check(root.path()).await.unwrap_err();
    assert!(matches!(refused, StorageError::Locked(_)), "{refused}");
    storage.close().await.unwrap();
    assert!(check(root.path()).await.is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_the_log_is_found_and_an_unfinished_write_is_harmless() {
    let root = killed_store().await;
    let log = root.path().join("log/0000000000000001.log");
    flip(&log, 57);
    find(root.path(), &[("0000000000000001.log at offset 40", "first frame is not intact")]).await;
    flip(&log, 57);
    let mut content = std::fs::read(&log).unwrap();
    let end = content.iter().rposition(|byte| *byte != 0).unwrap().next_multiple_of(8);
    content[end..end + 4].copy_from_slice(b"FSfr");
    std::fs::write(&log, content).unwrap();
    std::fs::write(root.path().join("log/0000000000000002.log.new"), b"half").unwrap();
    std::fs::write(root.path().join("data/t1/p2/manifest/0007.manifest#3"), b"half").unwrap();
    let report = check(root.path()).await;
    assert!(report.is_whole(), "{report:?}");
    let found: Vec<&str> = report.findings.iter().map(|f| f.what.as_str()).collect();
    assert!(found[0].contains("never finished, and nobody was told"), "{found:?}");
    assert!(found[1].contains("segment was never finished"), "{found:?}");
    assert!(found[2].contains("unfinished files: 1"), "{found:?}");
    std::fs::remove_dir_all(root.path().join("log")).unwrap();
    find(root.path(), &[("log", "the log of all databases is missing")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_another_time_is_found() {
    let root = killed_store().await;
    let storage = Storage::open(settings(root.path()), components()).await.unwrap();
    let older = tempfile::tempdir().unwrap();
    copy(&root.path().join("log"), older.path());
    let orders = storage.table("orders").unwrap();
    put(&orders, "z", "3").await;
    // Its database knows by now of more than the copy of the log.
    storage.close().await.unwrap();
    std::fs::remove_dir_all(root.path().join("log")).unwrap();
    std::fs::create_dir(root.path().join("log")).unwrap();
    copy(older.path(), &root.path().join("log"));
    let report = check(root.path()).await;
    let opened = Storage::open(settings(root.path()), components()).await;
    assert!(!report.is_whole() && opened.is_err(), "{report:?} {opened:?}");
    assert!(report.findings.iter().all(|f| f.place.starts_with("data/t1/")), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_catalog_is_found_record_by_record() {
    let root = killed_store().await;
    let versions = paths(root.path(), |path| path.contains("catalog/tables/orders/"));
    let [old, newest] = [&versions[0], versions.last().unwrap()];
    for (file, what) in [(newest, "hash"), (old, "hash")] {
        flip(file, 200);
        find(root.path(), &[("catalog/tables/orders/", what)]).await;
        flip(file, 200);
    }
    // A record that nobody could have written.
    rewrite(newest, |text| text.replacen("\"66\"", "\"67\"", 1));
    find(root.path(), &[("catalog/tables/orders/", "do not meet")]).await;
    rewrite(newest, |text| text.replacen("\"67\"", "\"66\"", 1));
    std::fs::remove_file(&versions[versions.len() - 2]).unwrap();
    find(root.path(), &[("catalog/tables/orders/", "version is missing")]).await;
    std::fs::remove_dir_all(root.path().join("catalog/tables/orders")).unwrap();
    let gone = "the record of its table is missing";
    let all = ["p1", "p2", "p3", "p4", "p5"].map(|p| format!("data/t1/{p}"));
    find(root.path(), &all.each_ref().map(|path| (path.as_str(), gone))).await;
    std::fs::remove_dir_all(root.path().join("catalog/store")).unwrap();
    find(root.path(), &[("catalog/store", "missing")]).await;
}

/// Changes a record and its hash.
fn rewrite(file: &Path, change: impl Fn(&str) -> String) {
    let text = std::fs::read_to_string(file).unwrap();
    let (header, body) = text.split_once('\n').unwrap();
    let (body, changed) = (body.to_owned(), change(body));
    assert_ne!(body, changed);
    let (kind, _) = header.rsplit_once(' ').unwrap();
    let hash = xxh3_64(changed.as_bytes());
    std::fs::write(file, format!("{kind} xxh3:{hash:016x}\n{changed}")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_anywhere_in_a_sorted_file_is_found() {
    let root = killed_store().await;
    let files = paths(root.path(), |path| path.ends_with(".sst"));
    let file = &files[0];
    let length = std::fs::read(file).unwrap().len();
    let name = file.file_name().unwrap().to_str().unwrap();
    for at in (0..length).step_by(3) {
        flip(file, at);
        let report = unless_locked(async || Storage::check(root.path()).await).await;
        let found = report.findings.iter().find(|finding| finding.place.contains(name));
        assert!(found.is_some() && !report.is_whole(), "byte {at} of {length}");
        flip(file, at);
    }
    std::fs::remove_file(file).unwrap();
    find(root.path(), &[(name, "")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_partition_is_found_and_a_stranger_is_told() {
    let root = killed_store().await;
    copy(&root.path().join("data/t1/p2"), &root.path().join("data/t1/p77"));
    let report = check(root.path()).await;
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.findings[0].place, "data/t1/p77");
    assert!(report.findings[0].advice.contains("the next start deletes it"));
    std::fs::remove_dir_all(root.path().join("data/t1/p4")).unwrap();
    find(root.path(), &[("data/t1/p4", "its database is missing")]).await;
    std::fs::remove_dir_all(root.path().join("data/t1/p1")).unwrap();
    let lender = [("data/t1/p4", ""), ("data/t1/p1", "database is missing")];
    find(root.path(), &lender).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_out_of_the_range_of_their_partition_are_found_in_the_log_and_in_files() {
    let root = killed_store().await;
    let versions = paths(root.path(), |path| path.contains("catalog/tables/orders/"));
    for old in &versions[..versions.len() - 1] {
        std::fs::remove_file(old).unwrap();
    }
    // The boundary at "m" becomes one at "p": "n" is in the log of what begins there.
    rewrite(versions.last().unwrap(), |text| text.replace("\"6d\"", "\"70\""));
    let report = check(root.path()).await;
    let outside: Vec<_> = report.findings.iter().filter(|f| f.what.contains("range: n")).collect();
    assert_eq!(outside.len(), 1, "{report:?}");
    assert_eq!(outside[0].place, "data/t1/p2");
    // And the one at "d" becomes one at "e": "d" is in a file that its owner borrowed.
    rewrite(versions.last().unwrap(), |text| text.replace("\"64\"", "\"65\""));
    let report = check(root.path()).await;
    let what = "reach out of its range";
    assert!(report.findings.iter().any(|f| f.what.contains(what)), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_a_log_per_partition_is_checked_too() {
    let root = tempfile::tempdir().unwrap();
    let settings = StorageSettings { log: LogKind::Engine, ..settings(root.path()) };
    let storage = Storage::open(settings, components()).await.unwrap();
    let orders = table(&storage, "orders", &["m"]).await;
    put(&orders, "a", "1").await;
    put(&orders, "z", "1").await;
    let killed = tempfile::tempdir().unwrap();
    copy(root.path(), killed.path());
    storage.close().await.unwrap();
    assert!(check(root.path()).await.is_whole());
    let report = check(killed.path()).await;
    assert!(report.is_whole() && report.read.log_rows == 2, "{report:?}");

    // Somebody writes into a partition's database past the store.
    let files = object_store::local::LocalFileSystem::new_with_prefix(root.path()).unwrap();
    let db = slatedb::Db::open("data/t1/p1", Arc::new(files)).await.unwrap();
    db.put(b"q", b"1").await.unwrap();
    db.flush_with_options(FlushOptions { flush_type: FlushType::MemTable }).await.unwrap();
    db.close().await.unwrap();
    find(root.path(), &[("data/t1/p1", "reach out of its range")]).await;
    let files = object_store::local::LocalFileSystem::new_with_prefix(killed.path()).unwrap();
    let db = slatedb::Db::open("data/t1/p1", Arc::new(files)).await.unwrap();
    db.put(b"q", b"1").await.unwrap();
    db.flush_with_options(FlushOptions { flush_type: FlushType::Wal }).await.unwrap();
    find(killed.path(), &[("data/t1/p1", "range: q")]).await;
    drop(db);
}
