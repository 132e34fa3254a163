//! What a manifest says about a database's sorted files: how much of them it shows, and how many
//! may hold one key.
//!
//! A clone shows only a part of its parent's files, but the engine's own size estimate counts them
//! whole: a child would look as big as its parent and be split for ever. Here a file counts by
//! the blocks that lie in the part that is shown.

use crate::error::{Result, StorageError};
use bytes::{BufMut, Bytes, BytesMut};
use object_store::ObjectStore;
use object_store::path::Path;
use slatedb::manifest::{SsTableHandle, SsTableId, SsTableView};
use slatedb::{SstReader, VersionedManifest};
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use types::KeyRange;

/// Where the engine keeps a database's sorted files, relative to its path.
const COMPACTED: &str = "compacted";

/// One file as far as a database shows it.
#[derive(Clone, Debug)]
pub(crate) struct ShownFile {
    pub(crate) id: SsTableId,
    /// The keys that are shown.
    pub(crate) shown: KeyRange,
    /// Whether keys outside of that are in the file.
    pub(crate) in_part: bool,
    /// The database that the file belongs to: this one, or an ancestor.
    pub(crate) owner: Path,
    view: SsTableView,
}

impl ShownFile {
    /// All files that the manifest of the database at `path` shows.
    pub(crate) fn all(manifest: &VersionedManifest, path: &Path) -> Vec<Self> {
        let owner = |id: &SsTableId| {
            let lender = manifest.external_dbs().iter().find(|lender| lender.sst_ids.contains(id));
            lender.map_or_else(|| path.clone(), |lender| Path::from(lender.path.as_str()))
        };
        let file = |view: &SsTableView| {
            let (shown, in_part) = shown_part(view);
            let id = view.sst.id;
            Self { id, shown, in_part, owner: owner(&id), view: view.clone() }
        };
        manifest.all_sst_views().map(file).collect()
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> Path {
        self.owner.clone().join(COMPACTED).join(format!("{}.sst", self.id.value()))
    }

    /// What the manifest says about it.
    pub(crate) fn handle(&self) -> &SsTableHandle {
        &self.view.sst
    }

    /// About how many bytes are shown. Reads the file's index if it is shown in part.
    pub(crate) async fn bytes(&self, store: &Arc<dyn ObjectStore>) -> Result<u64> {
        if !self.in_part {
            return Ok(self.view.sst.estimate_size());
        }
        let failed =
            || StorageError::engine(format!("reading the index of a file of {}", self.owner));
        let reader = SstReader::new(self.owner.clone(), store.clone(), None, None);
        let file = reader.open_with_handle(self.view.sst.clone()).map_err(failed())?;
        let index = file.index().await.map_err(failed())?;
        let blocks: Vec<(u64, &[u8])> = index.iter().collect();
        Ok(bytes_of_blocks(&blocks, self.view.sst.info.index_offset, &self.shown))
    }
}

/// The bytes of the blocks that hold keys of `shown`, given each block's offset and first key. A
/// block that may reach over an edge counts half.
fn bytes_of_blocks(blocks: &[(u64, &[u8])], end: u64, shown: &KeyRange) -> u64 {
    let mut bytes = 0;
    for (at, (offset, first)) in blocks.iter().enumerate() {
        let next = blocks.get(at + 1);
        let size = next.map_or(end, |next| next.0).saturating_sub(*offset);
        let last = next.map(|next| next.1);
        let begins_inside = shown.contains(first);
        let ends_inside = match (last, &shown.end) {
            (Some(last), _) => shown.contains(last),
            (None, shown_end) => shown_end.is_none(),
        };
        let ends_after_start = last.is_none_or(|last| last > shown.start.as_ref());
        let begins_before_end = shown.end.as_ref().is_none_or(|end| *first < end.as_ref());
        bytes += match (begins_inside, ends_inside) {
            (true, true) => size,
            _ if ends_after_start && begins_before_end => size / 2,
            _ => 0,
        };
    }
    bytes
}

/// How many unsorted files may hold one and the same key, at the worst.
pub(crate) fn l0_depth(manifest: &VersionedManifest) -> usize {
    let shown: Vec<KeyRange> = manifest.l0().iter().map(|view| shown_part(view).0).collect();
    let holding = |key: &Bytes| shown.iter().filter(|range| range.contains(key)).count();
    shown.iter().map(|range| holding(&range.start)).max().unwrap_or(0)
}

/// The keys of a file that are shown, and whether that is a part only.
fn shown_part(view: &SsTableView) -> (KeyRange, bool) {
    let info = &view.sst.info;
    let first = info.first_entry.clone().unwrap_or_default();
    let whole = KeyRange::new(first, info.last_entry.as_ref().map(after));
    let Some(visible) = view.visible_range() else {
        return (whole, false);
    };
    let start = match visible.start_bound() {
        Bound::Included(start) => start.clone(),
        Bound::Excluded(start) => after(start),
        Bound::Unbounded => Bytes::new(),
    };
    let end = match visible.end_bound() {
        Bound::Included(end) => Some(after(end)),
        Bound::Excluded(end) => Some(end.clone()),
        Bound::Unbounded => None,
    };
    let visible = KeyRange::new(start, end);
    let in_part = !visible.covers(&whole);
    (whole.intersection(&visible).unwrap_or(visible), in_part)
}

/// The smallest key above `key`.
fn after(key: &Bytes) -> Bytes {
    let mut next = BytesMut::with_capacity(key.len() + 1);
    next.put_slice(key);
    next.put_u8(0);
    next.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_count_by_the_part_that_is_shown() {
        let blocks: [(u64, &[u8]); 4] = [(0, b"a"), (100, b"f"), (300, b"m"), (600, b"t")];
        let bytes = |start: &'static str, end: Option<&'static str>| {
            bytes_of_blocks(&blocks, 1_000, &KeyRange::new(start, end.map(Bytes::from)))
        };
        assert_eq!(bytes("", None), 1_000);
        assert_eq!(bytes("f", Some("m")), 100, "its last key may be beyond the edge");
        assert_eq!(bytes("f", Some("t")), 200 + 150);
        assert_eq!(bytes("g", Some("h")), 100, "inside one block");
        assert_eq!(bytes("m", None), 700);
        assert_eq!(bytes("", Some("m")), 100 + 100);
        assert_eq!(bytes("z", None), 200);
    }

    #[test]
    fn the_parts_of_a_file_add_up_to_about_the_whole() {
        let keys: Vec<String> = (0..100).map(|n| format!("k{n:02}")).collect();
        let blocks: Vec<(u64, &[u8])> =
            keys.iter().enumerate().map(|(n, key)| (n as u64 * 10, key.as_bytes())).collect();
        let parts = KeyRange::full().cut(&["k20".into(), "k77x".into()]).unwrap();
        let sum: u64 = parts.iter().map(|part| bytes_of_blocks(&blocks, 1_000, part)).sum();
        assert!((990..=1_010).contains(&sum), "{sum}");
    }
}
