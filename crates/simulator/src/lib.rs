//! A workload, a policy and a virtual clock in; throttled requests and cost out.
//!
//! The simulator plays events through the collector, the controller and the token buckets that the
//! service uses, with weeks of virtual time in seconds. What it adds is only what a service has
//! around them: clients that retry, actions that take time, a clock. [`workload`] is what is
//! played, [`amplify`] makes larger workloads of a trace (the live demo plays the same), [`scenario`]
//! holds the demo's workload with all its parameters, [`simulation`] plays, [`report`] is what comes
//! out. The same input and seed give the same report to the byte.

pub mod amplify;
pub mod case;
mod clients;
mod error;
pub mod evaluate;
pub mod matrix;
pub mod minutes;
mod partitions;
pub mod policies;
mod random;
pub mod recording;
pub mod report;
pub mod scenario;
pub mod shuffle;
pub mod simulation;
pub mod workload;
pub mod workloads;

pub use amplify::Amplification;
pub use error::SimulatorError;
pub use report::{Report, Run};
pub use scenario::{OnlineRetail, Scenario};
pub use simulation::{RetrySettings, SimulationSettings, run};
pub use workload::{Event, Workload};
