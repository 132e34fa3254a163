//! Recording a request allocates nothing, whether there is room for it or not.

use types::{PartitionId, TableId};
use workload::{
    Attempt, ClientNames, Demand, DemandSettings, KeyPrefix, Outcome, Recorder, RecorderSettings,
    RequestType, Vector,
};

/// What a server does for one request: who is it, is it new, and down it goes.
fn request(n: u64, names: &ClientNames, demand: &Demand, recorder: &Recorder) {
    let client = names.register("AKIDEXAMPLE");
    let attempt = Attempt::from_headers(
        n.is_multiple_of(2).then_some("8f2a3c1e-2d53-4a5f-9d3b-1d0c6f0a7b11"),
        Some("attempt=2; max=3"),
        Attempt::nameless(client, n, RequestType::Modify),
    );
    let outcome = if n.is_multiple_of(3) { Outcome::Throttled } else { Outcome::Served };
    recorder.record(&Vector {
        table: TableId(1),
        partition: PartitionId(1),
        key_hash: n,
        timestamp_ms: n as i64,
        client,
        data_bytes: 100,
        read_units: 0.5,
        write_units: 0.0,
        storage_key: KeyPrefix::new(&[n as u8; 80]),
        range_key: KeyPrefix::new(b"range key"),
        request: RequestType::Modify,
        outcome,
        demand: demand.counts(&attempt, outcome, n as i64),
    });
}

#[test]
fn recording_does_not_allocate() {
    let names = ClientNames::new(10);
    let demand = Demand::new(&DemandSettings::default());
    let recorder = Recorder::new(&RecorderSettings { vectors_max: 1_000, shards: 1 });
    // The first request names the client and gives the thread its number.
    request(0, &names, &demand, &recorder);
    let counted = allocation_counter::measure(|| {
        (1..2_000).for_each(|n| request(n, &names, &demand, &recorder));
    });
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
    assert_eq!(recorder.dropped(), 1_000, "half of them found no room");
    let allocating = allocation_counter::measure(|| drop(std::hint::black_box(vec![0u8; 64])));
    assert_eq!(allocating.count_total, 1, "the counter does count");
}
