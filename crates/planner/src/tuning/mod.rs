//! Thresholds that tune themselves: what may be tuned, what it is worth, who learns, and who watches.
//!
//! Two levels, as in Autothrottle (Wang et al., NSDI 2024): the planner's rules act by the second, and
//! once a day of data a slow learner may set the numbers they go by. In reading order: [`thresholds`]
//! are those numbers with bounds that nothing leaves; [`prices`] make one reward of throttled requests,
//! partition-hours and actions; [`context`] is what is known of a table when a day begins; [`bandit`]
//! learns which thresholds pay in which context (a bandit is reinforcement learning of one step);
//! [`doubly_robust`] says what a choice would have been worth on days on which another was made;
//! [`tuner`] decides whether anything is changed: it proposes, waits, applies, first to a [`canary`],
//! reverts, and writes down why ([`record`]). All of it is pure: `simulator` trains, `manager` stores and applies. docs/tuning.md has the
//! method, its sources and what it is worth.

pub mod bandit;
pub mod canary;
pub mod context;
pub mod doubly_robust;
pub mod prices;
pub mod record;
mod stored;
pub mod thresholds;
pub mod tuner;

pub use bandit::LinUcb;
pub use canary::{Border, Canary, border};
pub use context::Context;
pub use prices::{DayCost, Prices};
pub use record::{Day, Part, Proposal, Record, RecordKind, Sides};
pub use thresholds::{Bounds, Pins, Thresholds};
pub use tuner::{Tuner, TunerSettings, Tuning};
