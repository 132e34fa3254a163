//! Actions that an operator asks for, through the same journal and the same reslice as the planner's.

use crate::Manager;
use crate::act::{self, Busy};
use crate::error::ManagerError;
use crate::journal::Entry;
use crate::tables::{Snapshot, strategy_of};
use bytes::Bytes;
use planner::decision::Decision;
use planner::plan::{Action, Kind, Plan, Trigger};
use serde::{Deserialize, Serialize};
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
    /// New boundaries for neighbours.
    Reslice {
        /// Which, in any order.
        sources: Vec<PartitionId>,
        /// Keys in hexadecimal, rising.
        boundaries: Vec<String>,
    },
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

impl Manager {
    /// Carries out an action by hand and waits for its end.
    ///
    /// # Errors
    /// If the table is unknown or busy, the action makes no sense, or the reslice failed (and was
    /// undone).
    pub async fn reslice_by_hand(
        &self,
        table: &str,
        action: HandAction,
    ) -> Result<HandResult, ManagerError> {
        let shared = &self.shared;
        let table = shared.table(table)?;
        shared.follow_catalog().await;
        let _busy = Busy::take(shared, table.id())
            .ok_or_else(|| ManagerError::Busy(table.name().to_owned()))?;
        let snapshot = shared.snapshots.load().get(&table.id()).cloned();
        let action = plan(&table, snapshot.as_deref(), &action)?;
        let decision = self.decision(&table, snapshot.as_deref(), action);
        let id = decision.id;
        let report = act::carry_out(shared, &table, Entry::running(decision)).await?;
        shared.follow_catalog().await;
        Ok(HandResult {
            decision: id,
            children: report.children.iter().map(|child| child.id).collect(),
            epoch: report.epoch,
            total_ms: report.total_ms,
            pause_ms: report.pause_ms,
        })
    }

    fn decision(&self, table: &Table, snapshot: Option<&Snapshot>, action: Action) -> Decision {
        let mut journal = self.shared.journal.lock();
        let id = journal.next_id();
        let plan = Plan { actions: vec![action.clone()], ..Plan::default() };
        let seen = snapshot
            .and_then(|s| Decision::of_plan(id, "operator", &s.view, &s.scores, &plan).pop());
        let at_ms = self.shared.components.clock.now_ms();
        let decision = match seen {
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
        };
        journal.insert(Entry::running(decision.clone()));
        decision
    }
}

/// Turns a wish into an action on today's partition map, or says what is wrong with it.
fn plan(
    table: &Table,
    snapshot: Option<&Snapshot>,
    wish: &HandAction,
) -> Result<Action, ManagerError> {
    let map = table.partition_map();
    let (sources, boundaries) = match wish {
        HandAction::Split { partition, into } => {
            let source = sources(&map, &[*partition])?;
            let cuts = even_cuts(strategy_of(table), snapshot, &source[0], *into)?;
            (source, cuts)
        }
        HandAction::Merge { partitions } if partitions.len() < 2 => {
            return Err(ManagerError::Refused("a merge takes at least two partitions".into()));
        }
        HandAction::Merge { partitions } => (sources(&map, partitions)?, Vec::new()),
        HandAction::Reslice { sources: ids, boundaries } => {
            let cuts = boundaries.iter().map(|key| unhex(key)).collect::<Result<_, _>>()?;
            (sources(&map, ids)?, cuts)
        }
    };
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

/// The named partitions in key order; they must be neighbours.
fn sources(map: &PartitionMap, ids: &[PartitionId]) -> Result<Vec<PartitionInfo>, ManagerError> {
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

/// Boundaries between cells that divide a partition's recent load evenly, or its cells where there
/// is no load. A partition with too few cells is cut evenly by hash, if it is in hash order.
fn even_cuts(
    strategy: Strategy,
    snapshot: Option<&Snapshot>,
    source: &PartitionInfo,
    into: usize,
) -> Result<Vec<Bytes>, ManagerError> {
    let view = snapshot.and_then(|s| s.view.partitions.iter().find(|p| p.id == source.id));
    let cells = view.map(|view| view.cells.as_slice()).unwrap_or_default();
    if into >= 2
        && cells.len() < into
        && strategy.is_hash_order()
        && let Some(cuts) = even_hashes(&source.range, into)
    {
        return Ok(cuts);
    }
    if into < 2 || cells.len() < into {
        return Err(ManagerError::Refused(format!(
            "{} can be split into 2 to {} parts for now (the number of its cells), not {into}",
            source.id,
            cells.len()
        )));
    }
    let loads: Vec<f64> = cells.iter().map(|cell| cell.recent.total()).collect();
    let total: f64 = loads.iter().sum();
    let weight = |load: f64| if total > 0.0 { load / total } else { 1.0 / cells.len() as f64 };
    let mut cuts = Vec::with_capacity(into - 1);
    let mut passed = 0.0;
    for (i, cell) in cells.iter().enumerate().skip(1) {
        passed += weight(loads[i - 1]);
        let wanted = (cuts.len() + 1) as f64 / into as f64;
        // The last cells are kept for the cuts that are still missing.
        let left = cells.len() - i;
        let missing = into - 1 - cuts.len();
        if missing > 0 && (passed + 1e-9 >= wanted || left == missing) {
            cuts.push(cell.range.start.clone());
        }
    }
    Ok(cuts)
}

/// Hashes that divide a range of hash order evenly; `None` if it is too narrow for that.
fn even_hashes(range: &KeyRange, into: usize) -> Option<Vec<Bytes>> {
    let hash = |key: &Bytes| {
        let mut first = [0; 8];
        let length = key.len().min(8);
        first[..length].copy_from_slice(&key[..length]);
        u128::from(u64::from_be_bytes(first))
    };
    let start = hash(&range.start);
    let width = range.end.as_ref().map_or(1 << 64, hash) - start;
    let cut = |part: usize| start + width * part as u128 / into as u128;
    let cuts: Vec<Bytes> =
        (1..into).map(|part| Bytes::from((cut(part) as u64).to_be_bytes().to_vec())).collect();
    range.cut(&cuts).map(|_| cuts)
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
    fn a_range_of_hashes_is_cut_evenly_or_not_at_all() {
        let cuts = even_hashes(&KeyRange::full(), 4).unwrap();
        assert_eq!(cuts[0].as_ref(), 0x4000_0000_0000_0000_u64.to_be_bytes());
        assert_eq!(cuts[2].as_ref(), 0xc000_0000_0000_0000_u64.to_be_bytes());
        let narrow = KeyRange::new(vec![0; 8], Some(vec![0, 0, 0, 0, 0, 0, 0, 1].into()));
        assert_eq!(even_hashes(&narrow, 2), None);
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
    }
}
