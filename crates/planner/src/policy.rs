//! Policies: from a view of a table to a plan.
//!
//! [`Predictive`] is the product; [`ReactiveDynamoDb`], [`ReactiveFast`] and [`Threshold`] are what it
//! is measured against, and all of them run through the same controller in the service and the simulator. A
//! policy sees nothing but the view and remembers next to nothing, so that a view is enough to
//! repeat its decision.

mod fixed;
mod merge;
mod midpoint;
mod predictive;
mod presplit;
mod reactive;
mod split;
mod threshold;
mod wording;
mod zoned;

pub use fixed::Static;
pub use predictive::Predictive;
pub use reactive::{
    ReactiveDynamoDb, ReactiveDynamoDbSettings, ReactiveFast, ReactiveFastSettings,
};

pub(crate) use split::{Basis, Cut, action, even_shift};
pub use threshold::{Threshold, ThresholdSettings};
pub use zoned::Zoned;

use crate::plan::Plan;
use crate::settings::{PlannerSettings, ScoreSettings};
use crate::view::TableView;
use types::KeyRange;

/// Decides what to do about one table.
pub trait Policy: Send {
    /// The name in tables and journals,.
    fn name(&self) -> &'static str;

    /// What to do now.
    fn decide(&mut self, view: &TableView) -> Plan;

    /// The settings that tuning may change; `None` if it goes by none.
    fn tunable(&self) -> Option<&PlannerSettings> {
        None
    }

    /// How a partition of this range is scored, if not as the controller is set to.
    fn score_of(&self, _range: &KeyRange) -> Option<&ScoreSettings> {
        None
    }
}

impl<P: Policy + ?Sized> Policy for Box<P> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn decide(&mut self, view: &TableView) -> Plan {
        (**self).decide(view)
    }

    fn tunable(&self) -> Option<&PlannerSettings> {
        (**self).tunable()
    }

    fn score_of(&self, range: &KeyRange) -> Option<&ScoreSettings> {
        (**self).score_of(range)
    }
}

/// An action to write decisions about.
#[cfg(test)]
pub(crate) fn halve_for_tests(view: &TableView, partition: usize) -> crate::plan::Action {
    midpoint::halve(&view.partitions[partition], "made up".into()).expect("it has cells")
}
