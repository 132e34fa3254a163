//! Thousands of failing disks: nothing that was acknowledged, or shown after a restart, is ever lost.
//!
//! That these tests find bugs was tried by planting some in the log: not syncing a frame; not
//! writing the marks before a segment is removed; removing one segment too many, or several with
//! no sync of the directory between them; not syncing the directory, or the file, before a new
//! segment is used; not syncing the newest segment at start, or not writing its last frame again;
//! going on after a failure. Each was found within the first fifty seeds.

use crate::world::{Bug, Report, World};

/// How many disks, and how many if there is time (`FORESHARD_TEST_LONG=1`).
const SEEDS: u64 = 3_000;
const SEEDS_LONG: u64 = 100_000;

fn seeds() -> u64 {
    match std::env::var("FORESHARD_TEST_LONG") {
        Ok(long) if long == "1" => SEEDS_LONG,
        _ => SEEDS,
    }
}

#[test]
fn nothing_acknowledged_is_lost_whenever_the_power_goes() {
    let mut sum = Report::default();
    for seed in 0..seeds() {
        let report = World::new(seed, Bug::None).run();
        let report = report.unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        sum.lives += report.lives;
        sum.acknowledged += report.acknowledged;
        sum.removed_segments += report.removed_segments;
        sum.failures += report.failures;
    }
    println!(
        "{} lives, {} appends acknowledged, {} segments removed, {} failures while running",
        sum.lives, sum.acknowledged, sum.removed_segments, sum.failures
    );
    let seeds = seeds();
    assert!(sum.acknowledged > 20 * seeds && sum.removed_segments > seeds / 2);
    assert!(sum.failures > seeds);
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    for seed in 0..50 {
        let run = || World::new(seed, Bug::None).run().unwrap();
        assert_eq!(run(), run(), "seed {seed}");
    }
}

/// What the simulation is worth: it finds a disk that does not keep what it has synced ...
#[test]
fn a_disk_that_lies_is_found_out() {
    let found = (0..20).filter(|seed| World::new(*seed, Bug::LyingDisk).run().is_err()).count();
    assert!(found > 15, "{found} of 20");
}

/// ... and somebody who lets the log forget what is nowhere else.
#[test]
fn a_mark_that_comes_too_early_is_found_out() {
    let found = (0..20).filter(|seed| World::new(*seed, Bug::EarlyMark).run().is_err()).count();
    assert!(found > 15, "{found} of 20");
}
