//! Named places where a test can make the log's disk fail or the process die.

use std::fmt;
use std::io;

/// The places, in the order of a commit, a roll, and a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogPoint {
    /// A frame is in the file, but not forced onto the disk.
    FrameWritten,
    /// A frame is on the disk, but nobody has been told.
    FrameSynced,
    /// A new segment is on the disk under its temporary name.
    SegmentPrepared,
    /// A new segment has its name and takes the next frame.
    SegmentRolled,
    /// The marks that say that the oldest segment is not needed are on the disk.
    SegmentReleased,
    /// The oldest segment is removed.
    SegmentRemoved,
}

/// Told of every point, on the log's own thread.
pub trait Hooks: Send + Sync + fmt::Debug {
    /// Called when `point` is reached. It may wait or never return; an error makes the log fail as
    /// if the disk had.
    fn reached(&self, point: LogPoint) -> io::Result<()>;
}

/// The hooks of a normal run: always go on.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHooks;

impl Hooks for NoHooks {
    fn reached(&self, _point: LogPoint) -> io::Result<()> {
        Ok(())
    }
}
