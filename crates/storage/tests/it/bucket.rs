//! A store in a bucket: on a real S3-compatible server, and on one in memory that can be cut off.

use crate::support::wire::{self, Fate, Request, Wire};
use crate::support::{components, get, keys, load, put, reslice, table};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use storage::{
    BucketEstimate, Components, Decision, Direction, Storage, StorageError, StorageSettings,
};
use types::KeyRange;

fn settings(store: &str) -> StorageSettings {
    StorageSettings {
        store: Some(store.to_owned()),
        directory: "/nonexistent/must-not-be-touched".into(),
        cache_bytes: 16 << 20,
        bucket_flush_ms: 5,
        bucket_poll_ms: 50,
        compaction_poll_ms: 50,
        garbage_poll_ms: 50,
        garbage_age_ms: 50,
        scan_grace_ms: 100,
        cutover_ms_max: 60_000,
        ..StorageSettings::default()
    }
}

fn wired(wire: &Wire) -> Components {
    Components { layer: Some(Arc::new(wire.clone())), ..components() }
}

async fn open(wire: &Wire) -> Arc<Storage> {
    Storage::open(settings("s3://test/prefix"), wired(wire)).await.unwrap()
}

/// Writes, reslices, tidies up and opens again; the same on every store.
async fn live_and_reopen(
    settings: StorageSettings,
    components: impl Fn() -> Components,
    writes: u64,
) {
    let storage = Storage::open(settings.clone(), components()).await.unwrap();
    let orders = table(&storage, "orders", &["m"]).await;
    let load = load::Load::start(&orders, 3);
    load.wait_for(writes).await;
    reslice(&orders, &[1], &["c"]).await.unwrap();
    load.wait_for(writes).await;
    reslice(&orders, &[2, 3, 4], &["w01"]).await.unwrap_err();
    let all = load::ids(&orders);
    reslice(&orders, &all, &["w01", "w02"]).await.unwrap();
    load.wait_for(writes).await;
    let done = load.stop().await;
    load::check(&orders, &done).await;
    storage.blobs().put("decisions", "some".into()).await.unwrap();
    storage.close().await.unwrap();

    let storage = Storage::open(settings, components()).await.unwrap();
    let orders = storage.table("orders").unwrap();
    load::check(&orders, &done).await;
    assert_eq!(storage.blobs().get("decisions").await.unwrap(), Some("some".into()));
    storage.maintain().await.unwrap();
    storage.drop_table("orders").await.unwrap();
    storage.close().await.unwrap();
}

/// A server that speaks S3, on a port of its own.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// `None` where there is none: `make test` installs them into `.venv`.
    fn start(kind: &str) -> Option<Self> {
        let python = std::env::var("FORESHARD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/s3_server.py");
        let started = Command::new(python)
            .args([script, kind])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut process = started.ok()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take()?).read_line(&mut line).ok()?;
        match line.trim().parse() {
            Ok(port) => Some(Self { process, port }),
            Err(_) => {
                let _ = process.wait();
                None
            }
        }
    }
}

impl Drop for Server {
    /// It ends when its input does, and takes with it what it has started.
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The environment says where the server is, and a process has one: so a test runs itself once more,
/// with another.
fn live_on(kind: &str, test: &str) {
    const PORT: &str = "FORESHARD_TEST_S3_PORT";
    if std::env::var(PORT).is_ok() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let bucket = settings("s3://test/some/prefix");
        runtime.block_on(live_and_reopen(bucket, components, 5));
        if kind == "moto" {
            // It takes minutes for it.
            return;
        }
        runtime.block_on(async {
            let bucket = settings("s3://test/backups");
            let storage = Storage::open(bucket.clone(), components()).await.unwrap();
            crate::backup::live_with_backups(&storage, 5, 2).await;
            storage.close().await.unwrap();
            let storage = Storage::open(bucket, components()).await.unwrap();
            let backups = storage.backups();
            assert_eq!(backups.len(), 2);
            storage.drop_table("orders").await.unwrap();
            let restored = crate::backup::restore(&storage, "again", backups[0].id).await;
            assert_eq!(
                keys(&restored, KeyRange::full(), Direction::Forward).await,
                keys(&storage.table("restored-0").unwrap(), KeyRange::full(), Direction::Forward)
                    .await
            );
            for backup in backups {
                storage.delete_backup(backup.id).await.unwrap();
            }
            storage.close().await.unwrap();
        });
        return;
    }
    let Some(server) = Server::start(kind) else {
        println!("skipped: no {kind}; `make test` installs it (from PyPI) into .venv");
        return;
    };
    let again = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(PORT, server.port.to_string())
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", server.port))
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "testtest")
        .env("AWS_REGION", "us-east-1")
        .status();
    assert!(again.unwrap().success());
}

#[test]
fn a_store_lives_in_an_s3_bucket() {
    live_on("moto", "bucket::a_store_lives_in_an_s3_bucket");
}

#[test]
fn a_store_lives_in_a_bucket_of_seaweedfs() {
    live_on("seaweedfs", "bucket::a_store_lives_in_a_bucket_of_seaweedfs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_lives_in_memory_as_in_a_bucket() {
    let wire = Wire::in_memory();
    live_and_reopen(settings("s3://test/prefix"), || wired(&wire), 40).await;
    let left = wire::names(wire.memory()).await;
    assert!(left.iter().all(|name| !name.starts_with("data/")), "{left:?}");
}

/// Requests for an object of the catalog below `prefix`, the `nth` of them.
fn nth_put(prefix: &'static str, nth: u64, fate: Fate) -> impl FnMut(Request, &str) -> Fate + Send {
    let mut seen = 0;
    move |request, path| {
        if request != Request::Put || !path.starts_with(prefix) {
            return Fate::Done;
        }
        seen += 1;
        if seen == nth { fate } else { Fate::Done }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_write_that_was_done_and_answered_with_an_error_counts() {
    let wire = Wire::in_memory();
    let storage = open(&wire).await;
    wire.rule(nth_put("catalog/tables/orders", 1, Fate::DoneButFailed));
    let orders = table(&storage, "orders", &[]).await;
    assert!(wire.met());
    put(&orders, "a", "1").await;
    wire.rule(nth_put("catalog/tables/orders", 2, Fate::DoneButFailed));
    reslice(&orders, &[1], &["m"]).await.unwrap();
    assert!(wire.met());
    assert_eq!(load::ids(&orders), [2, 3]);
    assert_eq!(get(&orders, "a").await.as_deref(), Some("1"));
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_that_arrives_late_arrives_in_vain() {
    let wire = Wire::in_memory();
    let storage = open(&wire).await;
    let orders = table(&storage, "orders", &[]).await;
    put(&orders, "a", "1").await;
    wire.rule(nth_put("catalog/tables/orders", 2, Fate::FailedButLater));
    let error = reslice(&orders, &[1], &["m"]).await.unwrap_err();
    assert!(matches!(error, StorageError::Store { .. }), "{error}");
    assert_eq!(load::ids(&orders), [1]);
    wire.mend();
    put(&orders, "b", "2").await;
    assert_eq!(wire.deliver(wire.memory()).await, [false], "its version is taken");
    reslice(&orders, &[1], &["m"]).await.unwrap();
    storage.close().await.unwrap();
    let storage = open(&wire).await;
    let orders = storage.table("orders").unwrap();
    assert_eq!(load::ids(&orders), [4, 5]);
    assert_eq!(keys(&orders, KeyRange::full(), Direction::Forward).await, ["a", "b"]);
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_the_newer_has_the_bucket_and_the_older_acknowledges_nothing() {
    let wire = Wire::in_memory();
    let older = open(&wire).await;
    let before = table(&older, "orders", &[]).await;
    put(&before, "a", "1").await;
    let newer = open(&wire).await;
    let after = newer.table("orders").unwrap();
    let refused = before.read_modify_write(b"a", |_| Decision::Put("2".into(), ())).await;
    assert!(matches!(refused, Err(StorageError::Fenced(_))), "{refused:?}");
    assert_eq!(get(&after, "a").await.as_deref(), Some("1"));
    // Nor can it change the catalog once the newer one has.
    reslice(&after, &[1], &["m"]).await.unwrap();
    put(&after, "a", "3").await;
    put(&after, "z", "3").await;
    // Whatever it tries, for longer than retired partitions are kept, it leaves the newer one's alone.
    for _ in 0..4 {
        let refused = reslice(&before, &[1], &["c"]).await;
        assert!(refused.is_err(), "{refused:?}");
        let refused = older.maintain().await;
        assert!(matches!(refused, Err(StorageError::TakenOver(_))), "{refused:?}");
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert!(older.drop_table("orders").await.is_err());
    assert_eq!(load::ids(&after), [2, 3]);
    newer.close().await.unwrap();
    // What is left of the older one does not matter any more.
    let _ = older.close().await;
    let storage = open(&wire).await;
    let orders = storage.table("orders").unwrap();
    assert_eq!(keys(&orders, KeyRange::full(), Direction::Forward).await, ["a", "z"]);
    storage.close().await.unwrap();
}

/// Opens a second process while the first one waits at its `nth` write of the table's record, and answers
/// what becomes of the first one's reslice.
async fn take_over_during_a_reslice(nth: u64) {
    let wire = Wire::in_memory();
    let older = open(&wire).await;
    let before = table(&older, "orders", &[]).await;
    put(&before, "a", "1").await;
    wire.rule(nth_put("catalog/tables/orders", nth, Fate::Stalled));
    let resliced = before.clone();
    let reslicing = tokio::spawn(async move { reslice(&resliced, &[1], &["m"]).await });
    while !wire.met() {
        tokio::task::yield_now().await;
    }
    let newer = open(&wire).await;
    wire.release();
    let refused = reslicing.await.unwrap();
    assert!(matches!(refused, Err(StorageError::TakenOver(_))), "{refused:?}");
    let refused = before.read_modify_write(b"a", |_| Decision::Put("2".into(), ())).await;
    assert!(refused.is_err(), "{refused:?}");
    let after = newer.table("orders").unwrap();
    assert_eq!(get(&after, "a").await.as_deref(), Some("1"));
    // A reslice of the newer one is not undone by the next of the older one.
    reslice(&after, &[1], &["c"]).await.unwrap();
    reslice(&before, &[1], &["m"]).await.unwrap_err();
    put(&after, "a", "3").await;
    newer.close().await.unwrap();
    let _ = older.close().await;
    let storage = open(&wire).await;
    let orders = storage.table("orders").unwrap();
    assert_eq!(orders.partition_map().partitions.len(), 2);
    assert_eq!(get(&orders, "a").await.as_deref(), Some("3"));
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_replaced_before_its_intent_is_written_does_not_reslice() {
    take_over_during_a_reslice(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_replaced_in_its_cutover_does_not_publish() {
    take_over_during_a_reslice(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_ones_reslice_does_not_undo_the_newer_ones_that_is_under_way() {
    let wire = Wire::in_memory();
    let older = open(&wire).await;
    let before = table(&older, "orders", &[]).await;
    put(&before, "a", "1").await;
    let newer = open(&wire).await;
    let after = newer.table("orders").unwrap();
    reslice(&before, &[1], &["m"]).await.unwrap_err();
    wire.rule(nth_put("catalog/tables/orders", 2, Fate::Stalled));
    let resliced = after.clone();
    let reslicing = tokio::spawn(async move { reslice(&resliced, &[1], &["m"]).await });
    while !wire.met() {
        tokio::task::yield_now().await;
    }
    reslice(&before, &[1], &["m"]).await.unwrap_err();
    wire.release();
    reslicing.await.unwrap().unwrap();
    assert_eq!(get(&after, "a").await.as_deref(), Some("1"));
    newer.close().await.unwrap();
    let _ = older.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_older_process_remembers_are_not_shown_for_ever() {
    let wire = Wire::in_memory();
    let older = open(&wire).await;
    let before = table(&older, "orders", &[]).await;
    put(&before, "a", "1").await;
    for _ in 0..3 {
        assert_eq!(get(&before, "a").await.as_deref(), Some("1"));
    }
    let newer = open(&wire).await;
    put(&newer.table("orders").unwrap(), "a", "2").await;
    let refused = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            if let Err(error) = before.get(b"a").await {
                return error;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let refused = refused.await.expect("stale for ever");
    assert!(matches!(refused, StorageError::Fenced(_)), "{refused}");
    newer.close().await.unwrap();
    let _ = older.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_after_which_the_bucket_cannot_be_listed_for_a_moment_counts() {
    let wire = Wire::in_memory();
    let storage = open(&wire).await;
    let orders = table(&storage, "orders", &[]).await;
    let (mut puts, mut lists) = (0, 0);
    wire.rule(move |request, path| {
        if !path.starts_with("catalog/tables/orders") {
            return Fate::Done;
        }
        puts += u64::from(request == Request::Put);
        lists += u64::from(request == Request::List && puts == 2);
        match request == Request::List && lists == 1 {
            true => Fate::Failed,
            false => Fate::Done,
        }
    });
    reslice(&orders, &[1], &["m"]).await.unwrap();
    assert!(wire.met());
    put(&orders, "a", "1").await;
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_dropped_perhaps_refuses_writes() {
    let wire = Wire::in_memory();
    let mut settings = settings("s3://test/prefix");
    settings.catalog_decide_ms_max = 100;
    let storage = Storage::open(settings, wired(&wire)).await.unwrap();
    let orders = table(&storage, "orders", &[]).await;
    put(&orders, "a", "1").await;
    wire.rule(|_, path| match path.starts_with("catalog/tables/orders") {
        true => Fate::Failed,
        false => Fate::Done,
    });
    let unknown = storage.drop_table("orders").await;
    assert!(matches!(unknown, Err(StorageError::Undecided(_))), "{unknown:?}");
    wire.mend();
    let refused = orders.read_modify_write(b"a", |_| Decision::Put("2".into(), ())).await;
    assert!(matches!(refused, Err(StorageError::Undecided(_))), "{refused:?}");
    assert_eq!(get(&orders, "a").await.as_deref(), Some("1"));
    storage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_wait_for_a_stalled_bucket_and_nothing_is_lost() {
    let wire = Wire::in_memory();
    let storage = open(&wire).await;
    let orders = table(&storage, "orders", &[]).await;
    put(&orders, "a", "1").await;
    wire.rule(|request, path| match request == Request::Put && path.contains("/wal/") {
        true => Fate::Stalled,
        false => Fate::Done,
    });
    let writer = orders.clone();
    let write = tokio::spawn(async move { put(&writer, "a", "2").await });
    while !wire.met() {
        tokio::task::yield_now().await;
    }
    assert!(!write.is_finished());
    assert_eq!(get(&orders, "a").await.as_deref(), Some("1"), "not durable, not shown");
    wire.release();
    write.await.unwrap();
    assert_eq!(get(&orders, "a").await.as_deref(), Some("2"));
    // Requests that fail for a while, and some that lie about it, are sent again.
    let mut failures = 0;
    wire.rule(move |request, path| {
        if request != Request::Put || !path.contains("/wal/") {
            return Fate::Done;
        }
        failures += 1;
        match failures {
            1 => Fate::Failed,
            2 => Fate::DoneButFailed,
            _ => Fate::Done,
        }
    });
    put(&orders, "a", "3").await;
    assert!(wire.met());
    assert_eq!(get(&orders, "a").await.as_deref(), Some("3"));
    storage.close().await.unwrap();
    let storage = open(&wire).await;
    assert_eq!(get(&storage.table("orders").unwrap(), "a").await.as_deref(), Some("3"));
    storage.close().await.unwrap();
}

/// How many requests an idle partition makes. The printed estimate must not be below that.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_partition_costs_no_more_than_the_estimate_says() {
    const PARTITIONS: usize = 8;
    let wire = Wire::in_memory();
    let mut settings = settings("s3://test/prefix");
    settings.bucket_poll_ms = 200;
    let storage = Storage::open(settings.clone(), wired(&wire)).await.unwrap();
    let boundaries: Vec<String> = (1..PARTITIONS).map(|n| format!("k{n}")).collect();
    let boundaries: Vec<&str> = boundaries.iter().map(String::as_str).collect();
    let orders = table(&storage, "orders", &boundaries).await;
    put(&orders, "a", "1").await;
    let (puts, gets) = wire.counts();
    let begun = std::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let polls = begun.elapsed().as_secs_f64() / 0.2 * PARTITIONS as f64;
    let (puts_after, gets_after) = wire.counts();
    let puts = (puts_after - puts) as f64 / polls;
    let gets = (gets_after - gets) as f64 / polls;
    println!(
        "an idle partition: {puts:.2} requests at the price of PUT and {gets:.2} of GET per poll"
    );
    let spent = puts * 0.005 + gets * 0.0004;
    let polls_per_month = 30.0 * 86_400.0 * 1_000.0 / settings.bucket_poll_ms as f64;
    let spent = spent / 1_000.0 * polls_per_month;
    let estimate = BucketEstimate::new(&settings).unwrap().idle_partition_dollars;
    assert!(spent <= estimate * 1.1, "{spent} dollars a month, {estimate} said");
    storage.close().await.unwrap();
}
