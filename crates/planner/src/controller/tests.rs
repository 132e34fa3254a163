//! The controller on made-up traffic: forecasts from history, children at once, the floor's inputs.

use super::*;
use crate::plan::Trigger;
use crate::policy::{Predictive, Static};
use crate::settings::PlannerSettings;
use crate::testing::{key_at, range_between};
use crate::view::Beside;
use forecast::Quantile;
use types::Strategy;
use workload::{CollectorSettings, Outcome, RangeKeyPrefix, RequestType, StorageKeyPrefix, Vector};

const TABLE: TableId = TableId(1);
const CAPACITY: Units = Units { read: 30.0, write: 10.0 };
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// A Monday.
const START_MS: i64 = 1_285_545_600_000;

/// A table whose writes follow the clock.
struct Fixture {
    collector: Collector,
    facts: Vec<PartitionFacts>,
    now_ms: i64,
    sent: u64,
}

impl Fixture {
    fn new(boundaries: &[f64]) -> Self {
        let mut fixture = Self {
            collector: Collector::new(&CollectorSettings::default()),
            facts: Vec::new(),
            now_ms: START_MS,
            sent: 0,
        };
        fixture.divide(0, boundaries);
        fixture
    }

    /// Makes new partitions with ids from `first_id` between these shares of the axis.
    fn divide(&mut self, first_id: u64, boundaries: &[f64]) {
        let ends = boundaries.iter().copied().chain([1.0]);
        let starts = [0.0].into_iter().chain(boundaries.iter().copied());
        self.facts = (first_id..)
            .zip(starts.zip(ends))
            .map(|(id, (from, to))| PartitionFacts {
                id: PartitionId(id),
                range: range_between(from, to),
                capacity: CAPACITY,
                credit: None,
                size_bytes: 1_000,
                created_ms: self.now_ms,
            })
            .collect();
        let known: Vec<_> = self.facts.iter().map(|f| (f.id, f.range.clone())).collect();
        self.collector.set_partitions(TABLE, Strategy::Hash, &known);
    }

    /// One minute of `per_second` writes, spread evenly over time and the key axis.
    fn minute(&mut self, per_second: f64) {
        let count = (per_second * 60.0).round() as i64;
        for i in 0..count {
            self.sent += 1;
            // A low-discrepancy walk over the axis.
            let share = (self.sent as f64 * 0.618_033_988_749_895).fract();
            let key = key_at(share);
            self.collector.ingest(&Vector {
                request: RequestType::Store,
                table: TABLE,
                partition: PartitionId(0),
                key_hash: self.sent,
                storage_key: StorageKeyPrefix::new(&key),
                range_key: RangeKeyPrefix::EMPTY,
                timestamp_ms: self.now_ms + i * MINUTE_MS / count,
                client: 1,
                data_bytes: 100,
                read_units: 0.0,
                write_units: 1.0,
                outcome: Outcome::Served,
                demand: true,
            });
        }
        self.now_ms += MINUTE_MS;
        self.collector.advance(self.now_ms);
    }

    /// Days with 2/s, and 12/s from ten to twelve, up to `until_ms` after the start.
    fn daily(&mut self, until_ms: i64) {
        while self.now_ms < START_MS + until_ms {
            let hour = (self.now_ms % DAY_MS) / HOUR_MS;
            self.minute(if (10..12).contains(&hour) { 12.0 } else { 2.0 });
        }
    }
}

fn controller<P: Policy>(policy: P) -> Controller<P> {
    Controller::new(TABLE, "orders", Limits::Dynamodb, ControllerSettings::default(), policy)
        .unwrap()
}

#[test]
fn a_daily_peak_is_split_before_it_comes_and_children_have_forecasts_at_once() {
    let mut fixture = Fixture::new(&[]);
    fixture.daily(6 * DAY_MS + 8 * HOUR_MS);
    let mut controller = controller(Predictive::new(PlannerSettings::default()));
    let action = loop {
        let tick = controller.tick(fixture.now_ms, &fixture.collector, &fixture.facts, false);
        assert!(tick.scored);
        if let Some(action) = tick.plan.actions.first() {
            break action.clone();
        }
        let next_ms = fixture.now_ms - START_MS + MINUTE_MS;
        assert!(next_ms < 6 * DAY_MS + 10 * HOUR_MS, "nothing was done before the peak");
        fixture.daily(next_ms);
    };
    let peak_ms = START_MS + 6 * DAY_MS + 10 * HOUR_MS;
    assert_eq!((action.trigger, action.crossing_ms), (Trigger::Forecast, Some(peak_ms)));
    assert_eq!(action.children(), 2, "12/s fit two partitions of 7.5/s");
    assert!(controller.view().last_plan_ms.is_some());

    let middle = u64::from_be_bytes(action.boundaries[0].as_ref().try_into().unwrap());
    let middle = middle as f64 / u64::MAX as f64;
    assert!((0.48..0.52).contains(&middle), "even load is cut in the middle: {middle}");
    fixture.divide(1, &[middle]);
    let tick = controller.tick(fixture.now_ms, &fixture.collector, &fixture.facts, false);
    for child in &tick.view.partitions {
        let peak = child.forecast_max(Quantile::Q50).write;
        assert!((5.0..7.0).contains(&peak), "half of 12/s is forecast: {peak}");
        let cells: f64 = child.cells.iter().map(|cell| cell.forecast[0].write).sum();
        assert!((cells - child.forecast_at(0, Quantile::Q90).write).abs() < 1e-6);
    }
    let half = controller.view().expected_load(&fixture.facts[0].range).unwrap();
    let whole = controller.view().expected_load(&KeyRange::full()).unwrap();
    assert!((0.4..0.6).contains(&(half.write / whole.write)), "{half:?} of {whole:?}");
}

#[test]
fn observations_are_what_came() {
    let mut fixture = Fixture::new(&[0.25]);
    for _ in 0..20 {
        fixture.minute(4.0);
    }
    for _ in 0..3 {
        fixture.minute(20.0);
    }
    // The last second closes when it can no longer change.
    fixture.collector.advance(fixture.now_ms + 2_000);
    let mut controller = controller(Static);
    let tick = controller.tick(fixture.now_ms, &fixture.collector, &fixture.facts, false);
    let [quarter, rest] = &tick.view.partitions[..] else { panic!("two partitions") };
    assert!((quarter.load_now.write - 5.0).abs() < 1.5, "{:?}", quarter.load_now);
    assert!((rest.load_now.write - 15.0).abs() < 2.0, "{:?}", rest.load_now);
    let now: f64 = rest.cells.iter().map(|cell| cell.now.write).sum();
    assert!((now - rest.load_now.write).abs() < 1e-9, "the same seconds, cell by cell: {now}");
    // Two minutes of 4/s and three of 20/s.
    assert!((rest.load_recent.write - 0.75 * 13.6).abs() < 1.5, "{:?}", rest.load_recent);
    assert_eq!((quarter.at_limit_ms, rest.at_limit_ms), (0, 3 * MINUTE_MS));
    assert!(tick.plan.is_hold());
}

#[test]
fn scores_come_once_per_interval_and_a_busy_table_is_left_alone() {
    let mut fixture = Fixture::new(&[]);
    fixture.minute(1.0);
    let mut controller = controller(Predictive::default());
    let mut scored = Vec::new();
    for second in 0..121 {
        let now_ms = fixture.now_ms + second * 1_000;
        let tick = controller.tick(now_ms, &fixture.collector, &fixture.facts, true);
        assert!(tick.plan.is_hold());
        if tick.scored {
            scored.push(second);
        }
        assert_eq!(tick.scores.len(), 1);
    }
    assert_eq!(scored, [0, 60, 120]);
}

#[test]
fn a_merge_is_remembered_where_it_was_undone() {
    let mut fixture = Fixture::new(&[0.25, 0.5]);
    fixture.minute(1.0);
    let mut controller = controller(Static);
    controller.tick(fixture.now_ms, &fixture.collector, &fixture.facts, false);
    fixture.minute(1.0);
    fixture.divide(10, &[0.5]);
    let merged_at_ms = fixture.now_ms;
    let mut merged = |fixture: &Fixture| {
        let tick = controller.tick(fixture.now_ms, &fixture.collector, &fixture.facts, false);
        tick.view.partitions.iter().map(|partition| partition.merged_ms).collect::<Vec<_>>()
    };
    assert_eq!(merged(&fixture), [None, None]);
    fixture.minute(1.0);
    fixture.divide(20, &[0.1, 0.5]);
    // The right half kept its range (its new id is this fixture's doing) and was not merged.
    assert_eq!(merged(&fixture), [Some(merged_at_ms), Some(merged_at_ms), None]);
}

#[test]
fn forecasters_are_built_a_few_at_a_time() {
    let mut fixture = Fixture::new(&[0.2, 0.4, 0.6, 0.8]);
    fixture.daily(3 * DAY_MS);
    let settings = ControllerSettings { builds_per_tick_max: 2, ..ControllerSettings::default() };
    let mut controller =
        Controller::new(TABLE, "orders", Limits::Dynamodb, settings, Static).unwrap();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let tick = controller.tick(fixture.now_ms, &fixture.collector, &fixture.facts, false);
        let unread = |p: &&crate::view::PartitionView| {
            p.abstained().is_some_and(|reason| reason.contains("not been read"))
        };
        waiting.push(tick.view.partitions.iter().filter(unread).count());
    }
    assert_eq!(waiting, [3, 1, 0]);
}

#[test]
fn settings_out_of_range_are_refused() {
    let bad = ControllerSettings { now_ms: 1, ..ControllerSettings::default() };
    let refused = Controller::new(TABLE, "orders", Limits::Off, bad, Static).unwrap_err();
    assert!(refused.to_string().contains("now_ms"), "{refused}");
}

#[test]
fn bytes_per_request_peaks_and_stored_bytes_are_forecast_beside_the_rates() {
    let mut fixture = Fixture::new(&[]);
    fixture.daily(4 * DAY_MS);
    let mut controller = controller(Static);
    let limit = ControllerSettings::default().score.size_bytes_max;
    let (step, bins) = (limit / 100, 36);
    fixture.facts[0].size_bytes = limit - (bins + 6) * step;
    for bin in 0..bins {
        fixture.facts[0].size_bytes += step;
        let tick = controller.tick(fixture.now_ms, &fixture.collector, &fixture.facts, false);
        // Twelve steps ahead; told once there are so many and an hour more.
        let expected = fixture.facts[0].size_bytes + 12 * step;
        let partition = &tick.view.partitions[0];
        let told = bin >= 23;
        assert_eq!(partition.beside.stored_bytes.steps.len(), if told { 12 } else { 0 });
        if told {
            assert_eq!(partition.forecast_size_bytes, expected, "bin {bin}");
            assert_eq!(tick.scores[0].size.fired(), expected > limit, "before it is there");
        }
        fixture.daily(4 * DAY_MS + (bin as i64 + 1) * 5 * MINUTE_MS);
    }
    assert!(fixture.facts[0].size_bytes < limit, "acted on the forecast, not on the size");

    let Beside { bytes_per_request, peak_units, .. } = &controller.view().partitions[0].beside;
    let quantiles = |outlook: &forecast::Outlook| match outlook {
        forecast::Outlook::Forecast(forecast) => forecast.steps[0],
        forecast::Outlook::Abstain(abstention) => abstention.level.expect("four days were seen"),
    };
    let bytes = quantiles(bytes_per_request);
    assert!((bytes.q50 - 100.0).abs() < 1.0 && (bytes.q99 - 100.0).abs() < 1.0, "{bytes:?}");
    let (peak, load) = (quantiles(peak_units), controller.view().partitions[0].load_recent.write);
    assert!(peak.q50 >= load && peak.q99 <= 20.0, "{peak:?} at {load}");
}
