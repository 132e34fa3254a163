//! A change of a table's strategy as it is kept: what was wanted, on what grounds, and what came of it.
//!
//! | name | content |
//! |---|---|
//! | `rekeys/<id>` (20 digits) | one [`RekeyRecord`] as JSON with its `version` |
//!
//! A record is written before anything is done, again at the end, and once more when the load that came
//! afterwards has been counted. A record that says "running" is settled at the next start by what the
//! catalog says. What a later version has written is not read, and the start says so. Numbers are those
//! of decisions: each names one thing.

use crate::error::ManagerError;
use bytes::Bytes;
use dynamodb::ChosenBy;
use planner::strategy::Choice;
use planner::strategy::result::{Counted, saved_units_per_s};
use serde::{Deserialize, Serialize};
use storage::{Blobs, RekeyProgress};
use types::{Strategy, TableId};

const VERSION: u32 = 1;
pub(super) const DIRECTORY: &str = "rekeys";

/// How far a change of strategy has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RekeyState {
    /// Under way.
    Running,
    /// The table has the new strategy.
    Done,
    /// It was undone; the table is as before.
    Failed,
    /// It was undone because somebody asked for that.
    Cancelled,
}

/// A change of strategy, under way or ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RekeyRecord {
    pub(super) version: u32,
    pub(crate) id: u64,
    pub(crate) table: TableId,
    pub(crate) table_name: String,
    pub(crate) from: Strategy,
    pub(crate) to: Strategy,
    pub(crate) by: ChosenBy,
    pub(crate) started_ms: i64,
    pub(crate) ended_ms: Option<i64>,
    pub(crate) state: RekeyState,
    /// What was copied when it was last looked at; nothing if nothing has to be copied.
    pub(crate) progress: Option<RekeyProgress>,
    /// How long the copying took, in real time; of a rekey that went on after a restart, since then.
    pub(crate) total_ms: Option<f64>,
    pub(crate) pause_ms: Option<f64>,
    pub(crate) failure: Option<String>,
    /// Why the service has chosen it; nothing if somebody asked for it.
    pub(crate) grounds: Option<Grounds>,
}

/// Why the service changes a strategy by itself, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grounds {
    /// What requests there were, what each strategy was estimated to cost, and what was proposed.
    pub choice: Choice,
    /// Since when that had been the best.
    pub since_ms: i64,
    /// Why it was the time for it.
    pub placed: String,
    /// What requests took in the day before.
    pub before: Counted,
    /// What they took in the day after, once that is over.
    pub after: Option<Counted>,
    /// What was saved, as counted, in units per second; nothing if it is not known, or cannot be told.
    pub saved_units_per_s: Option<f64>,
}

impl Grounds {
    /// What was estimated to be saved, in units per second.
    pub(crate) fn estimated(&self) -> f64 {
        self.choice.proposal.as_ref().map_or(0.0, |proposal| proposal.saves_units_per_s)
    }

    /// Takes in what came afterwards.
    pub(crate) fn judge(&mut self, after: Counted) {
        self.saved_units_per_s = saved_units_per_s(&self.before, &after);
        self.after = Some(after);
    }
}

/// What is wanted.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) table: TableId,
    pub(super) table_name: String,
    pub(super) from: Strategy,
    pub(super) to: Strategy,
    pub(super) by: ChosenBy,
    pub(super) grounds: Option<Grounds>,
}

impl RekeyRecord {
    pub(super) fn running(id: u64, wanted: Wanted, now_ms: i64) -> Self {
        let Wanted { table, table_name, from, to, by, grounds } = wanted;
        Self {
            version: VERSION,
            id,
            table,
            table_name,
            from,
            to,
            by,
            started_ms: now_ms,
            ended_ms: None,
            state: RekeyState::Running,
            progress: None,
            total_ms: None,
            pause_ms: None,
            failure: None,
            grounds,
        }
    }

    pub(super) fn end(&mut self, state: RekeyState, failure: Option<String>, now_ms: i64) {
        (self.state, self.failure, self.ended_ms) = (state, failure, Some(now_ms));
    }

    /// How often it copied what there was, if it is known.
    pub(super) fn copies(&self) -> Option<f64> {
        let progress = self.progress.as_ref().filter(|_| self.state == RekeyState::Done)?;
        let estimated = progress.bytes_total;
        (estimated > 0).then(|| progress.bytes as f64 / estimated as f64)
    }
}

pub(super) fn name(id: u64) -> String {
    format!("{DIRECTORY}/{id:020}")
}

/// Reads all records back, oldest first. A damaged one is left out, with a warning.
pub(super) async fn restore(blobs: &Blobs) -> Result<Vec<RekeyRecord>, ManagerError> {
    let mut records = Vec::new();
    for name in blobs.list(DIRECTORY).await? {
        let Some(content) = blobs.get(&name).await? else { continue };
        match read(&name, &content)? {
            Some(record) => records.push(record),
            None => tracing::warn!(%name, "a record of a rekey cannot be read"),
        }
    }
    records.sort_by_key(|record| record.id);
    Ok(records)
}

fn read(name: &str, content: &[u8]) -> Result<Option<RekeyRecord>, ManagerError> {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(content) else { return Ok(None) };
    if let Some(version) = json["version"].as_u64().filter(|version| *version > VERSION.into()) {
        let why = format!("it is of version {version}, and {VERSION} is the newest known here");
        return Err(ManagerError::Newer { name: name.to_owned(), why });
    }
    Ok(serde_json::from_value(json).ok())
}

pub(super) async fn write(blobs: &Blobs, record: &RekeyRecord) -> Result<(), ManagerError> {
    let content = Bytes::from(serde_json::to_vec(record)?);
    Ok(blobs.put(&name(record.id), content).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use planner::strategy::{Mix, StrategySettings, choose};
    use proptest::prelude::{Strategy as Draw, *};
    use types::Strategy;

    fn grounds() -> Grounds {
        let mix = Mix {
            load: types::Units { read: 100.0, write: 1.0 },
            range_queries_per_s: 2.0,
            range_query_width: 0.01,
            data_bytes: 1e9,
            partitions: 4,
            capacity: types::Units { read: 3_000.0, write: 1_000.0 },
            ..Mix::default()
        };
        Grounds {
            choice: choose(&mix, Strategy::Hash, &StrategySettings::default()),
            since_ms: 5,
            placed: "it is quiet".into(),
            before: Counted { requests_per_s: 10.0, units_per_s: 500.0, ..Counted::default() },
            after: None,
            saved_units_per_s: None,
        }
    }

    fn records() -> impl Draw<Value = RekeyRecord> {
        let states = prop::sample::select(vec![
            RekeyState::Running,
            RekeyState::Done,
            RekeyState::Failed,
            RekeyState::Cancelled,
        ]);
        let orders =
            prop::sample::select(vec![Strategy::Hash, Strategy::Composite, Strategy::Range]);
        (0..u64::MAX, orders, states, any::<bool>(), ".*", any::<i64>(), any::<bool>()).prop_map(
            |(id, from, state, by_service, text, ms, judged)| {
                let wanted = Wanted {
                    table: TableId(id),
                    table_name: text.clone(),
                    from,
                    to: Strategy::Range,
                    by: if by_service { ChosenBy::Service } else { ChosenBy::Owner },
                    grounds: by_service.then(grounds),
                };
                let mut record = RekeyRecord::running(id, wanted, ms);
                record.end(state, judged.then_some(text), ms);
                if let Some(grounds) = record.grounds.as_mut().filter(|_| judged) {
                    grounds.judge(Counted { requests_per_s: 1.0, ..Counted::default() });
                }
                record
            },
        )
    }

    proptest! {
        #[test]
        fn records_round_trip(record in records()) {
            let content = serde_json::to_vec(&record).unwrap();
            prop_assert_eq!(read("a", &content).unwrap(), Some(record));
        }
    }

    #[test]
    fn a_record_of_version_1_stays_readable() {
        let record = read("a", include_bytes!("rekey-v1.json")).unwrap().unwrap();
        assert_eq!((record.id, record.to, record.state), (7, Strategy::Range, RekeyState::Done));
        assert_eq!(record.copies(), Some(1.5));
        let grounds = record.grounds.unwrap();
        assert_eq!(grounds.saved_units_per_s, Some(400.0));
        assert!(grounds.estimated() > 0.0);
    }

    #[test]
    fn what_a_later_version_has_written_is_refused_and_damage_is_left_out() {
        let later = read("a", br#"{"version": 2}"#).unwrap_err().to_string();
        assert!(later.contains("version 2") && later.starts_with("a cannot be read"), "{later}");
        assert_eq!(read("a", b"{").unwrap(), None);
        assert_eq!(read("a", br#"{"version": 1}"#).unwrap(), None);
    }

    #[test]
    fn what_was_saved_is_worked_out_from_what_came() {
        let mut grounds = grounds();
        grounds.judge(Counted { requests_per_s: 10.0, units_per_s: 100.0, ..Counted::default() });
        assert_eq!(grounds.saved_units_per_s, Some(400.0));
    }

    /// Writes the fixture; run by hand when a version is added, with a new name.
    #[test]
    #[ignore = "writes a file"]
    fn write_fixture() {
        let wanted = Wanted {
            table: TableId(1),
            table_name: "orders".into(),
            from: Strategy::Hash,
            to: Strategy::Range,
            by: ChosenBy::Service,
            grounds: Some(grounds()),
        };
        let mut record = RekeyRecord::running(7, wanted, 1_000);
        record.end(RekeyState::Done, None, 2_000);
        record.progress = Some(RekeyProgress {
            target: serde_json::json!({"from": "hash", "to": "range", "by": "service"}),
            phase: storage::RekeyPhase::CuttingOver,
            started_ms: 1_000,
            items: 10,
            bytes: 1_500,
            bytes_total: 1_000,
            left_s: Some(0.0),
            captured: 0,
            writers_waiting: 0,
            cancelled: false,
        });
        let after = Counted { requests_per_s: 10.0, units_per_s: 100.0, ..Counted::default() };
        record.grounds.as_mut().unwrap().judge(after);
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rekey/rekey-v1.json");
        std::fs::write(file, serde_json::to_vec_pretty(&record).unwrap()).unwrap();
    }
}
