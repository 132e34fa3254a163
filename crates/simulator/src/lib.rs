//! A workload, a policy and a virtual clock in; throttled requests and cost out.
//!
//! There are two players. [`simulation`] sends every request through the collector, the controller and
//! the token buckets that the service uses: exact, for days of a trace. [`minutes`] lets load flow
//! minute by minute and makes the policies' views itself, with forecasts that all policies share: weeks
//! in seconds, for comparisons. Policies, score, slicing, forecasters and the judgement of decisions
//! are the service's in both, and a test plays one workload both ways.
//!
//! In reading order: [`workload`], [`amplify`], [`shuffle`], [`scenario`] (requests, and the demo's
//! workload with all its parameters), [`simulation`]; [`matrix`], [`workloads`], [`recording`],
//! [`case`] (load by minute and cell, generated or recorded, and the table it meets), [`minutes`],
//! [`policies`], [`evaluate`] (all of it on many cases, with intervals), [`tuning`] (thresholds learnt from
//! a table's history), [`report`] (tables, JSON, a page). The same input and seed give the same report to the byte. What it is not: a model of the
//! engine. What actions cost is told to it ([`costs`]: as measured).

pub mod amplify;
pub mod case;
mod clients;
pub mod costs;
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
pub mod tuning;
pub mod upkeep;
pub mod workload;
pub mod workloads;

pub use amplify::Amplification;
pub use costs::MeasuredCosts;
pub use error::SimulatorError;
pub use report::{Report, Run};
pub use scenario::{OnlineRetail, Scenario};
pub use simulation::{RetrySettings, SimulationSettings, run};
pub use workload::{Event, Workload};
