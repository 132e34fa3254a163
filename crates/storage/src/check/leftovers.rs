//! What belongs to no table: files that a stop left unfinished, and the small objects of the crates
//! above, which are read as bytes.

use super::{Check, RESTORE};
use crate::blobs::BLOBS;
use crate::directory::count_staging_files;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

/// Counts the files that were being written.
pub(super) fn find(check: &mut Check) {
    match count_staging_files(&check.root) {
        Ok(0) => {}
        Ok(count) => {
            let what = format!("unfinished files: {count}");
            let advice = "nothing to do: the next start removes them";
            check.report.harmless("the data directory", what, advice);
        }
        Err(error) => check.report.damaged("the data directory", error, RESTORE),
    }
}

/// Reads every blob.
pub(super) async fn read_blobs(check: &mut Check) {
    let listed: Result<Vec<ObjectMeta>, _> =
        check.store.list(Some(&Path::from(BLOBS))).try_collect().await;
    let blobs = match listed {
        Ok(blobs) => blobs,
        Err(error) => return check.report.damaged(BLOBS, error, RESTORE),
    };
    for blob in blobs {
        let read = async { check.store.get(&blob.location).await?.bytes().await };
        match read.await {
            Ok(_) => check.report.read.blobs += 1,
            Err(error) => {
                let what = format!("it cannot be read: {error}");
                check.report.damaged(blob.location, what, "history or decisions; items are not");
            }
        }
    }
}
