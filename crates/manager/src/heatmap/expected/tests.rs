use super::*;
use bytes::Bytes;
use forecast::{Forecast, ModelKind, Outlook, RecentError, Step};
use planner::view::{Beside, CellView};
use types::{PartitionId, Strategy};

const CAPACITY: Units = Units { read: 300.0, write: 100.0 };
const STEPS: usize = 3;
const STEP_MS: i64 = 300_000;

fn certain(rate: f64) -> Outlook {
    Outlook::Forecast(Forecast {
        start_ms: 0,
        bin_ms: STEP_MS,
        steps: vec![Step { point: rate, q50: rate, q90: rate, q99: 2.0 * rate }; STEPS],
        model: ModelKind::Ridge,
        reason: String::new(),
        recent_error: RecentError::default(),
    })
}

fn between(start: &'static str, end: Option<&'static str>) -> KeyRange {
    KeyRange::new(start, end.map(Bytes::from))
}

/// A partition whose cells have these write loads in every step.
fn partition(id: u64, cells: &[(KeyRange, f64)], credit: f64) -> PartitionView {
    let range =
        KeyRange { start: cells[0].0.start.clone(), end: cells[cells.len() - 1].0.end.clone() };
    let cell = |(range, write): &(KeyRange, f64)| CellView {
        range: range.clone(),
        recent: Units::write(*write),
        now: Units::write(*write),
        forecast: vec![Units::write(*write); STEPS],
        single_key: false,
    };
    let write: f64 = cells.iter().map(|(_, write)| write).sum();
    PartitionView {
        id: PartitionId(id),
        range,
        capacity: CAPACITY,
        credit: Some(Units::write(credit)),
        load_now: Units::write(write),
        load_recent: Units::write(write),
        load_day_max: Units::write(write),
        season_max: None,
        at_limit_ms: 0,
        throttled_now: 0.0,
        read: certain(0.0),
        write: certain(write),
        beside: Beside::default(),
        cells: cells.iter().map(cell).collect(),
        size_bytes: 0,
        forecast_size_bytes: 0,
        top_key_share: 0.0,
        hot_keys: Vec::new(),
        created_ms: 0,
        merged_ms: None,
    }
}

/// p1 up to "m" with 150 writes/s (of 100 that it has), p2 from there on with 60.
fn view(credit: f64) -> TableView {
    let first = [(between("", Some("d")), 120.0), (between("d", Some("m")), 30.0)];
    let second = [(between("m", None), 60.0)];
    TableView {
        table: TableId(1),
        name: "orders".into(),
        now_ms: 0,
        due: true,
        busy: false,
        limits: Limits::Dynamodb,
        strategy: Strategy::default(),
        warm: Units::ZERO,
        node: None,
        last_plan_ms: None,
        partitions: vec![partition(1, &first, credit), partition(2, &second, 0.0)],
    }
}

fn rows() -> Vec<KeyRange> {
    vec![between("", Some("d")), between("d", Some("m")), between("m", None)]
}

/// The columns of a metric, with two bytes and half a request for each unit.
fn columns(view: &TableView, metric: Metric, quantile: Quantile) -> Vec<Column> {
    let rows = rows();
    let per_unit = vec![Some(PerUnit { bytes: 2.0, requests: 0.5 }); rows.len()];
    let expected = Expected {
        view: Some(view),
        rows: &rows,
        decided_at: Quantile::Q90,
        quantile,
        capacity: CAPACITY,
        per_unit,
    };
    let request = HeatmapRequest { metric, ..HeatmapRequest::default() };
    expected.columns(&request, i64::MIN).into_iter().map(|(_, column)| column).collect()
}

#[test]
fn load_is_shown_as_it_is_forecast() {
    let writes = columns(&view(0.0), Metric::WriteUnits, Quantile::Q90);
    assert_eq!(writes, vec![vec![Some(120.0), Some(30.0), Some(60.0)]; STEPS]);
    let shares = columns(&view(0.0), Metric::Share, Quantile::Q99);
    assert_eq!(shares[0], [Some(2.4), Some(0.6), Some(1.2)]);
}

#[test]
fn bytes_are_units_times_what_a_unit_carries() {
    let bytes = columns(&view(0.0), Metric::Bytes, Quantile::Q90);
    assert_eq!(bytes[2], [Some(240.0), Some(60.0), Some(120.0)]);
}

#[test]
fn what_a_full_partition_refuses_lies_where_its_load_is() {
    // A third of p1's load is refused, in requests of two units; p2 has room.
    let throttled = columns(&view(0.0), Metric::Throttles, Quantile::Q90);
    assert_eq!(throttled, vec![vec![Some(20.0), Some(5.0), Some(0.0)]; STEPS]);
    // Credit for one step.
    let throttled = columns(&view(15_000.0), Metric::Throttles, Quantile::Q90);
    assert_eq!(throttled[0], [Some(0.0); 3]);
    assert_eq!(throttled[1], [Some(20.0), Some(5.0), Some(0.0)]);
    // At a higher quantile p2 is too full, too.
    let throttled = columns(&view(0.0), Metric::Throttles, Quantile::Q99);
    assert_eq!(throttled[0], [Some(80.0), Some(20.0), Some(10.0)]);
}

#[test]
fn nobody_is_refused_without_limits_and_nobody_knows_with_measured_ones() {
    let of = |limits| {
        columns(&TableView { limits, ..view(0.0) }, Metric::Throttles, Quantile::Q90)[0].clone()
    };
    assert_eq!(of(Limits::Off), [Some(0.0); 3]);
    assert_eq!(of(Limits::Measured), [None; 3]);
    assert!(Metric::Throttles.forecast_note(Limits::Measured).unwrap().starts_with("none"));
    assert_eq!(Metric::Share.forecast_note(Limits::Dynamodb), None);
}

#[test]
fn where_nothing_is_forecast_nothing_is_said() {
    let mut view = view(0.0);
    view.partitions[0].cells[0].forecast.clear();
    for metric in [Metric::WriteUnits, Metric::Bytes, Metric::Throttles] {
        let column = columns(&view, metric, Quantile::Q90).remove(0);
        assert_eq!((column[0], column[1].is_some()), (None, true), "{metric:?}");
    }
}

#[test]
fn a_new_partition_begins_with_its_part_of_the_credit() {
    let view = view(15_000.0);
    assert_eq!(credit_of(&view, &between("", Some("d"))), Units::write(12_000.0));
    assert_eq!(credit_of(&view, &KeyRange::full()), Units::write(15_000.0));
    let loads = [Some(Units::write(150.0)), None];
    let refused = refused_of(&view, &between("", Some("d")), &loads);
    assert_eq!(refused, [Some(Units::write(10.0)), None]);
}

#[test]
fn rows_without_load_are_taken_for_the_mean() {
    let sums = [[10.0, 10.0, 5.0, 400.0], [0.0; 4], [0.0, 20.0, 5.0, 0.0]];
    let per_unit = of_sums(&sums);
    assert_eq!(per_unit[0], Some(PerUnit { bytes: 20.0, requests: 0.25 }));
    assert_eq!(per_unit[1], Some(PerUnit { bytes: 10.0, requests: 0.25 }));
    assert_eq!(of_sums(&[[0.0; 4]]), [None]);
    let none = Expected {
        view: None,
        rows: &[],
        decided_at: Quantile::Q90,
        quantile: Quantile::Q90,
        capacity: CAPACITY,
        per_unit: vec![None],
    };
    assert_eq!(none.of_load(Metric::Bytes, 0, Units::ZERO), Some(0.0));
    assert_eq!(none.of_load(Metric::Bytes, 0, Units::write(1.0)), None);
}
