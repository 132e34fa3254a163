//! What a request to reslice means for a map, or why it is refused. No effects.

use super::{Reslice, union_of};
use crate::error::{Result, StorageError};
use crate::map::{AXIS_END, PartitionMap};
use std::ops::Range;
use types::KeyRange;

/// A request that fits the map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Which partitions of the map are replaced.
    pub(super) sources: Range<usize>,
    /// What each child owns.
    pub(super) children: Vec<KeyRange>,
}

impl Plan {
    pub(super) fn new(map: &PartitionMap, request: &Reslice) -> Result<Self> {
        let sources = positions(map, request)?;
        let ranges: Vec<&KeyRange> =
            map.partitions[sources.clone()].iter().map(|source| &source.range).collect();
        let whole = union_of(&ranges).ok_or_else(|| refused("name at least one partition"))?;
        if request.boundaries.iter().any(|boundary| **boundary >= AXIS_END[..]) {
            return Err(refused("a boundary lies beyond the key axis"));
        }
        let children = whole.cut(&request.boundaries).ok_or_else(|| {
            refused("the boundaries must rise and lie strictly inside what the partitions own")
        })?;
        if children.iter().eq(ranges) {
            return Err(refused("these are the partitions that there are"));
        }
        Ok(Self { sources, children })
    }
}

fn positions(map: &PartitionMap, request: &Reslice) -> Result<Range<usize>> {
    let Some(first) = request.sources.first() else {
        return Err(refused("name at least one partition"));
    };
    let start = map.partitions.iter().position(|partition| partition.id == *first);
    let start =
        start.ok_or_else(|| refused(&format!("{first} is not a partition of the table")))?;
    for (offset, id) in request.sources.iter().enumerate() {
        if map.partitions.get(start + offset).map(|partition| partition.id) != Some(*id) {
            return Err(refused(&format!("{id} does not follow the partition named before it")));
        }
    }
    Ok(start..start + request.sources.len())
}

fn refused(reason: &str) -> StorageError {
    StorageError::Refused(format!("cannot reslice: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::PartitionInfo;
    use bytes::Bytes;
    use types::{PartitionId, TableId};

    fn bytes(boundaries: &[&'static str]) -> Vec<Bytes> {
        boundaries.iter().map(|boundary| Bytes::from(*boundary)).collect()
    }

    /// 10 to g, 11 to p, 12 to the end.
    fn map() -> PartitionMap {
        let ranges = KeyRange::full().cut(&bytes(&["g", "p"])).unwrap();
        let partitions = ranges
            .into_iter()
            .zip(10..)
            .map(|(range, id)| PartitionInfo { id: PartitionId(id), range, created_ms: 0 })
            .collect();
        PartitionMap { table: TableId(1), epoch: 1, partitions }
    }

    fn plan(sources: &[u64], boundaries: &[&'static str]) -> Result<Plan> {
        let sources = sources.iter().map(|id| PartitionId(*id)).collect();
        Plan::new(&map(), &Reslice { sources, boundaries: bytes(boundaries) })
    }

    #[test]
    fn split_merge_shift_and_isolate_are_one_thing() {
        let split = plan(&[11], &["k"]).unwrap();
        assert_eq!((split.sources, split.children.len()), (1..2, 2));
        let merge = plan(&[10, 11, 12], &[]).unwrap();
        assert_eq!((merge.sources, merge.children), (0..3, vec![KeyRange::full()]));
        let shift = plan(&[11, 12], &["r"]).unwrap();
        assert_eq!(shift.children, KeyRange::new("g", None).cut(&bytes(&["r"])).unwrap());
        assert_eq!(plan(&[12], &["q", "q\0"]).unwrap().children.len(), 3);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (sources, boundaries, reason) in [
            (&[][..], &["k"][..], "at least one"),
            (&[9], &["k"], "p9 is not"),
            (&[10, 12], &[], "p12 does not follow"),
            (&[11, 10], &[], "p10 does not follow"),
            (&[12, 13], &[], "p13 does not follow"),
            (&[11], &["g"], "strictly inside"),
            (&[11], &["p"], "strictly inside"),
            (&[11], &["m", "k"], "must rise"),
            (&[11], &[], "that there are"),
            (&[10, 11], &["g"], "that there are"),
        ] {
            let error = plan(sources, boundaries).unwrap_err().to_string();
            assert!(error.contains(reason), "{sources:?} {boundaries:?}: {error}");
        }
    }
}
