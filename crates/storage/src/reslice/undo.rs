//! Undoing a reslice that was not published: its children are deleted, with the checkpoints that
//! hold their parents' files, and then its intent. The parents were never touched.
//!
//! What is undone is what this process has written or has claimed at its start: the record is read
//! from nowhere else, and says [`TakenOver`](crate::StorageError::TakenOver) when it is another's.
//!
//! Every step may be repeated, so a crash in the middle is undone again at the next start.

use crate::catalog::TableObject;
use crate::engine::Engine;
use crate::error::Result;
use crate::faults::FaultPoint;
use crate::table::Shared;

/// Undoes the unpublished reslice in a table's record, if there is one. Its children are not open.
pub(crate) async fn undo_unpublished(shared: &Shared, object: &TableObject) -> Result<()> {
    let Some(record) = object.record().await? else {
        return Ok(());
    };
    let Some(reslice) = record.reslice else {
        return Ok(());
    };
    shared.reached(FaultPoint::UndoStarted).await?;
    for child in &reslice.children {
        let path = Engine::path(record.id, child.id);
        shared.engine.delete(&path).await?;
        shared.directory.remove_empty(path.as_ref())?;
    }
    shared.reached(FaultPoint::UndoDeleted).await?;
    object
        .update(|record| {
            record.reslice = None;
            Ok(())
        })
        .await
}
