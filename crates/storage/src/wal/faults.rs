//! The log's points as fault points of this crate.

use crate::directory::DataDirectory;
use crate::faults::{FaultPoint, Faults, Verdict};
use futures::FutureExt;
use nodelog::{Hooks, LogPoint};
use std::io;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Asks the store's hook on the log's own thread, which may block.
#[derive(Debug)]
pub(super) struct FaultHooks {
    faults: Arc<dyn Faults>,
    /// `None` in a simulation, where the log has no thread: then a hook cannot wait.
    runtime: Option<Handle>,
    /// Keeps the directory locked as long as the log's thread lives.
    _directory: Arc<DataDirectory>,
}

impl FaultHooks {
    pub(super) fn new(faults: Arc<dyn Faults>, directory: Arc<DataDirectory>) -> Self {
        let runtime = (!directory.is_simulated()).then(Handle::current);
        Self { faults, runtime, _directory: directory }
    }
}

impl Hooks for FaultHooks {
    fn reached(&self, point: LogPoint) -> io::Result<()> {
        let Some(point) = fault_point(point) else {
            return Ok(());
        };
        let asked = self.faults.reached(point);
        let verdict = match &self.runtime {
            Some(runtime) => Some(runtime.block_on(asked)),
            None => asked.now_or_never(),
        };
        match verdict.unwrap_or(Verdict::Proceed) {
            Verdict::Proceed => Ok(()),
            Verdict::Fail => Err(io::Error::other(format!("injected fault at {point}"))),
        }
    }
}

fn fault_point(point: LogPoint) -> Option<FaultPoint> {
    Some(match point {
        LogPoint::FrameWritten => FaultPoint::LogFrameWritten,
        LogPoint::FrameSynced => FaultPoint::LogFrameSynced,
        LogPoint::SegmentPrepared => FaultPoint::LogSegmentPrepared,
        LogPoint::SegmentRolled => FaultPoint::LogSegmentRolled,
        LogPoint::SegmentReleased => FaultPoint::LogSegmentReleased,
        LogPoint::SegmentRemoved => FaultPoint::LogSegmentRemoved,
        // One that this crate does not know yet.
        _ => return None,
    })
}
