//! Actions that an operator asks for, through the same journal and the same reslice as the planner's.

use crate::Manager;
use crate::error::ManagerError;
use crate::heatmap::hex;
use crate::journal::Entry;
use crate::tables::{Snapshot, strategy_of};
use crate::workflow::{self, Claim};
use bytes::Bytes;
use planner::decision::Decision;
use planner::plan::{Action, Kind, Plan, Trigger};
use planner::settings::PlannerSettings;
use planner::view::{TableView, is_single_key};
use planner::{adjust, even, layout};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use storage::{PartitionInfo, PartitionMap, Table};
use types::{KeyRange, PartitionId, Strategy, Units};

/// `POST tables/{t}/reslice`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum HandAction {
    /// Split one partition into several of about the same load.
    Split {
        /// Which.
        partition: PartitionId,
        /// How many to make of it.
        into: usize,
    },
    /// Put neighbours together.
    Merge {
        /// Which, in any order.
        partitions: Vec<PartitionId>,
    },
    /// Move the boundary between two neighbours to where it divides their load best.
    Shift {
        /// Which two, in any order.
        partitions: Vec<PartitionId>,
    },
    /// Give an item collection, or one item, a partition of its own.
    Isolate {
        /// Its first key, in hexadecimal.
        start: String,
        /// The first key behind it, in hexadecimal; the end of the axis without it.
        end: Option<String>,
    },
    /// New boundaries for neighbours.
    Reslice {
        /// Which, in any order.
        sources: Vec<PartitionId>,
        /// Keys in hexadecimal, rising.
        boundaries: Vec<String>,
    },
}

/// An action as it would be carried out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HandPreview {
    /// The table's name.
    pub table: String,
    /// `split`, `merge`, `shift`, `isolate` or `reslice`.
    pub action: &'static str,
    /// The mission's word for it.
    pub kind: Kind,
    /// The partitions that would go.
    pub sources: Vec<PartitionId>,
    /// The boundaries of what would replace them, in hexadecimal.
    pub boundaries: Vec<String>,
    /// The load expected of each new partition, in units per second.
    pub shares: Vec<Units>,
    /// Bytes that would have to be written anew in time.
    pub moved_bytes: u64,
    /// Why.
    pub reason: String,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HandResult {
    /// Its entry in the journal.
    pub decision: u64,
    /// The partitions it made.
    pub children: Vec<PartitionId>,
    /// The partition map's epoch from now on.
    pub epoch: u64,
    /// How long it took.
    pub total_ms: f64,
    /// How long writes waited.
    pub pause_ms: f64,
}

/// A workflow that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HandBegun {
    /// Its number, and that of its decision.
    pub workflow: u64,
}

/// How long an action waits until the table has been looked at.
const LOOKED_AT_WITHIN: Duration = Duration::from_secs(5);

impl Manager {
    /// Carries out an action by hand and waits for its end.
    ///
    /// # Errors
    /// If the table is unknown, somebody else works on these keys, the action makes no sense, or the
    /// reslice failed (and was undone).
    pub async fn reslice_by_hand(
        &self,
        table: &str,
        action: HandAction,
    ) -> Result<HandResult, ManagerError> {
        let (table, claim, entry) = self.begin_by_hand(table, &action).await?;
        let id = entry.decision.id;
        let shared = self.shared.clone();
        // A task of its own: whoever asked may go away before it has ended.
        let run = tokio::spawn(async move {
            let result = workflow::run(&shared, &table, claim, entry).await;
            shared.follow_catalog().await;
            result
        });
        let report = run.await??;
        Ok(HandResult {
            decision: id,
            children: report.children.iter().map(|child| child.id).collect(),
            epoch: report.epoch,
            total_ms: report.total_ms,
            pause_ms: report.pause_ms,
        })
    }

    /// Begins an action by hand and does not wait; answers with the number of its workflow.
    ///
    /// # Errors
    /// As [`reslice_by_hand`](Self::reslice_by_hand), as far as that is known at once.
    pub async fn begin_reslice_by_hand(
        &self,
        table: &str,
        action: HandAction,
    ) -> Result<HandBegun, ManagerError> {
        let (table, claim, entry) = self.begin_by_hand(table, &action).await?;
        let workflow = entry.decision.id;
        let shared = self.shared.clone();
        tokio::spawn(async move {
            if let Err(error) = workflow::run(&shared, &table, claim, entry).await {
                tracing::warn!(table = table.name(), %error, "an action by hand failed");
            }
        });
        Ok(HandBegun { workflow })
    }

    /// What an action by hand would do. Changes nothing.
    ///
    /// # Errors
    /// If it would be refused.
    pub async fn preview_by_hand(
        &self,
        table: &str,
        action: HandAction,
    ) -> Result<HandPreview, ManagerError> {
        let table = self.shared.table(table)?;
        let snapshot = self.fresh(&table, &action).await;
        let planned = plan(&table, snapshot.as_deref(), &action)?;
        let tables = self.shared.tables.lock();
        let sizes = tables.get(&table.id()).map(|state| &state.sizes);
        let bytes = |id| sizes.and_then(|sizes| sizes.get(id)).copied().unwrap_or(0);
        Ok(HandPreview {
            table: table.name().to_owned(),
            action: name(&planned),
            kind: planned.kind,
            moved_bytes: planned.sources.iter().map(bytes).sum(),
            boundaries: planned.boundaries.iter().map(|key| hex(key)).collect(),
            sources: planned.sources,
            shares: planned.shares,
            reason: planned.reason,
        })
    }

    /// Plans the action, claims its keys, and makes its decision.
    async fn begin_by_hand(
        &self,
        table: &str,
        action: &HandAction,
    ) -> Result<(Arc<Table>, Claim, Entry), ManagerError> {
        let shared = &self.shared;
        let table = shared.table(table)?;
        shared.follow_catalog().await;
        let snapshot = self.fresh(&table, action).await;
        let planned = plan(&table, snapshot.as_deref(), action)?;
        let mut journal = shared.journal.lock();
        let id = journal.next_id();
        let claim = shared.claims.take(id, table.id(), &planned.range);
        let claim = claim.map_err(|_| ManagerError::Busy(table.name().to_owned()))?;
        // Before the keys were claimed somebody else may have changed them.
        sources(&table.partition_map(), &planned.sources)?;
        let decision = self.decision(id, &table, snapshot.as_deref(), planned);
        let entry = Entry::running(decision, table.order());
        journal.insert(entry.clone());
        Ok((table, claim, entry))
    }

    /// The table as it was last looked at; for what needs to know where load is, not before it was
    /// looked at with the partitions that it has now.
    async fn fresh(&self, table: &Table, action: &HandAction) -> Option<Arc<Snapshot>> {
        let snapshot = || self.shared.snapshots.load().get(&table.id()).cloned();
        if !matches!(action, HandAction::Shift { .. } | HandAction::Isolate { .. }) {
            return snapshot();
        }
        let wait = async {
            loop {
                let looked = self.shared.looked.notified();
                let map = table.partition_map();
                let ids = || map.partitions.iter().map(|partition| partition.id);
                let seen = snapshot().filter(|s| s.view.partitions.iter().map(|p| p.id).eq(ids()));
                if seen.is_some() {
                    return seen;
                }
                looked.await;
            }
        };
        tokio::time::timeout(LOOKED_AT_WITHIN, wait).await.unwrap_or_else(|_| snapshot())
    }

    fn decision(
        &self,
        id: u64,
        table: &Table,
        snapshot: Option<&Snapshot>,
        action: Action,
    ) -> Decision {
        let plan = Plan { actions: vec![action.clone()], ..Plan::default() };
        let seen = snapshot
            .and_then(|s| Decision::of_plan(id, "operator", &s.view, &s.scores, &plan).pop());
        let at_ms = self.shared.components.clock.now_ms();
        match seen {
            Some(decision) => Decision { at_ms, ..decision },
            None => Decision {
                id,
                at_ms,
                table: table.id(),
                table_name: table.name().to_owned(),
                policy: "operator".to_owned(),
                limits: self.shared.components.limits,
                action,
                inputs: Vec::new(),
                scores: Vec::new(),
                alternatives: Vec::new(),
            },
        }
    }
}

/// The verb for an action.
pub(crate) fn name(action: &Action) -> &'static str {
    match (action.sources.len(), action.children()) {
        (1, 2 | 3) if is_isolation(action) => "isolate",
        (1, _) => "split",
        (_, 1) => "merge",
        (a, b) if a == b => "shift",
        _ => "reslice",
    }
}

/// Whether one of the new partitions is one item collection or one key: no split for load makes that.
fn is_isolation(action: &Action) -> bool {
    // In the order of keys a collection is everything that begins alike.
    let alike = |range: &KeyRange| {
        let ends =
            range.start.split_last().zip(range.end.as_ref().and_then(|end| end.split_last()));
        ends.is_some_and(|((a, start), (b, end))| start == end && *b == a.wrapping_add(1))
    };
    let mut ranges = action.ranges().unwrap_or_default().into_iter();
    ranges.any(|range| is_single_key(&range) || (range.start.len() > 8 && alike(&range)))
}

/// Turns a wish into an action on today's partition map, or says what is wrong with it.
fn plan(
    table: &Table,
    snapshot: Option<&Snapshot>,
    wish: &HandAction,
) -> Result<Action, ManagerError> {
    let map = table.partition_map();
    let strategy = strategy_of(table);
    let (sources, boundaries) = match wish {
        HandAction::Split { partition, into } => {
            let source = sources(&map, &[*partition])?;
            let cuts = even_cuts(strategy, snapshot, &source[0], *into)?;
            (source, cuts)
        }
        HandAction::Merge { partitions } if partitions.len() < 2 => {
            return Err(ManagerError::Refused("a merge takes at least two partitions".into()));
        }
        HandAction::Merge { partitions } => (sources(&map, partitions)?, Vec::new()),
        HandAction::Shift { partitions } => {
            let [left, right] = partitions[..] else {
                return Err(ManagerError::Refused("a shift takes two neighbours".into()));
            };
            sources(&map, partitions)?;
            let settings = PlannerSettings::default();
            return adjust::shift(&known(snapshot)?.view, left, right, &settings)
                .map_err(ManagerError::Refused);
        }
        HandAction::Isolate { start, end } => {
            let end = end.as_ref().map(|end| unhex(end)).transpose()?;
            let part = KeyRange { start: unhex(start)?, end };
            let view = TableView { strategy, ..known(snapshot)?.view.clone() };
            return adjust::isolate(&view, &part).map_err(ManagerError::Refused);
        }
        HandAction::Reslice { sources: ids, boundaries } => {
            let cuts = boundaries.iter().map(|key| unhex(key)).collect::<Result<_, _>>()?;
            (sources(&map, ids)?, cuts)
        }
    };
    if let Some(inside) = boundaries.iter().find(|cut| !layout::allows(strategy, cut)) {
        let cut = hex(inside);
        let why =
            format!("boundary {cut} lies inside an item collection, which {strategy} keeps whole");
        return Err(ManagerError::Refused(why));
    }
    let range = KeyRange {
        start: sources[0].range.start.clone(),
        end: sources[sources.len() - 1].range.end.clone(),
    };
    let Some(ranges) = range.cut(&boundaries) else {
        let why = "boundaries must rise and lie strictly inside the partitions they divide";
        return Err(ManagerError::Refused(why.into()));
    };
    let load = |range| snapshot.and_then(|s| s.view.expected_load(range)).unwrap_or(Units::ZERO);
    Ok(Action {
        kind: Kind::of(sources.len(), ranges.len()),
        sources: sources.iter().map(|source| source.id).collect(),
        shares: ranges.iter().map(load).collect(),
        range,
        boundaries,
        trigger: Trigger::Manual,
        crossing_ms: None,
        benefit: 0.0,
        cost: 0.0,
        reason: "asked for by an operator".into(),
    })
}

/// The table as it was looked at.
fn known(snapshot: Option<&Snapshot>) -> Result<&Snapshot, ManagerError> {
    let why = "the table has not been looked at yet; try again in a moment";
    snapshot.ok_or_else(|| ManagerError::Refused(why.into()))
}

/// The named partitions in key order; they must be neighbours.
fn sources(map: &PartitionMap, ids: &[PartitionId]) -> Result<Vec<PartitionInfo>, ManagerError> {
    if let Some((_, twice)) = ids.iter().enumerate().find(|(at, id)| ids[..*at].contains(id)) {
        let why = format!("{twice} is named twice: a partition cannot be merged with itself");
        return Err(ManagerError::Refused(why));
    }
    let found: Vec<PartitionInfo> =
        map.partitions.iter().filter(|p| ids.contains(&p.id)).cloned().collect();
    if let Some(missing) = ids.iter().find(|id| !found.iter().any(|p| p.id == **id)) {
        return Err(ManagerError::Refused(format!("the table has no partition {missing} now")));
    }
    if found.is_empty() {
        return Err(ManagerError::Refused("no partition is named".into()));
    }
    if found.windows(2).any(|pair| pair[0].range.end.as_ref() != Some(&pair[1].range.start)) {
        return Err(ManagerError::Refused("the partitions are not neighbours".into()));
    }
    Ok(found)
}

/// Boundaries that divide a partition's recent load evenly.
fn even_cuts(
    strategy: Strategy,
    snapshot: Option<&Snapshot>,
    source: &PartitionInfo,
    into: usize,
) -> Result<Vec<Bytes>, ManagerError> {
    let view = snapshot.and_then(|s| s.view.partitions.iter().find(|p| p.id == source.id));
    even::cuts(strategy, &source.range, view, into)
        .ok_or_else(|| ManagerError::Refused(even::refusal(strategy, source.id, into)))
}

fn unhex(text: &str) -> Result<Bytes, ManagerError> {
    let refuse = || ManagerError::Refused(format!("{text:?} is not a key in hexadecimal digits"));
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return Err(refuse());
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| refuse()))
        .collect::<Result<Vec<u8>, _>>()
        .map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_hexadecimal() {
        assert_eq!(unhex("00ff7a").unwrap(), Bytes::from_static(&[0, 255, 122]));
        for bad in ["0", "0g", "é0"] {
            assert!(unhex(bad).unwrap_err().to_string().contains("hexadecimal"), "{bad}");
        }
    }

    #[test]
    fn only_neighbours_go_together() {
        let info = |id, start: &'static str, end: Option<&'static str>| PartitionInfo {
            id: PartitionId(id),
            range: KeyRange::new(start, end.map(Bytes::from)),
            created_ms: 0,
        };
        let map = PartitionMap {
            table: types::TableId(1),
            epoch: 1,
            partitions: vec![info(1, "", Some("f")), info(2, "f", Some("m")), info(3, "m", None)],
        };
        let ids = |ids: &[u64]| ids.iter().copied().map(PartitionId).collect::<Vec<_>>();
        let found = sources(&map, &ids(&[3, 2])).unwrap();
        assert_eq!(found.iter().map(|p| p.id.0).collect::<Vec<_>>(), [2, 3]);
        assert!(sources(&map, &ids(&[1, 3])).unwrap_err().to_string().contains("neighbours"));
        assert!(sources(&map, &ids(&[4])).unwrap_err().to_string().contains("no partition p4"));
        for twice in [&[3, 3][..], &[2, 3, 2]] {
            let why = sources(&map, &ids(twice)).unwrap_err().to_string();
            assert!(why.contains("merged with itself"), "{why}");
        }
    }
}
