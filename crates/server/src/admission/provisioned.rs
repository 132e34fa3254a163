//! The throughput that a table is provisioned with, if the settings say that it is enforced.
//!
//! One bucket for reads and one for writes, for the whole table, in front of those of its
//! partitions: DynamoDB throttles at whichever is empty first. Tables on demand have none.

use parking_lot::Mutex;
use planner::Buckets;
use types::Units;

use crate::settings::LimitSettings;

/// The buckets of one table.
#[derive(Debug)]
pub(crate) struct Provisioned {
    enforced: bool,
    burst_s: f64,
    buckets: Mutex<Option<Buckets>>,
}

impl Provisioned {
    /// Full buckets for a table with these rates; none for one on demand.
    pub(crate) fn new(settings: &LimitSettings, rates: Option<Units>, now_ms: i64) -> Self {
        let enforced = settings.provisioned;
        let rates = rates.filter(|_| enforced);
        let buckets = rates.map(|rates| Buckets::full(rates, settings.burst_s, now_ms));
        Self { enforced, burst_s: settings.burst_s, buckets: Mutex::new(buckets) }
    }

    /// Admits a request that costs at least `least` and takes that, or refuses it.
    pub(crate) fn admit(&self, least: Units, now_ms: i64) -> bool {
        if !self.enforced {
            return true;
        }
        let mut buckets = self.buckets.lock();
        buckets.as_mut().is_none_or(|buckets| buckets.try_take(least, now_ms))
    }

    /// Takes what a request cost, of which `taken` is paid.
    pub(crate) fn settle(&self, cost: Units, taken: Units) {
        if !self.enforced {
            return;
        }
        if let Some(buckets) = self.buckets.lock().as_mut() {
            buckets.read.debit(cost.read - taken.read);
            buckets.write.debit(cost.write - taken.write);
        }
    }

    /// Whether it is here that a request is refused which needs `units`.
    pub(crate) fn is_exhausted(&self, units: Units, now_ms: i64) -> bool {
        let level = self.buckets.lock().as_mut().map(|buckets| buckets.level(now_ms));
        level.is_some_and(|level| {
            (units.read > 0.0 && level.read <= 0.0) || (units.write > 0.0 && level.write <= 0.0)
        })
    }

    /// Goes on with other rates. What was saved up or owed is kept, as far as it fits; a table that
    /// comes from on demand starts full.
    pub(crate) fn change(&self, rates: Option<Units>, now_ms: i64) {
        let mut buckets = self.buckets.lock();
        let level = buckets.as_mut().map(|buckets| buckets.level(now_ms));
        *buckets = rates.filter(|_| self.enforced).map(|rates| match level {
            Some(level) => Buckets::at_level(level, rates, self.burst_s, now_ms),
            None => Buckets::full(rates, self.burst_s, now_ms),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: Units = Units { read: 2.0, write: 1.0 };

    fn provisioned(enforced: bool) -> Provisioned {
        let settings = LimitSettings { provisioned: enforced, burst_s: 3.0, ..Default::default() };
        Provisioned::new(&settings, Some(RATES), 0)
    }

    fn writes(provisioned: &Provisioned, now_ms: i64) -> usize {
        (0..100).take_while(|_| provisioned.admit(Units::write(1.0), now_ms)).count()
    }

    #[test]
    fn a_table_serves_its_burst_and_then_its_rate() {
        let table = provisioned(true);
        assert_eq!(writes(&table, 0), 3);
        assert!(table.is_exhausted(Units::write(1.0), 0));
        assert!(!table.is_exhausted(Units::read(1.0), 0));
        assert_eq!(writes(&table, 2000), 2);
        table.settle(Units::write(4.0), Units::write(1.0));
        assert_eq!(writes(&table, 5000), 0, "the last write cost three units more");
        assert_eq!(writes(&table, 6000), 1);
    }

    #[test]
    fn it_is_only_enforced_if_told_to() {
        let table = provisioned(false);
        assert_eq!(writes(&table, 0), 100);
        table.change(Some(RATES), 0);
        assert_eq!(writes(&table, 0), 100);
    }

    #[test]
    fn other_rates_keep_what_was_saved_up_or_owed() {
        let table = provisioned(true);
        assert_eq!(writes(&table, 0), 3);
        table.change(Some(Units { read: 2.0, write: 10.0 }), 0);
        assert_eq!(writes(&table, 0), 0);
        assert_eq!(writes(&table, 1000), 10);
        table.change(None, 1000);
        assert_eq!(writes(&table, 1000), 100, "on demand");
        table.change(Some(RATES), 1000);
        assert_eq!(writes(&table, 1000), 3);
    }
}
