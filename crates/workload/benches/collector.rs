//! How fast vectors are taken in (the aim is a million a second) and questions answered.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use types::{KeyRange, PartitionId, Strategy, TableId};
use workload::{Channel, Collector, CollectorSettings, KeyPrefix, Outcome, RequestType, Vector};

const TABLE: TableId = TableId(1);
const VECTORS: u64 = 200_000;

/// A request on one of 10,000 keys; one in ten goes to the same.
fn vector(n: u64, every_ms: f64) -> Vector {
    let key = if n.is_multiple_of(10) { 0 } else { n * n % 10_007 };
    let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Vector {
        table: TABLE,
        partition: PartitionId(1),
        key_hash: hash,
        timestamp_ms: (n as f64 * every_ms) as i64,
        client: n % 100,
        data_bytes: 500,
        read_units: 0.5,
        write_units: 1.0,
        storage_key: KeyPrefix::new(&hash.to_be_bytes()),
        range_key: KeyPrefix::EMPTY,
        request: RequestType::Modify,
        outcome: Outcome::Served,
        demand: true,
    }
}

fn collector() -> Collector {
    let mut collector = Collector::new(&CollectorSettings::default());
    collector.set_partitions(TABLE, Strategy::Hash, &[(PartitionId(1), KeyRange::full())]);
    collector
}

fn ingest(c: &mut Criterion) {
    let mut group = c.benchmark_group("ingest");
    group.throughput(Throughput::Elements(VECTORS)).sample_size(10);
    for (name, every_ms) in
        [("10,000 a second", 0.1), ("100 a second", 10.0), ("1 in 2 s", 2_000.0)]
    {
        let vectors: Vec<Vector> = (0..VECTORS).map(|n| vector(n, every_ms)).collect();
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut collector = collector();
                vectors.iter().for_each(|vector| collector.ingest(vector));
                collector
            });
        });
    }
}

fn questions(c: &mut Criterion) {
    let mut collector = collector();
    // 28 days.
    let count = 2_000_000;
    let every_ms = 28.0 * 86_400_000.0 / count as f64;
    (0..count).for_each(|n| collector.ingest(&vector(n, every_ms)));
    let history = collector.history(TABLE).expect("something came");
    let cells: Vec<KeyRange> = collector.cells(TABLE).expect("announced").ranges().collect();
    let half = KeyRange::new(vec![0x40; 8], Some(vec![0xc0; 8].into()));
    let last_ms = history.end_ms() - history.bin_ms();
    c.bench_function("28 days of half the axis", |b| {
        b.iter(|| history.series(black_box(&half), Channel::WriteUnits));
    });
    c.bench_function("the last bin of half the axis", |b| {
        b.iter(|| history.series_from(black_box(&half), Channel::WriteUnits, last_ms));
    });
    c.bench_function(&format!("28 days of all {} cells", cells.len()), |b| {
        b.iter(|| history.matrix(black_box(&cells), Channel::WriteUnits, 0));
    });
    let day = last_ms.div_euclid(86_400_000);
    let bytes = collector.encode_day(TABLE, day).expect("there is load").len();
    c.bench_function(&format!("encode a day of history ({bytes} bytes)"), |b| {
        b.iter(|| collector.encode_day(TABLE, day));
    });
    let bytes = collector.encode_snapshot(TABLE).expect("announced").len();
    c.bench_function(&format!("encode a snapshot ({bytes} bytes)"), |b| {
        b.iter(|| collector.encode_snapshot(TABLE));
    });
}

criterion_group!(benches, ingest, questions);
criterion_main!(benches);
