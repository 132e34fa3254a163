//! What a check says: findings, one line each, and how much was read.

use serde::Serialize;
use std::fmt;

/// What a check of a stopped store found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// In the order in which they were found.
    pub findings: Vec<Finding>,
    /// What was read.
    pub read: CheckCounts,
}

/// Something worth a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether anything is lost or changed.
    pub severity: Severity,
    /// The file or directory, relative to the data directory, and the offset if it is known.
    pub place: String,
    /// What is wrong, or unusual, there.
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The store is not what was written.
    Damaged,
    /// A stop in the middle of something leaves it behind, and the next start clears it away.
    Harmless,
}

/// How much a check has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckCounts {
    /// Tables that are there.
    pub tables: u64,
    /// Partitions that serve.
    pub partitions: u64,
    /// Partitions that were replaced and whose databases are still kept.
    pub retired: u64,
    /// Sorted files.
    pub files: u64,
    /// Rows in them: versions of keys, deletions included.
    pub file_rows: u64,
    /// Segments of the node log.
    pub log_segments: u64,
    /// Groups in them.
    pub log_frames: u64,
    /// Their bytes.
    pub log_bytes: u64,
    /// Rows that are in a log only.
    pub log_rows: u64,
    /// Backups that can be restored.
    pub backups: u64,
    /// Small objects of the crates above.
    pub blobs: u64,
}

impl CheckReport {
    /// Whether the store is what was written.
    pub fn is_whole(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity == Severity::Harmless)
    }

    pub(super) fn damaged(
        &mut self,
        place: impl fmt::Display,
        what: impl fmt::Display,
        advice: &str,
    ) {
        self.add(Severity::Damaged, &place, &what, advice);
    }

    pub(super) fn harmless(
        &mut self,
        place: impl fmt::Display,
        what: impl fmt::Display,
        advice: &str,
    ) {
        self.add(Severity::Harmless, &place, &what, advice);
    }

    fn add(
        &mut self,
        severity: Severity,
        place: &dyn fmt::Display,
        what: &dyn fmt::Display,
        advice: &str,
    ) {
        // Errors of the parts below may have several lines; a finding is one.
        let line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (place, what) = (line(place.to_string()), line(what.to_string()));
        self.findings.push(Finding { severity, place, what, advice: advice.to_owned() });
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, place, what, advice } = self;
        write!(f, "{severity}: {place}: {what}; {advice}")
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => "damaged",
            Self::Harmless => "harmless",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_whatever_the_error_said() {
        let mut report = CheckReport::default();
        report.harmless("log/1", "unfinished", "nothing to do");
        assert!(report.is_whole());
        report.damaged("data/t1/p1", "two\n  lines", "restore a backup");
        assert!(!report.is_whole());
        let lines: Vec<String> = report.findings.iter().map(Finding::to_string).collect();
        assert_eq!(
            lines,
            [
                "harmless: log/1: unfinished; nothing to do",
                "damaged: data/t1/p1: two lines; restore a backup"
            ]
        );
    }
}
