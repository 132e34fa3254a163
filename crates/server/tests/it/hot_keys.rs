//! One key that asks for more than its partition has: it alone is refused, and the operator is told.

use http::StatusCode;
use serde_json::json;

use crate::support::TestServer;

/// Writes the partition admits per second.
const CAPACITY: u64 = 10;
/// What is asked of the hot key in a second, and of each of the others.
const HOT: usize = 30;
const OTHERS: [&str; 3] = ["a", "b", "c"];

#[tokio::test(flavor = "multi_thread")]
async fn others_are_served_while_one_key_is_throttled() {
    let server = TestServer::start_with(|settings| {
        settings.limits.write_units_per_s = CAPACITY as f64;
        settings.limits.burst_s = 2.0;
    })
    .await;
    server.table("things", false).await;
    let put = async |key: &str| {
        let item = json!({"pk": {"S": key}});
        let reply =
            server.raw.operation("PutItem", json!({"TableName": "things", "Item": item})).await;
        match reply.status {
            StatusCode::OK => true,
            _ => {
                assert_eq!(reply.error(), "ThrottlingException", "{:?}", reply.body);
                false
            }
        }
    };
    let (mut hot, mut others) = (0, 0);
    for second in 0..20 {
        let (mut hot_now, mut others_now) = (0, 0);
        for turn in 0..HOT {
            server.clock.advance_ms(1000 / HOT as i64);
            hot_now += usize::from(put("hot").await);
            if turn % 10 == 9 {
                others_now += usize::from(put(OTHERS[turn / 10]).await);
            }
        }
        // The first seconds are spent on the burst, and on getting to know the key.
        if second >= 10 {
            (hot, others) = (hot + hot_now, others + others_now);
        }
    }
    assert_eq!(others, 10 * OTHERS.len(), "nobody else is refused");
    assert!((60..=80).contains(&hot), "7 a second are left for it: {hot}");
    let found = (server.handle.hot_key_source())();
    let [key] = &found[..] else { panic!("{found:?}") };
    assert_eq!(key.key_hash, types::storage_key::partition_hash(&types::KeyValue::S("hot".into())));
    assert!(key.client.is_some() && key.refused > 100 && key.demand.write > 20.0, "{key:?}");
    assert_eq!(server.handle.metrics().hot_keys_refused(), key.refused);
    server.stop().await;
}
