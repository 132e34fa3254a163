//! What a day cost, in the currency that the operator's prices are in.
//!
//! Cost = throttled requests × their price + partition-hours × theirs + held writes × theirs + actions ×
//! theirs. Held writes and the time an action takes are as measured (`simulator::costs`). The defaults
//! state a trade and not a tariff: a partition-hour costs 1, and a thousand throttled requests cost as
//! much.

use crate::error::PlannerError;
use serde::{Deserialize, Serialize};
use types::Units;

/// The partition that `Prices::partition_hour` is the price of: DynamoDB's.
const PRICED_PARTITION: Units = Units { read: 3_000.0, write: 1_000.0 };

/// Prices, all in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    /// Of one throttled invocation.
    pub throttled_request: f64,
    /// Of one hour of a partition that serves 1,000 write or 3,000 read units per second; smaller ones
    /// cost in proportion.
    pub partition_hour: f64,
    /// Of one write that waited for a cutover.
    pub held_write: f64,
    /// Of one action, beside what it holds up: as many seconds of a partition as are priced here. The
    /// default is the planner's own `action.cost_s`.
    pub action_partition_s: f64,
}

impl Default for Prices {
    fn default() -> Self {
        Self {
            throttled_request: 0.001,
            partition_hour: 1.0,
            held_write: 0.000_1,
            action_partition_s: 5.0,
        }
    }
}

/// What happened to a table in a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DayCost {
    /// Invocations that were throttled.
    pub throttled: f64,
    /// Partitions, integrated over time.
    pub partition_hours: f64,
    /// Writes that waited for a cutover.
    pub held_writes: f64,
    /// Actions that were carried out.
    pub actions: f64,
}

impl std::ops::Sub for DayCost {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            throttled: self.throttled - other.throttled,
            partition_hours: self.partition_hours - other.partition_hours,
            held_writes: self.held_writes - other.held_writes,
            actions: self.actions - other.actions,
        }
    }
}

impl Prices {
    /// Checks every price.
    pub fn validate(&self) -> Result<(), PlannerError> {
        for (name, value) in [
            ("prices.throttled_request", self.throttled_request),
            ("prices.partition_hour", self.partition_hour),
            ("prices.held_write", self.held_write),
            ("prices.action_partition_s", self.action_partition_s),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                let value = value.to_string();
                return Err(PlannerError::Setting { name, value, expected: "0 or more" });
            }
        }
        Ok(())
    }

    /// The price of an hour of a partition of this capacity.
    pub fn partition_hour_of(&self, capacity: Units) -> f64 {
        let share =
            (capacity.read / PRICED_PARTITION.read).max(capacity.write / PRICED_PARTITION.write);
        self.partition_hour * share
    }

    /// What a day cost on partitions of this capacity.
    pub fn cost(&self, day: &DayCost, capacity: Units) -> f64 {
        let hour = self.partition_hour_of(capacity);
        day.throttled * self.throttled_request
            + day.partition_hours * hour
            + day.held_writes * self.held_write
            + day.actions * self.action_partition_s / 3_600.0 * hour
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_paid_for() {
        let prices = Prices::default();
        let day =
            DayCost { throttled: 2_000.0, partition_hours: 48.0, held_writes: 10.0, actions: 72.0 };
        let whole = prices.cost(&day, PRICED_PARTITION);
        assert!((whole - (2.0 + 48.0 + 0.001 + 0.1)).abs() < 1e-9, "{whole}");
        let half = Units { read: 0.0, write: 500.0 };
        assert!((prices.cost(&day, half) - (2.0 + 24.0 + 0.001 + 0.05)).abs() < 1e-9);
        assert_eq!(day - day, DayCost::default());
    }

    #[test]
    fn a_price_below_nothing_is_refused_by_name() {
        let prices = Prices { held_write: -1.0, ..Prices::default() };
        let error = prices.validate().unwrap_err().to_string();
        assert!(error.contains("prices.held_write is -1"), "{error}");
        assert_eq!(Prices::default().validate(), Ok(()));
    }
}
