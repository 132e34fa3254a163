//! What recording one request costs the request: the aim is 200 ns at most, vector and all.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use types::{PartitionId, TableId};
use workload::{
    Attempt, Demand, DemandSettings, KeyPrefix, Outcome, Recorder, RecorderSettings, RequestType,
    Vector,
};
use xxhash_rust::xxh3::xxh3_64;

/// Recorded between two drains, which are not part of what is measured.
const BATCH: u64 = 10_000;

/// What the server does at the end of a request, from the storage key on.
fn vector(n: u64, storage_key: &[u8]) -> Vector {
    Vector {
        table: TableId(1),
        partition: PartitionId(3),
        key_hash: n.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        timestamp_ms: n as i64,
        client: 42,
        data_bytes: 1_024,
        read_units: 0.0,
        write_units: 1.0,
        storage_key: KeyPrefix::new(storage_key),
        range_key: KeyPrefix::new(&storage_key[9..]),
        request: RequestType::Store,
        outcome: Outcome::Served,
        demand: true,
    }
}

/// Measures `each` and drains the recorder in between.
fn timed(recorder: &Recorder, rounds: u64, mut each: impl FnMut(u64)) -> Duration {
    let mut drained = Vec::new();
    let mut total = Duration::ZERO;
    let mut done = 0;
    while done < rounds {
        let until = rounds.min(done + BATCH);
        let start = Instant::now();
        (done..until).for_each(&mut each);
        total += start.elapsed();
        done = until;
        recorder.drain_into(&mut drained);
        drained.clear();
    }
    total
}

fn record(c: &mut Criterion) {
    let key = [7u8; 60];
    let recorder = Recorder::new(&RecorderSettings::default());
    c.bench_function("build a vector and record it", |b| {
        b.iter_custom(|rounds| {
            timed(&recorder, rounds, |n| recorder.record(&vector(n, black_box(&key))))
        });
    });

    let demand = Demand::new(&DemandSettings::default());
    c.bench_function("the same, after telling retries from demand", |b| {
        b.iter_custom(|rounds| {
            timed(&recorder, rounds, |n| {
                let id = n.to_le_bytes();
                let attempt = Attempt::Named { call: xxh3_64(&id), first: true };
                let counts = demand.counts(black_box(&attempt), Outcome::Served, n as i64);
                recorder.record(&Vector { demand: counts, ..vector(n, black_box(&key)) });
            })
        });
    });
    assert_eq!(recorder.dropped(), 0, "dropping would be cheaper than recording");
}

fn record_beside_others(c: &mut Criterion) {
    let key = [7u8; 60];
    let recorder = Recorder::new(&RecorderSettings { shards: 4, ..RecorderSettings::default() });
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Records into a shard of its own as fast as it can, mostly dropping.
            while !over.load(Ordering::Relaxed) {
                (0..BATCH).for_each(|n| recorder.record(&vector(n, black_box(&key))));
            }
        });
        c.bench_function("build and record beside another thread that does", |b| {
            b.iter_custom(|rounds| {
                timed(&recorder, rounds, |n| recorder.record(&vector(n, black_box(&key))))
            });
        });
        over.store(true, Ordering::Relaxed);
    });
}

criterion_group!(benches, record, record_beside_others);
criterion_main!(benches);
