//! The bounds of the log, each with its name.

use crate::error::{LogError, Result};

/// How large things may get. The defaults were measured on two cores and a local disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// A segment that is larger is followed by a new one. A group is never split, so a segment
    /// may exceed this by one group.
    pub segment_bytes: u64,
    /// When all segments together are larger, the databases that hold the oldest ones are asked
    /// to move their rows elsewhere ([`LogStatus::holders`](crate::LogStatus)).
    pub release_bytes: u64,
    /// When all segments together are larger, the log says that it is
    /// [full](crate::NodeLog::is_full), and writers should wait.
    pub log_bytes_max: u64,
    /// A group is closed when it is larger. One append is never split.
    pub group_bytes_max: usize,
    /// Appends wait while this much waits for the disk already.
    pub queue_bytes_max: usize,
    /// So many zeros are written ahead of the log's end, so that most forced writes need not record
    /// a new file length, too. 0: none.
    pub zero_ahead_bytes: u64,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            segment_bytes: 32 << 20,
            release_bytes: 256 << 20,
            log_bytes_max: 512 << 20,
            group_bytes_max: 4 << 20,
            queue_bytes_max: 32 << 20,
            zero_ahead_bytes: 256 << 10,
        }
    }
}

impl LogSettings {
    /// Refuses what could not work.
    pub fn check(&self) -> Result<()> {
        let refuse = |reason: &str| Err(LogError::Refused(format!("log settings: {reason}")));
        if self.segment_bytes == 0 || self.group_bytes_max == 0 || self.queue_bytes_max == 0 {
            return refuse("segment, group and queue must have room for something");
        }
        if self.release_bytes < self.segment_bytes {
            return refuse("release_bytes must be at least one segment");
        }
        if self.log_bytes_max <= self.release_bytes {
            return refuse("log_bytes_max must be greater than release_bytes");
        }
        Ok(())
    }
}
