//! A whole store on a simulated disk whose power goes off: log, sorted files, manifests, catalog and blobs
//! share one disk, which then forgets what was not forced onto it, in any combination and directory
//! entries included.
//!
//! The store's own code runs, and SlateDB's, on one thread whose time is simulated, too
//! ([`machine`]); clients write and read, tables are resliced, rekeyed, backed up, restored and dropped at
//! random ([`life`]); the power goes at a random operation of the disk or at a fault point, or the process
//! dies and the disk lives on. Then the store is opened again and compared with what was said ([`model`]). In the end
//! everything is deleted, and nothing may be left ([`remains`]).

mod life;
mod machine;
mod model;
mod remains;
mod world;

use storage::FaultPoint;
use world::{Report, World, sum};

/// Seeds of `make test`, and of `make test-long`.
const SEEDS: u64 = 40;
const SEEDS_LONG: u64 = 3_000;
/// Those that are run twice.
const SEEDS_TWICE: u64 = 6;
const SEEDS_TWICE_LONG: u64 = 100;
/// The seeds for each fault point.
const SEEDS_AT: u64 = 3;
const SEEDS_AT_LONG: u64 = 60;

fn long() -> bool {
    std::env::var_os("FORESHARD_TEST_LONG").is_some()
}

/// The seeds to run: some, many, or those that were asked for (`FORESHARD_TEST_SEEDS=from..to`).
fn seeds(some: u64, many: u64) -> std::ops::Range<u64> {
    match std::env::var("FORESHARD_TEST_SEEDS") {
        Ok(asked) => {
            let (from, to) = asked.split_once("..").unwrap();
            from.parse().unwrap()..to.parse().unwrap()
        }
        Err(_) => 0..if long() { many } else { some },
    }
}

#[test]
fn nothing_acknowledged_or_shown_is_lost_whenever_the_power_goes() {
    let mut total = Report::default();
    for seed in seeds(SEEDS, SEEDS_LONG) {
        match World::new(seed).run() {
            Ok(report) => sum(&mut total, &report),
            Err(broken) => panic!("seed {seed}: {broken}"),
        }
        if seed % 100 == 99 {
            println!("up to seed {seed}: {total:?}");
        }
    }
    println!("{total:?}");
    if std::env::var_os("FORESHARD_TEST_SEEDS").is_some() {
        return;
    }
    // That something was tested.
    assert!(total.power_cuts > 0 && total.acknowledged > 0 && total.reads > 0, "{total:?}");
    // What few seeds need not meet is met by the test of all fault points.
    assert!(total.reslices > 0 && (total.undone > 0 || !long()), "{total:?}");
    assert!(total.rekeys > 0 && total.cancelled > 0 && total.resumed > 0, "{total:?}");
    assert!(total.backups > 0 && total.backups_deleted > 0 && total.restores > 0, "{total:?}");
    assert!(total.unchanged > 0 && total.notes > 0, "{total:?}");
}

/// The same seed makes the same choices, at the same operations of the disk, and leaves the same bytes.
#[test]
fn the_same_seed_leaves_the_same_bytes() {
    for seed in seeds(SEEDS_TWICE, SEEDS_TWICE_LONG) {
        let [first, second] = [World::new(seed).run(), World::new(seed).run()];
        assert_eq!(first, second, "seed {seed}");
    }
}

/// The power goes at each point of a workflow and of the log, and the first time it is passed.
#[test]
fn the_power_may_go_at_every_fault_point() {
    let mut missed = FaultPoint::ALL.to_vec();
    for seed in 0..if long() { SEEDS_AT_LONG } else { SEEDS_AT } {
        for point in FaultPoint::ALL.iter().copied() {
            let report = World::new(1_000_000 + seed).cut_at(point).run();
            let report = report.unwrap_or_else(|broken| panic!("seed {seed}, {point}: {broken}"));
            if report.points_met > 0 {
                missed.retain(|other| *other != point);
            }
        }
    }
    assert!(missed.is_empty(), "no run came to {missed:?}");
}
