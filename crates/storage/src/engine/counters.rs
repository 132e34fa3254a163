//! What SlateDB counts, summed over all databases of a store.
//!
//! Counters of the same name and labels are one counter here, whichever database they are of, and go on
//! when a database is closed. Gauges and histograms of single databases would only overwrite each other;
//! they are left out.

use parking_lot::Mutex;
use slatedb_common::metrics::{CounterFn, GaugeFn, HistogramFn, MetricsRecorder, UpDownCounterFn};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that are told apart; more are left out.
const COUNTERS_MAX: usize = 512;

/// One of the engine's counters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EngineCounter {
    /// Its name, such as `slatedb.db.get_requests`.
    pub name: String,
    /// What it counts.
    pub description: String,
    /// Its labels.
    pub labels: Vec<(String, String)>,
    /// Its value.
    pub value: u64,
}

type Name = (String, Vec<(String, String)>);

/// The counters of all databases.
#[derive(Debug, Default)]
pub(crate) struct EngineCounters(Mutex<BTreeMap<Name, (String, Arc<Sum>)>>);

#[derive(Debug, Default)]
struct Sum(AtomicU64);

/// Takes what is not counted here.
struct Ignored;

impl EngineCounters {
    /// What was counted until now, by name.
    pub(crate) fn read(&self) -> Vec<EngineCounter> {
        let counter =
            |((name, labels), (description, sum)): (&Name, &(String, Arc<Sum>))| EngineCounter {
                name: name.clone(),
                description: description.clone(),
                labels: labels.clone(),
                value: sum.0.load(Ordering::Relaxed),
            };
        self.0.lock().iter().map(counter).collect()
    }
}

impl MetricsRecorder for EngineCounters {
    fn register_counter(
        &self,
        name: &str,
        description: &str,
        labels: &[(&str, &str)],
    ) -> Arc<dyn CounterFn> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut labels: Vec<_> = labels.iter().map(own).collect();
        labels.sort();
        let key = (name.to_owned(), labels);
        let mut counters = self.0.lock();
        if counters.len() >= COUNTERS_MAX && !counters.contains_key(&key) {
            return Arc::new(Ignored);
        }
        counters.entry(key).or_insert_with(|| (description.to_owned(), Arc::default())).1.clone()
    }

    fn register_gauge(&self, _: &str, _: &str, _: &[(&str, &str)]) -> Arc<dyn GaugeFn> {
        Arc::new(Ignored)
    }

    fn register_up_down_counter(
        &self,
        _: &str,
        _: &str,
        _: &[(&str, &str)],
    ) -> Arc<dyn UpDownCounterFn> {
        Arc::new(Ignored)
    }

    fn register_histogram(
        &self,
        _: &str,
        _: &str,
        _: &[(&str, &str)],
        _: &[f64],
    ) -> Arc<dyn HistogramFn> {
        Arc::new(Ignored)
    }
}

impl CounterFn for Sum {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }
}

impl CounterFn for Ignored {
    fn increment(&self, _: u64) {}
}

impl GaugeFn for Ignored {
    fn set(&self, _: i64) {}
}

impl UpDownCounterFn for Ignored {
    fn increment(&self, _: i64) {}
}

impl HistogramFn for Ignored {
    fn record(&self, _: f64) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_count_together_by_name_and_labels() {
        let counters = EngineCounters::default();
        for by in [1, 10] {
            counters.register_counter("a", "about a", &[("op", "get"), ("at", "x")]).increment(by);
        }
        counters.register_counter("a", "about a", &[("op", "put")]).increment(5);
        counters.register_gauge("g", "", &[]).set(7);
        let read = counters.read();
        let values: Vec<u64> = read.iter().map(|counter| counter.value).collect();
        assert_eq!(values, [11, 5]);
        assert_eq!(read[0].labels[0], ("at".into(), "x".into()));
    }

    #[test]
    fn names_are_bounded() {
        let counters = EngineCounters::default();
        for number in 0..COUNTERS_MAX + 9 {
            counters.register_counter(&format!("c{number}"), "", &[]).increment(1);
        }
        assert_eq!(counters.read().len(), COUNTERS_MAX);
        counters.register_counter("c0", "", &[]).increment(1);
        assert_eq!(counters.read()[0].value, 2, "a known one goes on");
    }
}
