//! Requests while the table is re-partitioned: no client notices, credit is neither made nor lost.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};
use storage::Reslice;
use types::storage_key;

use crate::support::TestServer;

const WRITERS: usize = 8;

fn put(n: usize) -> Value {
    let item = json!({"pk": {"S": format!("k{n}")}, "n": {"N": n.to_string()}});
    json!({"TableName": "things", "Item": item})
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_and_reads_go_on_through_split_and_merge() {
    let server = TestServer::start().await;
    server.table("things", false).await;
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let writers = join_all((0..WRITERS).map(|_| async {
        while !stop.load(Ordering::SeqCst) {
            let n = next.fetch_add(1, Ordering::SeqCst);
            let reply = server.raw.operation("PutItem", put(n)).await;
            assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body);
            let key = json!({"TableName": "things", "Key": {"pk": {"S": format!("k{n}")}}});
            let read = server.raw.must("GetItem", key).await;
            assert_eq!(read["Item"]["n"]["N"], n.to_string());
        }
    }));
    let reslices = async {
        let table = server.storage().table("things").unwrap();
        for boundaries in
            [storage_key::even_boundaries(4), Vec::new(), storage_key::even_boundaries(2)]
        {
            let sources = table.partition_map().partitions.iter().map(|info| info.id).collect();
            table.reslice(Reslice { sources, boundaries }).await.unwrap();
        }
        stop.store(true, Ordering::SeqCst);
        table.partition_map().partitions.len()
    };
    let (_, partitions) = tokio::join!(writers, reslices);
    assert_eq!(partitions, 2);
    let written = next.load(Ordering::SeqCst);
    let mut found = 0;
    let mut scan = json!({"TableName": "things", "Select": "COUNT"});
    loop {
        let page = server.raw.must("Scan", scan.clone()).await;
        found += page["Count"].as_u64().unwrap() as usize;
        match page.get("LastEvaluatedKey") {
            Some(key) => scan["ExclusiveStartKey"] = key.clone(),
            None => break,
        }
    }
    assert_eq!(found, written);
    server.stop().await;
}
