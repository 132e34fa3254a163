//! The audit log: who changed what through the admin API, when, and what came of it.
//!
//! | name | content |
//! |---|---|
//! | `audit/<id>` (20 digits) | one [`AuditEntry`] as JSON with its `version` |
//!
//! An entry is on disk before its change begins, and again with the outcome when it has ended; one
//! without an outcome was interrupted. A change that cannot be written down is not made. Refused
//! attempts are not state changes: they are in the log only. The oldest entries go first.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use storage::{Blobs, StorageError};

const VERSION: u32 = 1;
const DIRECTORY: &str = "audit";
/// Entries that are kept.
const ENTRIES_MAX: usize = 1_000;
/// How much of a request's body is kept.
const BODY_CHARS_MAX: usize = 2_000;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AuditEntry {
    version: u32,
    /// Its number; rising.
    pub id: u64,
    /// When it was asked for, on the service's clock.
    pub at_ms: i64,
    /// Whose token it was; `local` without tokens.
    pub who: String,
    /// Where the request came from.
    pub peer: String,
    /// What was asked for.
    pub path: String,
    /// With what; cut if it is long.
    pub body: String,
    /// The status that was answered; `None` while it goes on, or if the process ended before.
    pub status: Option<u16>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// `GET audit`.
#[derive(Debug, Serialize)]
pub(super) struct AuditDocument {
    /// The newest first.
    audit: Vec<AuditEntry>,
}

/// The entries, in memory and on disk.
#[derive(Debug)]
pub(super) struct AuditLog {
    blobs: Blobs,
    entries: Mutex<Entries>,
}

#[derive(Debug)]
struct Entries {
    kept: VecDeque<AuditEntry>,
    next_id: u64,
}

fn name(id: u64) -> String {
    format!("{DIRECTORY}/{id:020}")
}

impl AuditLog {
    /// Reads back what earlier processes have written. A damaged entry is left out, with a warning.
    pub(super) async fn restore(blobs: Blobs) -> Result<Self, StorageError> {
        let mut kept = VecDeque::new();
        let mut next_id = 1;
        for name in blobs.list(DIRECTORY).await? {
            let number = name.rsplit('/').next().and_then(|id| id.parse::<u64>().ok());
            next_id = next_id.max(number.unwrap_or(0) + 1);
            let Some(content) = blobs.get(&name).await? else { continue };
            match serde_json::from_slice::<AuditEntry>(&content) {
                Ok(entry) => kept.push_back(entry),
                Err(error) => tracing::warn!(%name, %error, "an audit entry cannot be read"),
            }
        }
        Ok(Self { blobs, entries: Mutex::new(Entries { kept, next_id }) })
    }

    /// Writes down that a change was asked for; only then may it be made.
    pub(super) async fn begin(
        &self,
        at_ms: i64,
        who: String,
        peer: SocketAddr,
        path: &str,
        body: &[u8],
    ) -> Result<AuditEntry, StorageError> {
        let text = String::from_utf8_lossy(body);
        let (entry, gone) = {
            let mut entries = self.entries.lock();
            let entry = AuditEntry {
                version: VERSION,
                id: entries.next_id,
                at_ms,
                who,
                peer: peer.ip().to_string(),
                path: path.to_owned(),
                body: text.chars().take(BODY_CHARS_MAX).collect(),
                status: None,
                error: None,
            };
            entries.next_id += 1;
            entries.kept.push_back(entry.clone());
            let full = entries.kept.len() > ENTRIES_MAX;
            (entry, full.then(|| entries.kept.pop_front()).flatten())
        };
        self.write(&entry).await?;
        if let Some(gone) = gone {
            self.blobs.delete(&name(gone.id)).await?;
        }
        tracing::info!(
            id = entry.id,
            who = entry.who,
            peer = entry.peer,
            path,
            "a change was asked for"
        );
        Ok(entry)
    }

    /// Writes down what came of it.
    pub(super) async fn end(&self, entry: AuditEntry, status: u16, error: Option<String>) {
        let entry = AuditEntry { status: Some(status), error, ..entry };
        if let Err(error) = self.write(&entry).await {
            tracing::warn!(id = entry.id, %error, "the audit log misses how a change ended");
        }
        let mut entries = self.entries.lock();
        if let Some(known) = entries.kept.iter_mut().rev().find(|known| known.id == entry.id) {
            *known = entry;
        }
    }

    pub(super) fn document(&self) -> AuditDocument {
        AuditDocument { audit: self.entries.lock().kept.iter().rev().cloned().collect() }
    }

    async fn write(&self, entry: &AuditEntry) -> Result<(), StorageError> {
        // Plain fields always encode; an empty record would be told apart when it is read.
        let content = serde_json::to_vec(entry).unwrap_or_default();
        self.blobs.put(&name(entry.id), Bytes::from(content)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_version_1_still_opens() {
        let fixture = r#"{"version":1,"id":7,"at_ms":1714521600000,"who":"ann","peer":"127.0.0.1",
            "path":"tables/orders/reslice","body":"{\"action\":\"split\",\"partition\":1,\"into\":2}",
            "status":200,"error":null}"#;
        let entry: AuditEntry = serde_json::from_str(fixture).unwrap();
        assert_eq!((entry.id, entry.who.as_str(), entry.status), (7, "ann", Some(200)));
        let again: AuditEntry =
            serde_json::from_slice(&serde_json::to_vec(&entry).unwrap()).unwrap();
        assert_eq!(again, entry);
    }
}
