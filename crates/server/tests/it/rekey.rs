//! Changing a table's key order under its clients: nobody sees an error, and nothing is lost, doubled,
//! skipped or repeated.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use http::StatusCode;
use serde_json::{Value, json};
use storage::{FaultPoint, Faults, Reslice, Verdict};
use tokio::task::JoinHandle;
use types::{KeyValue, PrimaryKey, Strategy, storage_key};

use crate::admin::{Administered, JSON, eventually, refusal};
use crate::http_client::RawClient;
use crate::support::{TestServer, table};

const COLLECTIONS: usize = 12;
const PER_COLLECTION: usize = 15;
const WRITERS: usize = 3;

async fn start() -> Administered {
    let server = TestServer::start_with(|settings| settings.tables.partitions_initial = 3).await;
    Administered::start_on(server).await
}

/// A table with this strategy, and items that stay.
async fn filled(raw: &RawClient, name: &str, strategy: Strategy) {
    let mut definition = table(name, true);
    definition["Tags"] = json!([{"Key": "foreshard:strategy", "Value": strategy.as_str()}]);
    raw.must("CreateTable", definition).await;
    for n in 0..COLLECTIONS * PER_COLLECTION {
        let item = json!({
            "pk": {"S": format!("k{:02}", n % COLLECTIONS)},
            "sk": {"N": (n / COLLECTIONS).to_string()},
            "n": {"N": "0"},
        });
        raw.must("PutItem", json!({"TableName": name, "Item": item})).await;
    }
}

async fn ask(admin: &Administered, table: &str, strategy: &str) -> Value {
    let path = format!("/api/v1/tables/{table}/rekey");
    let reply = admin.post(&path, &[JSON], json!({"strategy": strategy})).await;
    assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body);
    reply.json()
}

/// Waits for the end of a rekey.
async fn ended(admin: &Administered, id: &Value) -> Value {
    let path = format!("workflows/{id}");
    eventually(async || {
        let rekey = admin.document(&path).await;
        (rekey["state"] != "running").then_some(rekey)
    })
    .await
}

async fn strategy_of(admin: &Administered, name: &str) -> Value {
    let tables = admin.document("tables").await;
    let tables = tables["tables"].as_array().unwrap();
    tables.iter().find(|table| table["name"] == name).unwrap()["strategy"].clone()
}

/// The keys that a paged operation finds, page by page.
async fn found(raw: &RawClient, operation: &str, mut body: Value) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    loop {
        let page = raw.must(operation, body.clone()).await;
        found.extend(keys_of(&page));
        match page.get("LastEvaluatedKey") {
            Some(key) => body["ExclusiveStartKey"] = key.clone(),
            None => return found,
        }
    }
}

fn keys_of(page: &Value) -> Vec<(String, u64)> {
    let items = page["Items"].as_array().unwrap();
    let key = |item: &Value| {
        let sk = item["sk"]["N"].as_str().unwrap().parse().unwrap();
        (item["pk"]["S"].as_str().unwrap().to_owned(), sk)
    };
    items.iter().map(key).collect()
}

fn all_keys() -> Vec<(String, u64)> {
    let collection = |c: usize| (0..PER_COLLECTION as u64).map(move |sk| (format!("k{c:02}"), sk));
    (0..COLLECTIONS).flat_map(collection).collect()
}

/// Clients of one table: writers that count items up on the condition that nobody else has, one that
/// reads what they wrote, one that scans, one that queries.
struct Clients {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<BTreeMap<(String, u64), u64>>>,
}

impl Clients {
    fn start(raw: &RawClient, name: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let rounds = Arc::new(AtomicU64::new(0));
        let mut tasks = Vec::new();
        for writer in 0..WRITERS {
            let (raw, stop) = (raw.clone(), stop.clone());
            tasks.push(tokio::spawn(async move { write(&raw, name, writer, &stop).await }));
        }
        let (scanner, stopped, count) = (raw.clone(), stop.clone(), rounds.clone());
        tasks.push(tokio::spawn(async move {
            while !stopped.load(Ordering::SeqCst) {
                let body = json!({"TableName": name, "Limit": 17});
                let mut scanned = found(&scanner, "Scan", body).await;
                scanned.sort();
                assert_eq!(scanned, all_keys(), "each once");
                count.fetch_add(1, Ordering::SeqCst);
            }
            BTreeMap::new()
        }));
        let (querier, stopped) = (raw.clone(), stop.clone());
        tasks.push(tokio::spawn(async move {
            while !stopped.load(Ordering::SeqCst) {
                let body = json!({
                    "TableName": name,
                    "KeyConditionExpression": "pk = :pk AND sk >= :from",
                    "ExpressionAttributeValues": {":pk": {"S": "k03"}, ":from": {"N": "2"}},
                    "Limit": 4,
                    "ConsistentRead": true,
                });
                let expected: Vec<_> =
                    (2..PER_COLLECTION as u64).map(|sk| ("k03".to_owned(), sk)).collect();
                assert_eq!(found(&querier, "Query", body).await, expected);
            }
            BTreeMap::new()
        }));
        Self { stop, rounds, tasks }
    }

    /// Waits until the table has been scanned so often since.
    async fn wait_for_scans(&self, more: u64) {
        let goal = self.rounds.load(Ordering::SeqCst) + more;
        while self.rounds.load(Ordering::SeqCst) < goal {
            assert!(self.tasks.iter().all(|task| !task.is_finished()), "a client failed");
            tokio::task::yield_now().await;
        }
    }

    /// Stops them; the items must have the numbers that were acknowledged.
    async fn stop_and_check(self, raw: &RawClient, name: &str) {
        self.stop.store(true, Ordering::SeqCst);
        let mut counts = BTreeMap::new();
        for task in self.tasks {
            counts.extend(task.await.unwrap());
        }
        assert!(counts.len() > WRITERS);
        for ((pk, sk), count) in counts {
            let key = json!({"pk": {"S": pk}, "sk": {"N": sk.to_string()}});
            let body = json!({"TableName": name, "Key": key, "ConsistentRead": true});
            let item = raw.must("GetItem", body).await;
            assert_eq!(item["Item"]["n"]["N"], count.to_string(), "{pk} {sk}");
        }
    }
}

async fn write(
    raw: &RawClient,
    name: &str,
    writer: usize,
    stop: &AtomicBool,
) -> BTreeMap<(String, u64), u64> {
    let mut counts = BTreeMap::new();
    let mut mine =
        all_keys().into_iter().filter(|(_, sk)| *sk as usize % WRITERS == writer).cycle();
    while !stop.load(Ordering::SeqCst) {
        let (pk, sk) = mine.next().unwrap();
        let count = counts.entry((pk.clone(), sk)).or_insert(0);
        let key = json!({"pk": {"S": pk}, "sk": {"N": sk.to_string()}});
        let update = json!({
            "TableName": name,
            "Key": key,
            "UpdateExpression": "SET n = n + :one",
            "ConditionExpression": "n = :known",
            "ExpressionAttributeValues":
                {":one": {"N": "1"}, ":known": {"N": count.to_string()}},
        });
        raw.must("UpdateItem", update).await;
        *count += 1;
        let read = json!({"TableName": name, "Key": key, "ConsistentRead": true});
        let item = raw.must("GetItem", read).await;
        assert_eq!(item["Item"]["n"]["N"], count.to_string(), "{pk} {sk}: reads see their writes");
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_go_on_while_orders_change_in_both_directions() {
    let admin = start().await;
    let raw = &admin.server.raw;
    filled(raw, "hashed", Strategy::Hash).await;
    filled(raw, "ranged", Strategy::Range).await;
    for (name, to) in [("hashed", "range"), ("ranged", "composite")] {
        let clients = Clients::start(raw, name);
        clients.wait_for_scans(2).await;
        let begun = ask(&admin, name, to).await;
        assert_eq!((&begun["state"], &begun["to"]), (&json!("running"), &json!(to)));
        let rekey = ended(&admin, &begun["id"]).await;
        assert_eq!(rekey["state"], "done", "{rekey}");
        assert!(rekey["progress"]["items"].as_u64() >= Some(180), "{rekey}");
        println!("{name}: writes waited {} ms", rekey["pause_ms"]);
        clients.wait_for_scans(3).await;
        clients.stop_and_check(raw, name).await;
        assert_eq!(strategy_of(&admin, name).await, to);
    }
    let query = json!({
        "TableName": "hashed",
        "KeyConditionExpression": "pk BETWEEN :a AND :b",
        "ExpressionAttributeValues": {":a": {"S": "k02"}, ":b": {"S": "k04"}},
        "Limit": 7,
    });
    let expected: Vec<_> =
        all_keys().into_iter().filter(|(pk, _)| ("k02"..="k04").contains(&pk.as_str())).collect();
    assert_eq!(found(raw, "Query", query.clone()).await, expected);
    let storage = admin.server.storage().table("hashed").unwrap();
    assert_eq!(storage.partition_map().partitions.len(), 3, "cut by a sample of its keys");
    admin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_of_many_requests_goes_on_in_the_order_in_which_it_began() {
    let admin = start().await;
    let raw = &admin.server.raw;
    filled(raw, "things", Strategy::Hash).await;
    let mut old = json!({"TableName": "things", "Limit": 10});
    let page = raw.must("Scan", old.clone()).await;
    let mut by_old = keys_of(&page);
    old["ExclusiveStartKey"] = page["LastEvaluatedKey"].clone();
    let begun = ask(&admin, "things", "range").await;
    assert_eq!(ended(&admin, &begun["id"]).await["state"], "done");

    // A scan of one item at a time meets the end of every page of the other.
    let mut new = json!({"TableName": "things", "Limit": 1});
    let mut by_new = Vec::new();
    let (mut old_ends, mut new_ends) = (false, false);
    while !(old_ends && new_ends) {
        for (body, seen, ends) in
            [(&mut old, &mut by_old, &mut old_ends), (&mut new, &mut by_new, &mut new_ends)]
        {
            if *ends {
                continue;
            }
            let page = raw.must("Scan", body.clone()).await;
            seen.extend(keys_of(&page));
            match page.get("LastEvaluatedKey") {
                Some(key) => body["ExclusiveStartKey"] = key.clone(),
                None => *ends = true,
            }
        }
    }
    assert_eq!(by_new, all_keys(), "in the new order");
    assert_ne!(by_old, all_keys(), "in the old order");
    by_old.sort();
    assert_eq!(by_old, all_keys(), "each once");

    let storage = admin.server.storage().table("things").unwrap();
    let grace_ms = i64::try_from(storage.rekey_grace_ms()).unwrap();
    drop(storage);
    let directory = admin.stop().await;
    let server = TestServer::start_in(directory, |_| ()).await;
    // What this process has not given out may be of the old order.
    let refused = server.raw.operation("Scan", old.clone()).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("has changed since; begin anew"), "{message}");
    let all = found(&server.raw, "Scan", json!({"TableName": "things", "Limit": 50})).await;
    assert_eq!(all, all_keys());
    server.clock.advance_ms(grace_ms);
    server.raw.must("Scan", old).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn between_hash_and_composite_nothing_moves() {
    let admin = start().await;
    let raw = &admin.server.raw;
    filled(raw, "things", Strategy::Hash).await;
    let table = admin.server.storage().table("things").unwrap();
    let (map, order) = (table.partition_map(), table.order());
    let done = ask(&admin, "things", "composite").await;
    assert_eq!((&done["state"], &done["progress"]), (&json!("done"), &json!(null)));
    assert_eq!(strategy_of(&admin, "things").await, "composite");
    assert_eq!((table.partition_map(), table.order()), (map, order));
    // The tag that has chosen the strategy follows it.
    let described = raw.must("DescribeTable", json!({"TableName": "things"})).await;
    let arn = &described["Table"]["TableArn"];
    let tags = raw.must("ListTagsOfResource", json!({"ResourceArn": arn})).await;
    assert_eq!(tags["Tags"][0]["Value"], "composite");

    let partition = KeyValue::S("k02".into());
    let middle = PrimaryKey { partition, sort: Some(KeyValue::N(7.into())) };
    let middle = storage_key::encode(Strategy::Composite, &middle);
    let source = table.partition_of(&middle);
    table.reslice(Reslice { sources: vec![source], boundaries: vec![middle] }).await.unwrap();
    let path = "/api/v1/tables/things/rekey";
    let refused = admin.post(path, &[JSON], json!({"strategy": "hash"})).await;
    assert!(refusal(&refused, StatusCode::BAD_REQUEST).contains("inside an item collection"));
    admin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused_and_a_rekey_can_be_cancelled() {
    let admin = start().await;
    filled(&admin.server.raw, "things", Strategy::Hash).await;
    for (table, wish, status, why) in [
        ("things", json!({"strategy": "hash"}), StatusCode::BAD_REQUEST, "hash already"),
        ("things", json!({"strategy": "alphabet"}), StatusCode::BAD_REQUEST, "not a rekey"),
        ("nothing", json!({"strategy": "range"}), StatusCode::NOT_FOUND, "no table"),
    ] {
        let path = format!("/api/v1/tables/{table}/rekey");
        let reply = admin.post(&path, &[JSON], wish).await;
        assert!(refusal(&reply, status).contains(why), "{why}");
    }
    for id in ["1", "x"] {
        let path = format!("/api/v1/workflows/{id}/cancel");
        refusal(&admin.post(&path, &[JSON], json!({})).await, StatusCode::NOT_FOUND);
    }
    // It may be over before it can be cancelled; then it is simply done.
    let begun = ask(&admin, "things", "range").await;
    let path = format!("/api/v1/workflows/{}/cancel", begun["id"]);
    let cancelled = admin.post(&path, &[JSON], json!({})).await.status == StatusCode::OK;
    let rekey = ended(&admin, &begun["id"]).await;
    assert_eq!(rekey["state"] == "cancelled", cancelled, "{rekey}");
    let strategy = if cancelled { "hash" } else { "range" };
    assert_eq!(strategy_of(&admin, "things").await, strategy);
    let workflows = admin.document("workflows").await;
    assert_eq!(workflows["rekeys"].as_array().unwrap().len(), 1);
    let mut all = found(&admin.server.raw, "Scan", json!({"TableName": "things"})).await;
    all.sort();
    assert_eq!(all, all_keys());
    admin.stop().await;
}

/// Lets rekeys fail before their cutover, and their undoing, too, as long as it is armed.
#[derive(Debug, Default)]
struct Outage(AtomicBool);

#[async_trait::async_trait]
impl Faults for Outage {
    async fn reached(&self, point: FaultPoint) -> Verdict {
        let hit = matches!(point, FaultPoint::RekeyCaughtUp | FaultPoint::RekeyUndoing);
        match hit && self.0.load(Ordering::SeqCst) {
            true => Verdict::Fail,
            false => Verdict::Proceed,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_undone_is_cancelled_or_gone_on_with_without_a_restart() {
    let outage = Arc::new(Outage::default());
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start_on(directory, Arc::clone(&outage) as _, |_| ()).await;
    let admin = Administered::start_on(server).await;
    filled(&admin.server.raw, "things", Strategy::Hash).await;
    let fails = async || {
        outage.0.store(true, Ordering::SeqCst);
        let begun = ask(&admin, "things", "range").await;
        let failed = ended(&admin, &begun["id"]).await;
        outage.0.store(false, Ordering::SeqCst);
        assert_eq!((&failed["state"], failed["failure"].is_string()), (&json!("failed"), true));
        format!("/api/v1/workflows/{}/cancel", begun["id"])
    };
    let cancel = fails().await;
    let cancelled = admin.post(&cancel, &[JSON], json!({})).await;
    assert_eq!(cancelled.status, StatusCode::OK, "{:?}", cancelled.body);
    assert_eq!(cancelled.json()["state"], "cancelled");
    let again = admin.post(&cancel, &[JSON], json!({})).await;
    assert!(refusal(&again, StatusCode::BAD_REQUEST).contains("can be cancelled now"));

    fails().await;
    let path = "/api/v1/tables/things/rekey";
    let other = admin.post(path, &[JSON], json!({"strategy": "composite"})).await;
    refusal(&other, StatusCode::CONFLICT);
    let begun = ask(&admin, "things", "range").await;
    assert_eq!(ended(&admin, &begun["id"]).await["state"], "done");
    assert_eq!(found(&admin.server.raw, "Scan", json!({"TableName": "things"})).await, all_keys());
    admin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_for_the_strategy_that_it_has_makes_it_the_owners_choice() {
    let admin = start().await;
    let raw = &admin.server.raw;
    let created = raw.must("CreateTable", table("things", true)).await;
    let arn = created["TableDescription"]["TableArn"].clone();
    let tags =
        async || raw.must("ListTagsOfResource", json!({"ResourceArn": arn})).await["Tags"].clone();
    assert_eq!(tags().await, json!([]));
    let pinned = ask(&admin, "things", "hash").await;
    assert_eq!(
        (&pinned["state"], &pinned["from"], &pinned["by"]),
        (&json!("done"), &json!("hash"), &json!("owner"))
    );
    assert_eq!(tags().await, json!([{"Key": "foreshard:strategy", "Value": "hash"}]));
    let again =
        admin.post("/api/v1/tables/things/rekey", &[JSON], json!({"strategy": "hash"})).await;
    assert!(refusal(&again, StatusCode::BAD_REQUEST).contains("hash already"));
    let decisions = admin.document("decisions?table=things").await;
    let [decision] = &decisions["decisions"].as_array().unwrap()[..] else { panic!("{decisions}") };
    assert_eq!((&decision["action"], &decision["trigger"]), (&json!("rekey"), &json!("manual")));
    let whole = admin.document(&format!("decisions/{}", pinned["id"])).await;
    assert_eq!(whole["rekey"]["to"], "hash");
    admin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rekey_soon_after_another_is_refused_at_once_and_a_table_without_the_tag_gets_it() {
    let admin = start().await;
    let raw = &admin.server.raw;
    let created = raw.must("CreateTable", table("things", true)).await;
    let begun = ask(&admin, "things", "range").await;
    assert_eq!(ended(&admin, &begun["id"]).await["state"], "done");
    let arn = &created["TableDescription"]["TableArn"];
    let tags = raw.must("ListTagsOfResource", json!({"ResourceArn": arn})).await;
    assert_eq!(tags["Tags"], json!([{"Key": "foreshard:strategy", "Value": "range"}]));

    let path = "/api/v1/tables/things/rekey";
    let soon = admin.post(path, &[JSON], json!({"strategy": "hash"})).await;
    let again_ms = admin.server.storage().table("things").unwrap().rekey_again_ms().unwrap();
    let said = refusal(&soon, StatusCode::CONFLICT);
    assert!(said.contains(&format!("changed again from {again_ms}")), "{said}");
    let workflows = admin.document("workflows").await;
    assert_eq!(workflows["rekeys"].as_array().unwrap().len(), 1, "the other one never began");
    admin.stop().await;
}
