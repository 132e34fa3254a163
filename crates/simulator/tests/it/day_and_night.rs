//! A table whose load comes and goes with the day has many partitions by day and few at night, and
//! does not waver in between.

use planner::settings::PlannerSettings;
use planner::{Kind, Predictive};
use simulator::case::Case;
use simulator::matrix::CELLS;
use simulator::minutes::{Bank, PlaySettings, Sight, play};
use simulator::workloads;

const DAYS: i64 = 3;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

#[test]
fn partitions_follow_the_day() {
    let generator = workloads::find("diurnal").expect("a workload");
    let mut case = Case::generated(generator, 1);
    case.end_ms = case.start_ms + DAYS * DAY_MS;
    let settings = PlaySettings::default();
    let bank = Bank::new(&case.matrix, case.start_ms, &settings.controller);
    let bank = bank.expect("the settings fit");
    let initial = case.even(case.partitions_for_mean());
    let policy = Predictive::new(PlannerSettings::default());
    let played =
        play(&case, &initial, &settings, &bank, Sight::Forecast, policy).expect("it plays");
    let count = |at_ms: i64| {
        let known = played.divisions.iter().take_while(|(from_ms, _)| *from_ms <= at_ms);
        known.last().map_or(0, |(_, starts)| starts.len())
    };
    // The load is at its height at 14:00 and at its lowest at 02:00; it is looked at from the second
    // day on, when the table has seen a night.
    for day in 1..DAYS {
        let midnight_ms = (case.start_ms / DAY_MS + day) * DAY_MS;
        let night = (0..6).map(|hour| count(midnight_ms + hour * HOUR_MS)).min().unwrap_or(0);
        let noon = count(midnight_ms + 14 * HOUR_MS);
        let minute = case.matrix.minute_at(midnight_ms + 14 * HOUR_MS);
        let load = case.matrix.load(minute, 0..CELLS).write / case.capacity.write;
        println!("day {day}: {night} partitions at night, {noon} by day for {load:.1} full ones");
        assert!(noon as f64 >= load, "{noon} partitions for the load of {load:.1}");
        assert!(night < noon && 3 * night <= 2 * noon, "{night} at night and {noon} by day");
    }
    let merges = played.run.decisions.iter().filter(|(decision, _)| decision.is_merge()).count();
    let splits = played.run.decisions.len() - merges;
    println!(
        "{splits} splits, {merges} merges, {:.4} throttled",
        played.run.report.throttled_share
    );
    assert!(
        merges > 0 && played.run.decisions.iter().any(|(d, _)| d.action.kind == Kind::Vertical)
    );
    assert!(splits + merges <= 24 * DAYS as usize, "one change an hour is wavering");
    assert!(played.run.report.throttled_share < 0.01, "{}", played.run.report.throttled_share);
}
