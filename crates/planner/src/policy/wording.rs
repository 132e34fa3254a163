//! What an action is, in words: the beginning of its reason, and of what is rejected.

use crate::view::PartitionView;
use bytes::Bytes;
use types::KeyRange;

/// What becomes of adjacent partitions that are cut at `boundaries`.
pub(crate) fn what(sources: &[PartitionView], boundaries: &[Bytes]) -> String {
    let (Some(first), Some(last)) = (sources.first(), sources.last()) else {
        return String::new();
    };
    if let Some(key) = isolated(sources, boundaries) {
        return format!("set {key} of {} apart", first.id);
    }
    match (sources.len(), boundaries.len() + 1) {
        (1, children) => format!("split {} into {children}", first.id),
        (2, 2) => format!("shift the boundary between {} and {}", first.id, last.id),
        (sources, children) => {
            format!("reslice {sources} partitions, {} to {}, into {children}", first.id, last.id)
        }
    }
}

/// The hot key that gets a partition of its own, in words, if one does.
fn isolated(sources: &[PartitionView], boundaries: &[Bytes]) -> Option<String> {
    let whole = KeyRange {
        start: sources.first()?.range.start.clone(),
        end: sources.last()?.range.end.clone(),
    };
    let children = whole.cut(boundaries)?;
    let keys = sources.iter().flat_map(|source| &source.hot_keys);
    keys.filter(|key| children.contains(&key.range)).map(|key| named(key.key_hash)).next()
}

/// A hot key as admission and the admin API name it.
pub(crate) fn named(key_hash: u64) -> String {
    format!("key {key_hash:016x}")
}

/// What is to be said of partitions whose load no boundary divides.
pub(crate) fn hopeless(sources: &[PartitionView]) -> String {
    let hottest = sources
        .iter()
        .flat_map(|source| &source.hot_keys)
        .max_by(|a, b| a.load.total().total_cmp(&b.load.total()));
    let whose = hottest.map_or(String::new(), |key| {
        format!(
            " ({} with {:.0} read and {:.0} write units/s)",
            named(key.key_hash),
            key.load.read,
            key.load.write
        )
    });
    format!(
        "a single key carries the load{whose}: no boundary divides it; it alone is throttled, and its \
         reads come from the row cache"
    )
}
