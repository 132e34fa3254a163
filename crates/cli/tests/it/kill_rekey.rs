//! Kill -9 of the whole service while a table's key order changes, and just after it has.
//!
//! (Storage's own tests kill at every single step of a rekey; this one is about what the service makes of
//! it: that it goes on by itself, under its number, with every item, and plans in the new order.)

use crate::http::Http;
use crate::lifecycle::create_table;
use crate::process::{Service, serve};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const ITEMS: usize = 400;
const ITEM_BYTES: usize = 4_000;
/// Slow enough to be killed in the middle: some seconds for all of it.
const REKEY_BYTES_PER_S: &str = "400000";
const TRIES_MAX: u32 = 6_000;

async fn start(directory: &Path, rekey_bytes_per_s: &str) -> Service {
    let mut command = serve(directory);
    command
        .env("FORESHARD_STORAGE__REKEY_BYTES_PER_S", rekey_bytes_per_s)
        .env("FORESHARD_STORAGE__REKEY_CHUNK_BYTES", "20000")
        .env("FORESHARD_STORAGE__REKEY_SAVE_MS", "50");
    Service::start_with(command).await
}

/// A service that judges every decision at once.
async fn judging(directory: &Path) -> Service {
    let mut command = serve(directory);
    command
        .env("FORESHARD_MANAGER__OUTCOME_AFTER_MS", "1")
        .env("FORESHARD_MANAGER__OUTCOME_INTERVAL_MS", "1");
    Service::start_with(command).await
}

async fn until<T>(what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..TRIES_MAX {
        if let Some(found) = found().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to that: {what}");
}

fn key(n: usize) -> String {
    format!("k{n:04}")
}

async fn fill(http: &Http) -> BTreeMap<String, String> {
    let mut items = BTreeMap::new();
    for n in 0..ITEMS {
        put(http, &mut items, n, &format!("{n} ").repeat(ITEM_BYTES / 5)).await;
    }
    items
}

async fn put(http: &Http, items: &mut BTreeMap<String, String>, n: usize, text: &str) {
    let item = json!({"pk": {"S": key(n)}, "text": {"S": text}});
    http.ok("PutItem", json!({"TableName": "things", "Item": item})).await;
    items.insert(key(n), text.to_owned());
}

/// Every item, in the order in which a scan shows them.
async fn scanned(http: &Http) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut request = json!({"TableName": "things", "ConsistentRead": true, "Limit": 150});
    loop {
        let page = http.ok("Scan", request.clone()).await;
        let text = |item: &Value, name: &str| item[name]["S"].as_str().unwrap().to_owned();
        let items = page["Items"].as_array().unwrap().iter();
        found.extend(items.map(|item| (text(item, "pk"), text(item, "text"))));
        match &page["LastEvaluatedKey"] {
            Value::Null => return found,
            key => request["ExclusiveStartKey"] = key.clone(),
        }
    }
}

async fn rekey(http: &Http, id: &Value) -> Option<Value> {
    let (status, document) = http.try_admin(&format!("workflows/{id}")).await.ok()?;
    (status == 200).then_some(document)
}

/// Carries out an action on all partitions; answers with the number of its decision.
async fn act(http: &Http, action: impl Fn(Vec<Value>) -> Value) -> Value {
    let document = http.admin("tables/things/partitions").await;
    let partitions = document["partitions"].as_array().unwrap();
    let ids = partitions.iter().map(|partition| partition["id"].clone()).collect();
    let (status, reply) = http.reslice("things", action(ids)).await.unwrap();
    assert_eq!(status, 200, "{reply}");
    reply["decision"].clone()
}

/// What is to hold after the restart, whenever the process was killed.
async fn holds(service: Service, directory: &Path, id: &Value, items: &BTreeMap<String, String>) {
    let http = &service.http;
    let done = until("the rekey has ended", async || {
        rekey(http, id).await.filter(|rekey| rekey["state"] != "running")
    })
    .await;
    assert_eq!((&done["state"], &done["to"]), (&json!("done"), &json!("range")), "{done}");
    let expected: Vec<(String, String)> = items.clone().into_iter().collect();
    assert_eq!(scanned(http).await, expected, "each once, in the new order");
    let tables = http.admin("tables").await;
    assert_eq!(tables["tables"][0]["strategy"], "range");

    // It looks at the partitions that there are now, and makes plans of them.
    until("every partition is scored", async || {
        let document = http.admin("tables/things/partitions").await;
        let partitions = document["partitions"].as_array().unwrap().clone();
        (partitions.len() > 1 && partitions.iter().all(|p| p["score"].is_number())).then_some(())
    })
    .await;
    let plan = http.admin("tables/things/plan").await;
    assert!(plan["reason"].as_str().is_some_and(|why| !why.is_empty()), "{plan}");
    assert_eq!(plan["strategy"]["current"], "range", "{plan}");
    assert_eq!(service.terminate().await, Some(0));
    only_the_new_order_is_judged(directory, id).await;
}

/// A decision of the new order is judged; that of the old one is about keys that are no more, and shown.
async fn only_the_new_order_is_judged(directory: &Path, id: &Value) {
    let service = judging(directory).await;
    let http = &service.http;
    let after = act(http, |ids| json!({"action": "merge", "partitions": ids})).await;
    until("it is judged", async || {
        let document = http.admin(&format!("decisions/{after}")).await;
        document["entry"]["outcome"].is_object().then_some(())
    })
    .await;
    let before = http.admin("decisions/1").await;
    assert_eq!((&before["state"], &before["action"]), (&json!("done"), &json!("split")));
    assert_eq!(before["entry"]["outcome"], Value::Null, "{before}");
    let decisions = http.admin("decisions?table=things").await;
    let mine: Vec<&Value> =
        decisions["decisions"].as_array().unwrap().iter().map(|d| &d["id"]).collect();
    assert_eq!(mine, [&json!(1), id, &after]);
    assert_eq!(service.terminate().await, Some(0));
}

/// A rekey of a table in hash order that has been split before.
async fn begun(
    directory: &Path,
    rekey_bytes_per_s: &str,
) -> (Service, Value, BTreeMap<String, String>) {
    let service = start(directory, rekey_bytes_per_s).await;
    create_table(&service, "things").await;
    let items = fill(&service.http).await;
    let split = |ids: Vec<Value>| json!({"action": "split", "partition": ids[0], "into": 2});
    assert_eq!(act(&service.http, split).await, 1);
    let wish = json!({"strategy": "range"});
    let (status, reply) = service.http.post("tables/things/rekey", &wish).await.unwrap();
    assert_eq!(status, 200, "{reply}");
    (service, reply["id"].clone(), items)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rekey_goes_on_after_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let (mut service, id, mut items) = begun(directory.path(), REKEY_BYTES_PER_S).await;
    // Twice: the process that goes on is killed as well.
    for kill in 0..2 {
        let some = (kill + 1) * ITEMS as u64 / 4;
        until("some of it is copied", async || {
            let progress = rekey(&service.http, &id).await?["progress"]["items"].as_u64()?;
            (progress >= some).then_some(())
        })
        .await;
        put(&service.http, &mut items, 7, &format!("after {kill} kills")).await;
        let state = rekey(&service.http, &id).await.unwrap()["state"].clone();
        assert_eq!(state, "running", "it is to be killed in the middle");
        service.kill().await;
        service = start(directory.path(), REKEY_BYTES_PER_S).await;
        let found = rekey(&service.http, &id).await.expect("it goes on under its number");
        assert_ne!(found["state"], "failed", "{found}");
    }
    holds(service, directory.path(), &id, &items).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_just_after_the_cutover_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (service, id, items) = begun(directory.path(), "0").await;
    until("the order has changed", async || {
        let tables = service.http.admin("tables").await;
        (tables["tables"][0]["strategy"] == "range").then_some(())
    })
    .await;
    service.kill().await;
    let service = start(directory.path(), "0").await;
    holds(service, directory.path(), &id, &items).await;
}
