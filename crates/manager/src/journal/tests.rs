//! What the journal keeps, and what it makes of what it finds.

use super::*;
use crate::workflow::Passed;
use planner::plan::{Action, Kind, Trigger};
use std::sync::Arc;
use storage::Storage;
use types::{KeyRange, ManualClock, TableId};

fn entry(id: u64) -> Entry {
    let action = Action {
        kind: Kind::Vertical,
        sources: Vec::new(),
        range: KeyRange::full(),
        boundaries: Vec::new(),
        trigger: Trigger::Manual,
        shares: Vec::new(),
        crossing_ms: None,
        benefit: 0.0,
        cost: 0.0,
        reason: String::new(),
    };
    let decision = Decision {
        id,
        at_ms: 0,
        table: TableId(1),
        table_name: "orders".into(),
        policy: "operator".into(),
        limits: planner::view::Limits::Off,
        action,
        inputs: Vec::new(),
        scores: Vec::new(),
        alternatives: Vec::new(),
    };
    Entry::running(decision, 0)
}

#[test]
fn what_makes_room_in_memory_is_remembered_until_it_is_deleted_from_disk() {
    let mut journal =
        Journal { entries: BTreeMap::new(), entries_max: 2, next_id: 1, gone: BTreeSet::new() };
    for id in 1..=4 {
        journal.insert(entry(id));
        journal.insert(entry(id));
    }
    assert_eq!(journal.entries().map(|e| e.decision.id).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(journal.take_gone(), BTreeSet::from([1, 2]));
    assert_eq!(journal.take_gone(), BTreeSet::new());
}

async fn store(root: &std::path::Path) -> Arc<Storage> {
    let components = storage::Components::new(Arc::new(ManualClock::new(0)), 1);
    Storage::open(storage::StorageSettings::at(root), components).await.unwrap()
}

fn put_value(id: u64) -> serde_json::Value {
    serde_json::to_value(entry(id)).unwrap()
}

async fn restore(content: &serde_json::Value) -> Result<Journal, ManagerError> {
    let root = tempfile::tempdir().unwrap();
    let storage = store(root.path()).await;
    let content = Bytes::from(serde_json::to_vec(content).unwrap());
    storage.blobs().put(&name(5), content).await.unwrap();
    let restored = Journal::restore(storage.blobs(), 10).await;
    storage.close().await.unwrap();
    restored
}

#[tokio::test]
async fn an_entry_is_read_as_it_was_written() {
    let mut written = entry(5);
    written.order = 3;
    written.state = State::Done;
    written.workflow.trail.push(Passed { step: Step::Waiting, at_ms: 7 });
    let journal = restore(&serde_json::to_value(&written).unwrap()).await.unwrap();
    assert_eq!(journal.entries().collect::<Vec<_>>(), [&written]);
    assert_eq!(journal.next_id(), 6);
}

#[tokio::test]
async fn what_a_later_version_has_written_stops_the_start_and_is_named() {
    let mut later = put_value(5);
    later["version"] = (VERSION + 1).into();
    let mut at_a_step = put_value(5);
    at_a_step["workflow"]["step"] = "dreaming".into();
    let mut has_been = put_value(5);
    has_been["workflow"]["trail"][0]["step"] = "dreaming".into();
    for (content, why) in
        [(later, "is of version 4"), (at_a_step, "\"dreaming\""), (has_been, "\"dreaming\"")]
    {
        let refused = restore(&content).await.unwrap_err().to_string();
        let named = refused.contains("decisions/00000000000000000005");
        assert!(named && refused.contains(why), "{refused}");
    }
}

#[tokio::test]
async fn a_damaged_entry_is_left_out() {
    let mut damaged = put_value(5);
    damaged["decision"] = "gone".into();
    assert_eq!(restore(&damaged).await.unwrap().entries().count(), 0);
}

/// As the first version wrote it: without a workflow, an effect, and the order of its keys.
#[tokio::test]
async fn an_entry_of_version_1_is_read() {
    let fixture: serde_json::Value =
        serde_json::from_str(include_str!("decision-v1.json")).unwrap();
    let journal = restore(&fixture).await.unwrap();
    let [entry] = journal.entries().collect::<Vec<_>>()[..] else { panic!("{journal:?}") };
    assert_eq!((entry.version, entry.decision.id, entry.order), (1, 5, 0));
    assert_eq!((entry.state, entry.workflow.step), (State::Done, Step::Done));
    assert_eq!(entry.timing.map(|timing| (timing.total_ms, timing.pause_ms)), Some((120.5, 36.0)));
    assert_eq!(entry.outcome.as_ref().map(|outcome| outcome.judgement), Some(Judgement::InTime));
    assert_eq!(entry.decision.action.boundaries, [Bytes::from_static(&[128])]);
    assert_eq!(entry.effect, Effect::default());

    let mut running = fixture;
    running["state"] = "running".into();
    let journal = restore(&running).await.unwrap();
    assert_eq!(journal.entries().next().map(|entry| entry.state), Some(State::Interrupted));
}
