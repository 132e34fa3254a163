//! The policy that never does anything: what happens if the table stays as it was created.

use super::Policy;
use crate::plan::Plan;
use crate::view::TableView;

/// Never acts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Static;

impl Policy for Static {
    fn name(&self) -> &'static str {
        "static"
    }

    fn decide(&mut self, _view: &TableView) -> Plan {
        Plan::hold("this policy never acts")
    }
}
