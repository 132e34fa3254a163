//! One sorted file: all of its parts have the checksums that they were written with, and its keys
//! are in order and between the two that the manifest says.
//!
//! It is read block by block, past the engine's iterators: those skip what nobody can see.

use super::{Check, RESTORE};
use crate::engine::files::ShownFile;
use bytes::Bytes;
use futures::StreamExt;
use object_store::ObjectStoreExt;
use slatedb::{RowEntry, SstFile, SstReader};

/// How many blocks are read at once.
const BLOCK_CONCURRENCY: usize = 8;
/// What the engine ends every part of a file with.
const CHECKSUM_BYTES: usize = 4;

/// Reads a file, unless that was done for another partition already.
pub(super) async fn check_file(check: &mut Check, file: &ShownFile) {
    let path = file.path();
    if !check.read.insert(path.clone()) {
        return;
    }
    match read_file(check, file).await {
        Ok(rows) => {
            check.report.read.files += 1;
            check.report.read.file_rows += rows;
        }
        Err(what) => check.report.damaged(path, what, RESTORE),
    }
}

async fn read_file(check: &Check, shown: &ShownFile) -> Result<u64, String> {
    let text = |error: slatedb::Error| error.to_string();
    let (store, indexes) = (check.store.clone(), check.indexes.clone());
    let reader = SstReader::new(shown.owner.clone(), store, Some(indexes), None);
    let file = reader.open(shown.id.value()).await.map_err(text)?;
    if *file.info() != shown.handle().info {
        return Err("it is not the file that the manifest names".to_owned());
    }
    file.stats().await.map_err(text)?;
    check_filter(check, shown, &file).await?;
    read_blocks(&file).await
}

/// The filter: its checksum is asked for here, as the engine reads it only to look for a key.
async fn check_filter(check: &Check, shown: &ShownFile, file: &SstFile) -> Result<(), String> {
    let info = file.info();
    if info.filter_len == 0 {
        return Ok(());
    }
    let range = info.filter_offset..info.filter_offset + info.filter_len;
    let filter = check.store.get_range(&shown.path(), range).await;
    match ends_with_its_checksum(&filter.map_err(|error| error.to_string())?) {
        true => Ok(()),
        false => Err("the checksum of its filter does not match".to_owned()),
    }
}

fn ends_with_its_checksum(part: &[u8]) -> bool {
    let Some((content, checksum)) = part.split_last_chunk::<CHECKSUM_BYTES>() else {
        return false;
    };
    crc32fast::hash(content) == u32::from_be_bytes(*checksum)
}

/// Reads every row; answers how many there are.
async fn read_blocks(file: &SstFile) -> Result<u64, String> {
    let text = |error: slatedb::Error| error.to_string();
    let blocks = file.index().await.map_err(text)?.len();
    let reading = (0..blocks).map(|block| file.read_block(block));
    let mut reading = futures::stream::iter(reading).buffered(BLOCK_CONCURRENCY);
    let mut order = Order { last: None, rows: 0 };
    while let Some(rows) = reading.next().await {
        rows.map_err(text)?.iter().try_for_each(|row| order.take(row))?;
    }
    order.finish(file)
}

/// The rows of a file so far: by key, and of one key the newest first.
struct Order {
    last: Option<(Bytes, u64)>,
    rows: u64,
}

impl Order {
    fn take(&mut self, row: &RowEntry) -> Result<(), String> {
        if let Some((key, seq)) = &self.last
            && (*key > row.key || (*key == row.key && *seq <= row.seq))
        {
            return Err(format!("row {} is out of order", row.key.escape_ascii()));
        }
        self.last = Some((row.key.clone(), row.seq));
        self.rows += 1;
        Ok(())
    }

    /// The first key needs no look: blocks are found by it.
    fn finish(self, file: &SstFile) -> Result<u64, String> {
        let last = self.last.map(|(key, _)| key);
        match last == file.info().last_entry {
            true => Ok(self.rows),
            false => Err("it does not end with the key that it says".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slatedb::ValueDeletable;

    fn row(key: &'static str, seq: u64) -> RowEntry {
        let value = ValueDeletable::Tombstone;
        RowEntry { key: key.into(), value, seq, create_ts: None, expire_ts: None }
    }

    #[test]
    fn rows_are_in_order_and_newer_versions_come_first() {
        let order = |rows: &[(&'static str, u64)]| {
            let mut order = Order { last: None, rows: 0 };
            rows.iter().try_for_each(|(key, seq)| order.take(&row(key, *seq)))
        };
        order(&[("a", 3), ("a", 2), ("b", 9)]).unwrap();
        assert!(order(&[("a", 2), ("a", 3)]).is_err());
        assert!(order(&[("b", 2), ("a", 3)]).is_err());
    }

    #[test]
    fn a_checksum_is_the_last_four_bytes() {
        let mut part = b"filter".to_vec();
        part.extend(crc32fast::hash(b"filter").to_be_bytes());
        assert!(ends_with_its_checksum(&part));
        part[2] ^= 1;
        assert!(!ends_with_its_checksum(&part));
        assert!(!ends_with_its_checksum(b"abc"));
    }
}
