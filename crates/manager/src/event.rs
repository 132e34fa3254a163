//! What the manager tells those who watch: the demo's lines, tests that wait for something.

use crate::anomalies::AnomalyDocument;
use crate::journal::Entry;
use crate::strategy::ProposalDocument;

/// Something the manager has done or learnt. Slow subscribers miss the oldest.
#[derive(Clone, Debug)]
pub enum Event {
    /// An action has been decided and written down, and begins.
    Started(Box<Entry>),
    /// An action has ended, done or failed.
    Ended(Box<Entry>),
    /// The load a decision spoke of has come, and its verdict is known.
    Judged(Box<Entry>),
    /// Another strategy would pay, and has for long enough: for somebody to carry out.
    Proposed(Box<ProposalDocument>),
    /// Something odd has begun, or is over.
    Anomaly(Box<AnomalyDocument>),
}
