//! Workflows whose asker goes away, whose service stops, or whose planner is held up.

use std::sync::Arc;

use manager::{HandAction, PolicyFactory, Step};
use planner::policy::{Predictive, Static};
use serde_json::{Value, json};
use types::Units;

use crate::admin::{Administered, Held, eventually};
use crate::support::TestServer;

/// A service whose reslices can be held up.
async fn holdable(policy: PolicyFactory) -> (Administered, Arc<Held>) {
    let faults = Arc::new(Held::default());
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start_on(directory, Arc::clone(&faults) as _, |_| ()).await;
    let capacity = Units { read: 3000.0, write: 1000.0 };
    (Administered::start_under(server, policy, capacity, |_| ()).await, faults)
}

fn by_hand_only() -> PolicyFactory {
    Arc::new(|| Box::new(Static))
}

/// Divides a partition of a table, by its place.
fn halving(admin: &Administered, table: &str, at: usize, cut: &str) -> HandAction {
    let map = admin.server.storage().table(table).unwrap().partition_map();
    HandAction::Reslice { sources: vec![map.partitions[at].id], boundaries: vec![cut.into()] }
}

async fn begin(admin: &Administered, table: &str, at: usize, cut: &str) -> u64 {
    let action = halving(admin, table, at, cut);
    admin.manager.begin_reslice_by_hand(table, action).await.unwrap().workflow
}

async fn reaches(admin: &Administered, workflow: u64, step: Step) {
    eventually(async || {
        let found = admin.manager.workflow_document(workflow).ok()?;
        (found.step == step).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reslice_goes_on_when_who_asked_for_it_has_gone() {
    let (admin, faults) = holdable(by_hand_only()).await;
    admin.server.table("things", false).await;
    faults.hold();
    let (manager, action) = (admin.manager.clone(), halving(&admin, "things", 0, "80"));
    let asking = tokio::spawn(async move { manager.reslice_by_hand("things", action).await });
    reaches(&admin, 1, Step::Reslicing).await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    // What it holds is not free before it has ended.
    let rival = halving(&admin, "things", 0, "40");
    assert!(admin.manager.begin_reslice_by_hand("things", rival).await.is_err());
    faults.release();
    reaches(&admin, 1, Step::Done).await;
    admin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_what_has_begun_and_for_nothing_else() {
    let (admin, faults) = holdable(by_hand_only()).await;
    admin.server.table("things", false).await;
    let quarters = HandAction::Reslice {
        sources: vec![types::PartitionId(1)],
        boundaries: vec!["40".into(), "80".into()],
    };
    admin.manager.reslice_by_hand("things", quarters).await.unwrap();
    faults.hold();
    let begun = begin(&admin, "things", 0, "20").await;
    reaches(&admin, begun, Step::Reslicing).await;
    let waiting = begin(&admin, "things", 1, "60").await;
    let paused = begin(&admin, "things", 2, "c0").await;
    admin.manager.pause_workflow(paused).unwrap();
    reaches(&admin, paused, Step::Paused).await;
    reaches(&admin, waiting, Step::Waiting).await;

    let manager = admin.manager.clone();
    let stopping = tokio::spawn(async move { manager.stop().await });
    reaches(&admin, waiting, Step::Cancelled).await;
    reaches(&admin, paused, Step::Cancelled).await;
    assert!(!stopping.is_finished(), "one is being carried out");
    faults.release();
    stopping.await.unwrap().unwrap();
    assert_eq!(admin.manager.workflow_document(begun).unwrap().step, Step::Done);
    admin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_planner_begins_nothing_that_it_had_decided_before() {
    let policy: PolicyFactory = Arc::new(|| Box::new(Predictive::default()));
    let (admin, faults) = holdable(policy).await;
    let warm = |write: u64| json!({"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": write});
    let mut things = crate::support::table("things", false);
    things["WarmThroughput"] = warm(4_000);
    admin.server.raw.must("CreateTable", things).await;
    // As many actions as a node has at once stand still ...
    faults.hold();
    let mut held = Vec::new();
    for table in ["left", "right"] {
        admin.server.table(table, false).await;
        held.push(begin(&admin, table, 0, "80").await);
        reaches(&admin, held[held.len() - 1], Step::Reslicing).await;
    }
    // ... so what the planner decides has to wait.
    let update = json!({"TableName": "things", "WarmThroughput": warm(9_500)});
    admin.server.raw.must("UpdateTable", update).await;
    let waits_for = async |what: &str| {
        eventually(async || {
            admin.server.clock.advance_ms(1000);
            let document = admin.document("workflows").await;
            let mut all = document["workflows"].as_array()?.iter();
            let waits = |w: &&Value| w["table"] == "things" && w["waits_for"] == what;
            all.find(waits).map(|_| ())
        })
        .await;
    };
    waits_for("2 actions are under way on this node").await;
    admin.manager.pause(true);
    waits_for("the planner is paused").await;
    faults.release();
    for workflow in held {
        reaches(&admin, workflow, Step::Done).await;
    }
    // What is asked for by hand is carried out all the same.
    admin.server.table("other", false).await;
    let by_hand = begin(&admin, "other", 0, "80").await;
    reaches(&admin, by_hand, Step::Done).await;
    let table = admin.server.storage().table("things").unwrap();
    assert_eq!(table.partition_map().partitions.len(), 4);
    admin.manager.pause(false);
    eventually(async || (table.partition_map().partitions.len() == 10).then_some(())).await;
    admin.stop().await;
}
