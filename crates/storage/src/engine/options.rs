//! Our settings in SlateDB's terms.
//!
//! What SlateDB calls by other names, or leaves to defaults that do not fit many databases in one
//! process, is translated here and nowhere else.

use crate::settings::StorageSettings;
use slatedb::config::{
    CompactionWorkerOptions, CompactorOptions, GarbageCollectorDirectoryOptions,
    GarbageCollectorOptions, Settings,
};
use std::time::Duration;

/// The largest file that a compaction writes. Its index is read at once, and has to be small enough for that.
const FILE_BYTES_MAX: usize = 64 << 20;
/// SlateDB wants a memtable flush after this many log files at the latest; its smallest value.
const WAL_FLUSHES_MAX: u64 = 4096;
/// Metadata is collected this many times less often than log files, which are many.
const SLOW_GARBAGE_FACTOR: u32 = 6;
/// How often a compaction says that it is alive, and when it is taken for dead and begun anew. After
/// a crash its database waits that long for its next compaction; a slow disk must not look like one.
const HEARTBEAT: Duration = Duration::from_secs(2);
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(10);

/// Ours in SlateDB's terms. Log flushes have no timer: the partition asks for them
/// ([`commit`](crate::partition)), so that an idle one does nothing.
pub(super) fn engine_settings(ours: &StorageSettings, node_log: bool) -> Settings {
    let compaction_poll = ours.poll(ours.compaction_poll_ms);
    Settings {
        flush_interval: None,
        manifest_poll_interval: compaction_poll,
        l0_sst_size_bytes: ours.memtable_bytes,
        max_unflushed_bytes: ours.unflushed_bytes_max,
        max_wal_flushes_before_l0_flush: WAL_FLUSHES_MAX,
        l0_max_ssts: ours.l0_files_max,
        l0_max_ssts_per_key: ours.l0_files_per_key_max,
        // A compactor with our own scheduler is given to each database.
        compactor_options: None,
        garbage_collector_options: Some(garbage_options(ours, node_log)),
        ..Settings::default()
    }
}

pub(super) fn compactor_options(ours: &StorageSettings) -> CompactorOptions {
    let poll = ours.poll(ours.compaction_poll_ms);
    CompactorOptions {
        poll_interval: poll,
        commit_compacted_interval: poll,
        max_concurrent_compactions: ours.compactions_max,
        checkpoint_lifetime: Duration::from_millis(ours.scan_grace_ms),
        worker_heartbeat_timeout: HEARTBEAT_TIMEOUT,
        worker: Some(CompactionWorkerOptions {
            max_concurrent_compactions: ours.compactions_max,
            compactions_poll_interval: poll,
            heartbeat_interval: HEARTBEAT,
            max_sst_size: FILE_BYTES_MAX,
            // How much is computed at once is said by how many compactions there are.
            max_subcompactions: 1,
            ..CompactionWorkerOptions::default()
        }),
        ..CompactorOptions::default()
    }
}

fn garbage_options(ours: &StorageSettings, node_log: bool) -> GarbageCollectorOptions {
    let poll = ours.poll(ours.garbage_poll_ms);
    let every = |interval| {
        Some(GarbageCollectorDirectoryOptions {
            interval: Some(interval),
            min_age: Duration::from_millis(ours.garbage_age_ms),
            dry_run: false,
        })
    };
    let slow = poll * SLOW_GARBAGE_FACTOR;
    GarbageCollectorOptions {
        manifest_options: every(slow),
        wal_options: every(poll).filter(|_| !node_log),
        compacted_options: every(slow),
        compactions_options: every(slow),
        ..no_garbage_options(ours.store.is_some())
    }
}

/// Collecting nothing.
pub(super) fn no_garbage_options(bucket: bool) -> GarbageCollectorOptions {
    GarbageCollectorOptions {
        manifest_options: None,
        wal_options: None,
        wal_fence_options: None,
        compacted_options: None,
        compactions_options: None,
        detach_options: None,
        // A process that slept must not write a deleted manifest once more. Needs conditional
        // overwrites, which local files do not have; but there, a directory has one process.
        boundary_files_enabled: bucket,
        ..GarbageCollectorOptions::default()
    }
}
