//! Changing the key order: nothing is lost, doubled or brought back, whatever goes on meanwhile and
//! wherever it ends early; scans that had begun go on where they were.

mod faults;
mod load;
mod model;
pub(crate) mod orders;

use crate::support::{components, open, settings, unless_locked};
use bytes::Bytes;
use load::Counters;
use orders::{Text, get, put, rekey, text};
use std::path::Path;
use std::sync::Arc;
use storage::{Decision, Direction, RekeyPhase, Reslice, Storage, StorageError, StorageSettings};
use types::{KeyRange, PartitionId};

/// Small chunks, so that a few items take several, and short times.
pub(crate) fn hurried(root: &Path) -> StorageSettings {
    StorageSettings {
        rekey_bytes_per_s: 0,
        rekey_chunk_bytes: 200,
        rekey_save_ms: 1,
        rekey_grace_ms: 0,
        scan_grace_ms: 100,
        compaction_poll_ms: 20,
        ..settings(root)
    }
}

pub(crate) async fn open_hurried(root: &Path) -> Arc<Storage> {
    unless_locked(async || Storage::open(hurried(root), components()).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn items_are_found_under_their_new_keys_and_no_others() {
    let root = tempfile::tempdir().unwrap();
    let storage = open_hurried(root.path()).await;
    let table = crate::support::table(&storage, "orders", &["g", "p"]).await;
    let names: Vec<String> =
        (0..100).map(|n| format!("{}{n:02}", (b'a' + n % 26) as char)).collect();
    for name in &names {
        put(&table, name, "1").await;
    }
    let report = rekey(&table, &["3", "6"]).await.unwrap();
    assert_eq!((report.items, report.children.len(), report.epoch), (100, 3, 2));
    assert_eq!((table.order(), table.definition()["orders"].as_u64()), (1, Some(1)));
    assert_eq!(table.rekeyed_ms(), Some(1_700_000_000_000));
    assert_eq!(table.rekey_again_ms(), None, "nobody waits for the old order");
    for name in &names {
        assert_eq!(get(&table, name).await.as_deref(), Some("1"), "{name}");
    }
    let mut expected: Vec<String> = names.iter().map(|name| text(1, name)).collect();
    expected.sort();
    assert_eq!(crate::support::keys(&table, KeyRange::full(), Direction::Forward).await, expected);
    storage.close().await.unwrap();

    let storage = open_hurried(root.path()).await;
    let table = storage.table("orders").unwrap();
    assert_eq!((table.order(), table.pending_rekey()), (1, None));
    rekey(&table, &[]).await.unwrap();
    assert_eq!(table.order(), 2);
    assert_eq!(get(&table, "a00").await.as_deref(), Some("1"));
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_with_keys_of_another_order_are_told() {
    let root = tempfile::tempdir().unwrap();
    let storage = open_hurried(root.path()).await;
    let table = crate::support::table(&storage, "orders", &[]).await;
    put(&table, "ab", "1").await;
    let before = table.in_order(0);
    assert!(before.get(b"ab").await.unwrap().is_some());
    rekey(&table, &[]).await.unwrap();
    let read = before.get(b"ab").await.unwrap_err();
    let written = before.read_modify_write(b"ab", |_| Decision::Delete(())).await.unwrap_err();
    for told in [read, written] {
        assert!(matches!(told, StorageError::Rekeyed(_)), "{told}");
    }
    assert!(table.in_order(1).get(b"ba").await.unwrap().is_some());
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_and_readers_go_on_while_the_order_changes_back_and_forth() {
    let root = tempfile::tempdir().unwrap();
    let storage = open_hurried(root.path()).await;
    let table = crate::support::table(&storage, "orders", &["w1", "w3"]).await;
    let counters = Counters::start(&table, 8);
    let mut pauses = Vec::new();
    for n in 0..6 {
        counters.wait_for(200).await;
        let boundaries: &[&str] = if n % 2 == 0 { &["05-", "1"] } else { &["w2"] };
        let report = rekey(&table, boundaries).await.unwrap();
        pauses.push(report.pause_ms);
        storage.maintain().await.unwrap();
    }
    counters.wait_for(200).await;
    counters.stop_and_check(&table).await;
    println!("writes were held for {pauses:.1?} ms");
    storage.close().await.unwrap();
    let storage = open(root.path()).await;
    assert_eq!(storage.table("orders").unwrap().order(), 6);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_began_before_goes_on_in_the_old_order_with_the_values_of_now() {
    let root = tempfile::tempdir().unwrap();
    let patient = StorageSettings { rekey_grace_ms: 600_000, ..hurried(root.path()) };
    let storage = Storage::open(patient, components()).await.unwrap();
    let table = crate::support::table(&storage, "orders", &["k05"]).await;
    for n in 0..10 {
        put(&table, &format!("k{n:02}"), "old").await;
    }
    let mut forward = table.scan(KeyRange::full(), Direction::Forward);
    let mut backward = table.scan(KeyRange::full(), Direction::Backward);
    assert_eq!(forward.next().await.unwrap().unwrap().0, "k00");
    assert_eq!(backward.next().await.unwrap().unwrap().0, "k09");
    rekey(&table, &["5"]).await.unwrap();
    put(&table, "k03", "new").await;
    put(&table, "k035", "added").await;
    let gone = Bytes::from(text(1, "k07"));
    table.read_modify_write(&gone, |_| Decision::Delete(())).await.unwrap();
    // A page of the old order that is asked for only now.
    let mut page = table.in_order(0).scan(KeyRange::new("k04", None), Direction::Forward);
    let mut seen = Vec::new();
    while let Some((key, value)) = forward.next().await.unwrap() {
        seen.push((key, value));
    }
    let expected: Vec<(Bytes, Bytes)> = (1..10)
        .filter(|n| *n != 7)
        .map(|n| (format!("k{n:02}").into(), if n == 3 { "new" } else { "old" }.into()))
        .collect();
    assert_eq!(seen, expected);
    assert_eq!(backward.next().await.unwrap().unwrap().0, "k08");
    assert_eq!(backward.next().await.unwrap().unwrap().0, "k06");
    assert_eq!(page.next().await.unwrap().unwrap().0, "k04");
    assert!(table.serves_previous(0) && !table.serves_previous(1));
    assert_eq!(table.rekey_again_ms(), Some(1_700_000_600_000));
    let again = rekey(&table, &[]).await.unwrap_err().to_string();
    assert!(again.contains("served in the old one"), "{again}");
    // The time ends with the store, too; the old partitions are deleted when they are closed.
    drop((forward, backward, page));
    storage.close().await.unwrap();
    let storage = open_hurried(root.path()).await;
    let table = storage.table("orders").unwrap();
    let told = table.in_order(0).scan(KeyRange::full(), Direction::Forward).next().await;
    assert!(matches!(told, Err(StorageError::Rekeyed(_))), "{told:?}");
    let mut deleted = 0;
    while deleted < 2 {
        deleted += storage.maintain().await.unwrap().parents_deleted;
        tokio::task::yield_now().await;
    }
    assert!(!root.path().join("data/t1/p1").exists());
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rekey_goes_on_after_a_restart_where_it_was() {
    let root = tempfile::tempdir().unwrap();
    let slow = StorageSettings { rekey_bytes_per_s: 2_000, ..hurried(root.path()) };
    let storage = Storage::open(slow, components()).await.unwrap();
    let table = crate::support::table(&storage, "orders", &["k5"]).await;
    for n in 0..1_000 {
        put(&table, &format!("k{n:03}"), "some value").await;
    }
    let running = {
        let table = table.clone();
        tokio::spawn(async move { rekey(&table, &["5"]).await })
    };
    while table.rekey_progress().is_none_or(|progress| progress.items < 100) {
        assert!(!running.is_finished());
        tokio::task::yield_now().await;
    }
    let progress = table.rekey_progress().unwrap();
    assert_eq!(progress.phase, RekeyPhase::Copying);
    assert!(progress.bytes >= 100 * 14 && progress.left_s.is_some(), "{progress:?}");
    let busy = rekey(&table, &[]).await.unwrap_err();
    assert!(matches!(busy, StorageError::Busy(_)), "{busy}");
    let reslice = Reslice { sources: vec![PartitionId(1)], boundaries: vec!["k1".into()] };
    let busy = table.reslice(reslice).await.unwrap_err();
    assert!(matches!(busy, StorageError::Busy(_)), "{busy}");
    put(&table, "k000", "newer").await;
    storage.close().await.unwrap();
    running.await.unwrap().unwrap_err();

    let storage = open_hurried(root.path()).await;
    let table = storage.table("orders").unwrap();
    assert_eq!(table.pending_rekey(), Some(Text { to: 1 }.target()));
    assert_eq!(table.rekey_progress().unwrap().phase, RekeyPhase::Waiting);
    let copied = table.rekey_progress().unwrap().items;
    assert!(copied > 0, "it was written down how far it was");
    // Written before anybody goes on: it is captured all the same.
    put(&table, "k001", "newest").await;
    let gone = table.read_modify_write(b"k002", |_| Decision::Delete(())).await;
    gone.unwrap();
    let other = storage::Rekey { target: "other".into(), ..Text { to: 1 }.request(&[]) };
    let refused = table.rekey(other).await.unwrap_err().to_string();
    assert!(refused.contains("cancel it first"), "{refused}");
    let report = rekey(&table, &["5"]).await.unwrap();
    assert!(report.items < 1_000 + 50, "what was copied is not copied again: {report:?}");
    assert_eq!(get(&table, "k000").await.as_deref(), Some("newer"));
    assert_eq!(get(&table, "k001").await.as_deref(), Some("newest"));
    assert_eq!(get(&table, "k002").await, None);
    let all = crate::support::keys(&table, KeyRange::full(), Direction::Forward).await;
    assert_eq!(all.len(), 999);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_can_be_dropped_and_housekept_meanwhile() {
    let root = tempfile::tempdir().unwrap();
    let slow = StorageSettings { rekey_bytes_per_s: 1, ..hurried(root.path()) };
    let storage = Storage::open(slow, components()).await.unwrap();
    let table = crate::support::table(&storage, "orders", &[]).await;
    for n in 0..100 {
        put(&table, &format!("k{n:03}"), "some value").await;
    }
    let running = {
        let table = table.clone();
        tokio::spawn(async move { rekey(&table, &["5"]).await })
    };
    while table.rekey_progress().is_none_or(|progress| progress.items == 0) {
        tokio::task::yield_now().await;
    }
    storage.maintain().await.unwrap();
    storage.drop_table("orders").await.unwrap();
    assert!(running.await.unwrap().is_err());
    assert!(!root.path().join("data/t1").exists());
    storage.close().await.unwrap();
}
