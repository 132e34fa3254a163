//! What is on the disk when the store is closed: nothing is kept for backups and clones that are no more.

use bytes::Bytes;
use futures::executor::block_on;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use slatedb::VersionedManifest;
use slatedb::admin::AdminBuilder;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use types::TableId;

/// Where the records of backups are.
const BACKUPS: &str = "catalog/backups/";

type Files = BTreeMap<String, Vec<u8>>;

/// Every checkpoint that does not end by itself is named by the record of a backup, or, in a database of a table that
/// there is, by a clone. (What clones have pinned in others that are kept for backups goes with these.)
pub(crate) fn check_pins(files: &Files, tables: &BTreeSet<TableId>) -> Result<(), String> {
    let manifests = block_on(manifests(files))?;
    let borrowed = manifests.values().flat_map(|manifest| manifest.external_dbs());
    let of_clones: BTreeSet<_> = borrowed.filter_map(|lender| lender.final_checkpoint_id).collect();
    let records = files.iter().filter(|(file, _)| file.starts_with(BACKUPS));
    let records: Vec<_> =
        records.map(|(_, record)| String::from_utf8_lossy(record).into_owned()).collect();
    for (path, manifest) in &manifests {
        let is_of = |table: &TableId| path.starts_with(&format!("data/{table}/"));
        let serves = tables.iter().any(is_of);
        let stay = manifest.checkpoints().iter().filter(|pin| pin.expire_time.is_none());
        let mut idle = stay.filter(|pin| match pin.name {
            // Several backups share one if nothing was written in between.
            Some(_) => !records.iter().any(|record| record.contains(&pin.id.to_string())),
            None => serves && !of_clones.contains(&pin.id),
        });
        if let Some(pin) = idle.next() {
            return Err(format!("{path} keeps a state that nobody needs: {pin:?}"));
        }
    }
    Ok(())
}

/// All tables, backups and blobs were deleted.
pub(crate) fn check_nothing_is_left(files: &Files) -> Result<(), String> {
    let below = ["data/", BACKUPS, "blobs/"];
    let left = files.keys().filter(|file| below.iter().any(|below| file.starts_with(below)));
    match left.map(String::as_str).collect::<Vec<_>>() {
        left if left.is_empty() => Ok(()),
        left => Err(format!("everything was deleted, and there is still {left:?}")),
    }
}

/// The newest manifests of all databases, by path.
async fn manifests(files: &Files) -> Result<BTreeMap<String, VersionedManifest>, String> {
    let store = Arc::new(InMemory::new());
    let mut paths = BTreeSet::new();
    for (file, content) in files {
        let Some((path, _)) = file.split_once("/manifest/") else { continue };
        paths.insert(path.to_owned());
        let content = Bytes::copy_from_slice(content);
        let put = store.put(&Path::from(file.as_str()), content.into()).await;
        put.map_err(|error| error.to_string())?;
    }
    let mut manifests = BTreeMap::new();
    for path in paths {
        let store: Arc<dyn ObjectStore> = store.clone();
        let admin = AdminBuilder::new(Path::from(path.as_str()), store).build();
        let manifest = admin.read_manifest(None).await.map_err(|error| error.to_string())?;
        manifests.extend(manifest.map(|manifest| (path, manifest)));
    }
    Ok(manifests)
}
