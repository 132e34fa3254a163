//! Where the partitions of a new key order begin.
//!
//! As many partitions as before. In hash order they divide the hash space evenly. In range order the
//! boundaries come from a sample: the first items of every partition of the old order. That order is
//! by hash, so those are as good as drawn at random; each stands for its part of its partition's size.

use super::order::Reordered;
use crate::error::ManagerError;
use bytes::Bytes;
use dynamodb::ChosenBy;
use std::sync::Arc;
use storage::{Direction, NewOrder, StorageError, Table};
use types::{Strategy, storage_key};

/// How many items of each partition are looked at.
const SAMPLE_ITEMS: usize = 500;

/// The boundaries between the partitions of the new order.
pub(super) async fn boundaries(
    table: &Arc<Table>,
    from: Strategy,
    to: Strategy,
) -> Result<Vec<Bytes>, ManagerError> {
    let map = table.partition_map();
    let parts = map.partitions.len();
    if to.is_hash_order() {
        return Ok(storage_key::even_boundaries(u32::try_from(parts).unwrap_or(1)));
    }
    let order = Reordered { from, to, by: ChosenBy::default() };
    let sizes = table.partition_sizes().await?;
    let mut sample = Vec::new();
    for partition in &map.partitions {
        let mut rows = table.scan(partition.range.clone(), Direction::Forward);
        let mut keys = Vec::new();
        while keys.len() < SAMPLE_ITEMS {
            let Some((key, _)) = rows.next().await? else { break };
            let key = order.key(&key).map_err(|reason| StorageError::Corrupt {
                path: format!("a key of {}", partition.id),
                reason,
            })?;
            keys.push(key);
        }
        let bytes = sizes.iter().find(|size| size.id == partition.id).map(|size| size.live_bytes);
        let weight = bytes.unwrap_or(0).max(1) as f64 / keys.len().max(1) as f64;
        sample.extend(keys.into_iter().map(|key| (key, weight)));
    }
    Ok(even_cuts(sample, parts))
}

/// Keys that divide the sample into parts of about the same weight: fewer, if it has not enough keys.
fn even_cuts(mut sample: Vec<(Bytes, f64)>, parts: usize) -> Vec<Bytes> {
    sample.sort_by(|(a, _), (b, _)| a.cmp(b));
    let total: f64 = sample.iter().map(|(_, weight)| weight).sum();
    let mut cuts: Vec<Bytes> = Vec::with_capacity(parts.saturating_sub(1));
    let mut passed = 0.0;
    for (key, weight) in sample {
        let wanted = total * (cuts.len() + 1) as f64 / parts as f64;
        if cuts.len() + 1 < parts && passed >= wanted && cuts.last() != Some(&key) {
            cuts.push(key);
        }
        passed += weight;
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(letters: &str) -> Vec<Bytes> {
        letters.bytes().map(|letter| Bytes::from(vec![letter])).collect()
    }

    #[test]
    fn a_sample_is_cut_into_parts_of_the_same_weight() {
        let sample = |letters: &str| keys(letters).into_iter().map(|key| (key, 1.0)).collect();
        assert_eq!(even_cuts(sample("hgfedcba"), 4), keys("ceg"));
        assert_eq!(even_cuts(sample("abcdefgh"), 1), keys(""));
        let mut heavy: Vec<(Bytes, f64)> = sample("abcdefgh");
        heavy[0].1 = 7.0;
        assert_eq!(even_cuts(heavy, 2), keys("b"));
    }

    #[test]
    fn too_few_keys_make_fewer_parts() {
        assert_eq!(even_cuts(Vec::new(), 4), keys(""));
        let twice = keys("aab").into_iter().map(|key| (key, 1.0)).collect();
        assert_eq!(even_cuts(twice, 4), keys("ab"));
    }
}
