//! Kill -9 under load, again and again, with splits and merges going on.
//!
//! Each writer owns some keys and counts up on them. After every kill the service is started again
//! and must show, for every key, at least the last acknowledged number and at most the last one
//! that was sent; every key once; and partitions that tile the axis. (Storage's own tests kill at
//! every single step of a workflow; this one goes through the whole service.)

use crate::http::Http;
use crate::lifecycle::{create_table, item};
use crate::process::Service;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

const KILLS: u32 = 20;
const WRITERS: u64 = 8;
const KEYS_PER_WRITER: u64 = 25;

/// Per key: the last number sent and the last one acknowledged.
type Ledger = HashMap<String, (u64, u64)>;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    let seed: u64 = std::env::var("FORESHARD_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    println!("seed {seed} (set FORESHARD_SEED to change it)");
    let mut random = StdRng::seed_from_u64(seed);
    let directory = tempfile::tempdir().unwrap();
    let service = Service::start(directory.path()).await;
    create_table(&service, "tally").await;
    service.terminate().await;

    let mut ledger = Ledger::new();
    let mut resliced = 0;
    for round in 0..KILLS {
        let service = Service::start(directory.path()).await;
        check(&service.http, &ledger, round).await;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write(service.http.clone(), writer, ledger.clone())))
            .collect();
        let reslicer = tokio::spawn(reslice(service.http.clone(), random.random()));
        tokio::time::sleep(Duration::from_millis(random.random_range(30..600))).await;
        service.kill().await;
        for writer in writers {
            ledger.extend(writer.await.unwrap());
        }
        resliced += reslicer.await.unwrap();
    }
    let service = Service::start(directory.path()).await;
    check(&service.http, &ledger, KILLS).await;
    let acknowledged: u64 = ledger.values().map(|(_, acked)| acked).sum();
    println!("{acknowledged} acknowledged writes, {resliced} reslices, {KILLS} kills");
    assert!(acknowledged > 100, "too little was written to mean anything");
    assert!(resliced > 0, "no split or merge took place");
    assert_eq!(service.terminate().await, Some(0));
}

/// Counts up on the writer's keys until the service is gone; returns its part of the ledger.
async fn write(http: Http, writer: u64, known: Ledger) -> Ledger {
    let mut mine: Ledger = (0..KEYS_PER_WRITER)
        .map(|key| format!("w{writer}-{key}"))
        .map(|key| (key.clone(), known.get(&key).copied().unwrap_or((0, 0))))
        .collect();
    let keys: Vec<String> = mine.keys().cloned().collect();
    for key in keys.iter().cycle() {
        let (sent, acknowledged) = mine.get_mut(key).unwrap();
        *sent += 1;
        let body = json!({"TableName": "tally", "Item": item(key, *sent)});
        match http.dynamodb("PutItem", &body).await {
            Ok((200, _)) => *acknowledged = *sent,
            Ok((status, reply)) => panic!("a write was refused: {status} {reply}"),
            Err(_killed) => break,
        }
    }
    mine
}

/// Splits and merges at random until the service is gone; returns how many succeeded.
async fn reslice(http: Http, seed: u64) -> u32 {
    let mut random = StdRng::seed_from_u64(seed);
    let mut done = 0;
    loop {
        let Some(ids) = partitions(&http).await else { return done };
        let wish = if ids.len() < 2 || (ids.len() < 6 && random.random()) {
            let id = ids[random.random_range(0..ids.len())].clone();
            json!({"action": "split", "partition": id, "into": 2})
        } else {
            let left = random.random_range(0..ids.len() - 1);
            json!({"action": "merge", "partitions": [ids[left], ids[left + 1]]})
        };
        match http.reslice("tally", wish).await {
            Ok((200, _)) => done += 1,
            // Too few cells to cut at, or busy: both may be, and neither is an error.
            Ok((400 | 409, _)) => tokio::task::yield_now().await,
            Ok((status, reply)) => panic!("a reslice failed: {status} {reply}"),
            Err(_killed) => return done,
        }
    }
}

/// The ids of the partitions in key order; `None` once the service is gone.
async fn partitions(http: &Http) -> Option<Vec<Value>> {
    let (_, document) = http.try_admin("tables/tally/partitions").await.ok()?;
    let list = document["partitions"].as_array()?;
    Some(list.iter().map(|partition| partition["id"].clone()).collect())
}

async fn check(http: &Http, ledger: &Ledger, round: u32) {
    let mut found: HashMap<String, u64> = HashMap::new();
    let mut request = json!({"TableName": "tally", "ConsistentRead": true, "Limit": 77});
    loop {
        let page = http.ok("Scan", request.clone()).await;
        for item in page["Items"].as_array().unwrap() {
            let key = item["pk"]["S"].as_str().unwrap().to_owned();
            let sequence = item["seq"]["N"].as_str().unwrap().parse().unwrap();
            assert_eq!(found.insert(key.clone(), sequence), None, "round {round}: {key} twice");
        }
        match &page["LastEvaluatedKey"] {
            Value::Null => break,
            key => request["ExclusiveStartKey"] = key.clone(),
        }
    }
    for (key, (sent, acknowledged)) in ledger {
        let stored = found.remove(key).unwrap_or(0);
        assert!(
            (*acknowledged..=*sent).contains(&stored),
            "round {round}: {key} shows {stored}; acknowledged {acknowledged}, sent {sent}"
        );
    }
    assert!(found.is_empty(), "round {round}: items that nobody wrote: {found:?}");
    let partitions = http.admin("tables/tally/partitions").await;
    let mut next = String::new();
    for partition in partitions["partitions"].as_array().unwrap() {
        assert_eq!(partition["start"], next.as_str(), "round {round}: a gap or an overlap");
        next = partition["end"].as_str().unwrap().to_owned();
    }
    assert_eq!(next, "", "round {round}: the last partition must reach the end of the axis");
}
