//! What the services have acknowledged, and whether they still have it.
//!
//! One entry per key: the sequence number of the last acknowledged write, or its deletion. A write
//! whose answer never came may or may not have happened; such a key is left out of the check and
//! counted.

use super::traffic::{Op, Request};
use crate::client::{ClientError, DynamoClient};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Written(u64),
    Deleted,
    Unknown,
}

/// The last acknowledged state of each key.
#[derive(Debug, Default)]
pub(crate) struct Ledger(HashMap<Arc<str>, Entry>);

/// The result of comparing a ledger with a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Audit {
    /// Keys compared.
    pub(crate) checked: u64,
    /// Acknowledged writes that the table does not show.
    pub(crate) lost: u64,
    /// Items that nobody acknowledged, or that were acknowledged as deleted.
    pub(crate) unexpected: u64,
    /// Keys that a scan returned more than once.
    pub(crate) doubled: u64,
    /// Keys whose last write had no answer.
    pub(crate) unknown: u64,
}

impl Ledger {
    /// Notes that `request` was acknowledged.
    pub(crate) fn acknowledge(&mut self, request: &Request) {
        let entry = match request.op {
            Op::Put => Entry::Written(request.sequence),
            Op::Delete => Entry::Deleted,
            Op::Get => return,
        };
        self.0.insert(request.key.clone(), entry);
    }

    /// Notes that `request` may or may not have happened.
    pub(crate) fn doubt(&mut self, request: &Request) {
        if request.op != Op::Get {
            self.0.insert(request.key.clone(), Entry::Unknown);
        }
    }

    /// Adds the entries of other keys.
    pub(crate) fn extend(&mut self, other: Ledger) {
        self.0.extend(other.0);
    }

    /// Scans the whole table and compares.
    pub(crate) async fn audit(
        &self,
        client: &DynamoClient,
        table: &str,
    ) -> Result<Audit, ClientError> {
        let mut found: HashMap<String, u64> = HashMap::new();
        let mut audit = Audit::default();
        let mut request = json!({ "TableName": table, "ConsistentRead": true });
        loop {
            let mut page = throttle_tolerant_scan(client, &request).await?;
            for item in page["Items"].as_array().map(Vec::as_slice).unwrap_or_default() {
                let (Some(key), Some(sequence)) = (
                    item["product"]["S"].as_str(),
                    item["sequence"]["N"].as_str().and_then(|n| n.parse().ok()),
                ) else {
                    return Err(ClientError::Build(format!("an item nobody wrote: {item}")));
                };
                audit.doubled += u64::from(found.insert(key.to_owned(), sequence).is_some());
            }
            match page["LastEvaluatedKey"].take() {
                Value::Null => break,
                key => request["ExclusiveStartKey"] = key,
            }
        }
        self.compare(&found, &mut audit);
        Ok(audit)
    }

    fn compare(&self, found: &HashMap<String, u64>, audit: &mut Audit) {
        for (key, entry) in &self.0 {
            let stored = found.get(&**key);
            audit.checked += 1;
            match (entry, stored) {
                (Entry::Unknown, _) => audit.unknown += 1,
                (Entry::Written(sequence), Some(stored)) if stored == sequence => {}
                (Entry::Written(_), _) => audit.lost += 1,
                (Entry::Deleted, None) => {}
                (Entry::Deleted, Some(_)) => audit.unexpected += 1,
            }
        }
        audit.unexpected +=
            found.keys().filter(|key| !self.0.contains_key(key.as_str())).count() as u64;
    }
}

/// The check comes after the load and may be throttled like any other reader.
async fn throttle_tolerant_scan(
    client: &DynamoClient,
    request: &Value,
) -> Result<Value, ClientError> {
    const ATTEMPTS_MAX: u32 = 200;
    for _ in 1..ATTEMPTS_MAX {
        let reply = client.call("Scan", bytes::Bytes::from(request.to_string()), None).await?;
        if reply.is_ok() {
            return reply.json();
        }
        if !reply.is_throttled() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    client.expect("Scan", request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(op: Op, key: &str, sequence: u64) -> Request {
        Request { due_ms: 0, op, key: key.into(), client: "c".into(), quantity: 1, sequence }
    }

    #[test]
    fn what_is_missing_stale_or_back_again_is_found() {
        let mut ledger = Ledger::default();
        for (op, key, sequence) in [
            (Op::Put, "kept", 1),
            (Op::Put, "lost", 2),
            (Op::Put, "stale", 3),
            (Op::Put, "stale", 4),
            (Op::Put, "gone", 5),
            (Op::Delete, "gone", 6),
            (Op::Put, "back", 7),
            (Op::Delete, "back", 8),
            (Op::Get, "read only", 9),
        ] {
            ledger.acknowledge(&request(op, key, sequence));
        }
        ledger.doubt(&request(Op::Put, "asked", 10));
        let found = [("kept", 1), ("stale", 3), ("back", 7), ("stranger", 11)]
            .into_iter()
            .map(|(key, sequence)| (key.to_owned(), sequence))
            .collect();
        let mut audit = Audit::default();
        ledger.compare(&found, &mut audit);
        assert_eq!(audit, Audit { checked: 6, lost: 2, unexpected: 2, doubled: 0, unknown: 1 });
    }
}
