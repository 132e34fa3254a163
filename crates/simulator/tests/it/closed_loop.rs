//! Clients that wait for each answer and try up to ten times again ask for no more than they want: what
//! the forecaster gets to see is their calls, not their attempts.

use planner::Buckets;
use types::{PartitionId, Strategy, TableId, Units};
use workload::{
    Attempt, Channel, Collector, CollectorSettings, Demand, DemandSettings, KeyPrefix, Outcome,
    RequestType, Vector,
};

const TABLE: TableId = TableId(1);
const START_MS: i64 = 1_700_000_000_000;
const SECONDS: i64 = 900;
const CLIENTS: u64 = 60;
const RETRIES: u32 = 10;
/// Writes per second that the table serves: the clients want several times that.
const CAPACITY: f64 = 20.0;
const INFLATION_MAX: f64 = 1.1;

/// A client, the call it is at, and when it tries next.
struct Client {
    call: u64,
    attempt: u32,
    next_ms: i64,
}

/// A number between 0 and 1 that depends on nothing but its seed.
fn draw(seed: u64) -> f64 {
    (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0x2545_f491_4f6c_dd1d)
        >> 11) as f64
        / 2_f64.powi(53)
}

fn vector(key: u64, client: u64, timestamp_ms: i64, outcome: Outcome, demand: bool) -> Vector {
    Vector {
        table: TABLE,
        partition: PartitionId(1),
        key_hash: key,
        timestamp_ms,
        client,
        data_bytes: 100,
        read_units: 0.0,
        write_units: 1.0,
        storage_key: KeyPrefix::new(&key.to_be_bytes()),
        range_key: KeyPrefix::EMPTY,
        request: RequestType::Store,
        outcome,
        demand,
    }
}

/// Lets the clients work; how many calls and attempts they made, and the demand that was counted.
fn work(with_names: bool) -> (u64, u64, f64) {
    let mut collector = Collector::new(&CollectorSettings::default());
    let whole = [(PartitionId(1), types::KeyRange::full())];
    collector.set_partitions(TABLE, Strategy::Hash, &whole);
    let demand = Demand::new(&DemandSettings::default());
    let mut buckets = Buckets::full(Units::write(CAPACITY), 5.0, START_MS);
    let mut clients: Vec<Client> = (0..CLIENTS)
        .map(|n| Client { call: 0, attempt: 1, next_ms: START_MS + n as i64 })
        .collect();
    let (mut calls, mut attempts) = (0, 0);
    let end_ms = START_MS + SECONDS * 1000;
    for now_ms in START_MS..end_ms {
        for (id, client) in (0..).zip(&mut clients) {
            if client.next_ms > now_ms {
                continue;
            }
            let key = (client.call * CLIENTS + id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let named = format!("{id}/{}", client.call);
            let said = format!("attempt={}; max={}", client.attempt, RETRIES + 1);
            let nameless = Attempt::nameless(id, key, RequestType::Store);
            let attempt = match with_names {
                true => Attempt::from_headers(Some(&named), Some(&said), nameless),
                false => nameless,
            };
            let served = buckets.try_take(Units::write(1.0), now_ms);
            let outcome = if served { Outcome::Served } else { Outcome::Throttled };
            let counts = demand.counts(&attempt, outcome, now_ms - START_MS);
            collector.ingest(&vector(key, id, now_ms, outcome, counts));
            attempts += 1;
            calls += u64::from(client.attempt == 1);
            if served || client.attempt > RETRIES {
                client.call += 1;
                client.attempt = 1;
                client.next_ms = now_ms + 50;
            } else {
                // Exponential back-off with full jitter, up to a second.
                let most_ms = (50_i64 << client.attempt.min(5)).min(1_000);
                let seed = key ^ u64::from(client.attempt);
                client.next_ms = now_ms + 1 + (draw(seed) * most_ms as f64) as i64;
                client.attempt += 1;
            }
        }
    }
    collector.advance(end_ms);
    let hour = collector.timeline(TABLE, workload::Window::Hour).expect("it has counted");
    let series = hour.series(&types::KeyRange::full(), Channel::WriteUnits);
    let counted = series.values.iter().sum::<f64>() * series.bin_ms as f64 / 1000.0;
    (calls, attempts, counted)
}

#[test]
fn ten_retries_do_not_look_like_ten_requests() {
    for with_names in [true, false] {
        let (calls, attempts, counted) = work(with_names);
        let inflation = counted / calls as f64;
        println!("named {with_names}: {calls} calls, {attempts} attempts, {counted:.0} counted");
        assert!(attempts > 3 * calls, "{attempts} attempts at {calls} calls are no pressure");
        assert!((1.0 / INFLATION_MAX..=INFLATION_MAX).contains(&inflation), "{inflation}");
    }
}
