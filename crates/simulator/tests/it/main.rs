//! The simulator against the shipped trace.
//!
//! Runs of whole days: what they assert holds for a workload, not for a function.

mod closed_loop;
mod day_and_night;
mod negative_control;
