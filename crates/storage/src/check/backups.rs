//! Backups: each record, and that every checkpoint it names is there with all of its files.
//!
//! The newest version of a record is the record; older ones are not looked at, since the last steps of a deletion
//! remove them one by one.

use super::catalog::{list_versions, read_record};
use super::files::check_file;
use super::{Check, RESTORE};
use crate::backup::register::path_of;
use crate::catalog::BACKUPS;
use crate::engine::files::ShownFile;
use crate::record::backup::{BackupPart, BackupRecord, BackupStage};
use object_store::path::Path;
use slatedb::VersionedManifest;
use slatedb::admin::AdminBuilder;

/// What to do about a backup that is not what it was.
const DELETE: &str =
    "keep a copy of the whole directory; the table is not concerned: delete this backup";

/// Reads the records of all backups; `None` if one cannot be read.
pub(super) async fn read(check: &mut Check) -> Option<Vec<BackupRecord>> {
    let paths = match check.directories(BACKUPS).await {
        Ok(paths) => paths,
        Err(error) => {
            check.report.damaged(BACKUPS, error, RESTORE);
            return None;
        }
    };
    let (mut backups, mut complete) = (Vec::new(), true);
    for path in paths {
        match read_newest(check, &path).await {
            Ok(backup) => backups.extend(backup),
            Err(reason) => {
                check.report.damaged(path, reason, RESTORE);
                complete = false;
            }
        }
    }
    complete.then_some(backups)
}

/// `None` for one of which nothing but its directory is left.
async fn read_newest(check: &mut Check, path: &Path) -> Result<Option<BackupRecord>, String> {
    let versions = list_versions(check, path.as_ref()).await.map_err(|error| error.to_string())?;
    let Some(newest) = versions.last() else {
        return Ok(None);
    };
    let place = Path::from(format!("{path}/{newest:020}"));
    let record: BackupRecord =
        read_record(check, &place).await.map_err(|error| error.to_string())?;
    match path.filename() == Some(record.id.0.to_string().as_str()) {
        true => Ok(Some(record)),
        false => Err(format!("it is the record of backup {}", record.id)),
    }
}

/// Reads what backups show.
pub(super) async fn check_all(check: &mut Check, backups: &[BackupRecord]) {
    for backup in backups {
        let place = format!("{BACKUPS}/{}", backup.id.0);
        match backup.stage {
            BackupStage::Making => {
                let what = "a backup was being made";
                check.report.harmless(place, what, "nothing to do: the next start undoes it");
                continue;
            }
            BackupStage::Deleting => {
                let what = "a backup was being deleted";
                check.report.harmless(place, what, "nothing to do: the next start finishes it");
                continue;
            }
            BackupStage::Whole => check.report.read.backups += 1,
        }
        for part in &backup.parts {
            let path = path_of(backup.database(part));
            match manifest_of(check, &path, part).await {
                Ok(manifest) => {
                    for file in ShownFile::all(&manifest, &path) {
                        check_file(check, &file).await;
                    }
                }
                Err(reason) => check.report.damaged(format!("{place} ({path})"), reason, DELETE),
            }
        }
    }
}

/// The state that a part of a backup has kept.
async fn manifest_of(
    check: &Check,
    path: &Path,
    part: &BackupPart,
) -> Result<VersionedManifest, String> {
    let text = |error: slatedb::Error| error.to_string();
    let admin = AdminBuilder::new(path.clone(), check.store.clone()).build();
    let newest = admin.read_manifest(None).await.map_err(text)?.ok_or("its database is missing")?;
    let is_it = |id: String| Some(id.as_str()) == part.checkpoint.as_deref();
    let kept = newest.checkpoints().iter().find(|checkpoint| is_it(checkpoint.id.to_string()));
    let kept = kept.ok_or("its checkpoint is missing")?;
    let manifest = admin.read_manifest(Some(kept.manifest_id)).await.map_err(text)?;
    let manifest = manifest.ok_or("the manifest of its checkpoint is missing")?;
    match manifest.last_l0_seq() == part.seq {
        true => Ok(manifest),
        false => Err(format!(
            "its checkpoint holds writes up to {}, and {} was the last",
            manifest.last_l0_seq(),
            part.seq
        )),
    }
}
