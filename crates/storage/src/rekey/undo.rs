//! Undoing a rekey that was not published: its partitions are deleted, and then its intent. The
//! partitions of the old order were only read; what they have captured goes with the next change of
//! the map, and does no harm until then.
//!
//! The catalog says first that it is being undone: a restart would go on with copying otherwise, into
//! what is half deleted. Every step may be repeated.

use crate::catalog::TableObject;
use crate::engine::Engine;
use crate::error::Result;
use crate::faults::FaultPoint;
use crate::record::table::RekeyStage;
use crate::table::{Shared, Table};
use std::sync::Arc;

/// Undoes the rekey of an open table. Its new partitions are not open.
pub(super) async fn undo(table: &Arc<Table>) -> Result<()> {
    undo_unpublished(&table.shared, &table.object, |_| true).await?;
    for source in &table.routes().partitions {
        source.stop_capture().await;
        if let Err(error) = source.forget_captured().await {
            tracing::warn!(partition = %source.id(), %error, "captured keys stay where they are");
        }
    }
    Ok(())
}

/// Undoes a rekey whose undoing was interrupted.
pub(crate) async fn finish_undoing(shared: &Shared, object: &TableObject) -> Result<()> {
    undo_unpublished(shared, object, |stage| stage == RekeyStage::Undoing).await
}

async fn undo_unpublished(
    shared: &Shared,
    object: &TableObject,
    wanted: impl Fn(RekeyStage) -> bool,
) -> Result<()> {
    let Some(record) = object.record().await? else {
        return Ok(());
    };
    let Some(rekey) = record.rekey.filter(|rekey| wanted(rekey.stage)) else {
        return Ok(());
    };
    if rekey.stage != RekeyStage::Undoing {
        object
            .update(|record| {
                if let Some(rekey) = &mut record.rekey {
                    rekey.stage = RekeyStage::Undoing;
                }
                Ok(())
            })
            .await?;
    }
    shared.reached(FaultPoint::RekeyUndoing).await?;
    for child in &rekey.children {
        let path = Engine::path(record.id, child.id);
        shared.engine.delete(&path).await?;
        shared.directory.remove_empty(path.as_ref())?;
    }
    shared.reached(FaultPoint::RekeyUndoDeleted).await?;
    object
        .update(|record| {
            record.rekey = None;
            Ok(())
        })
        .await
}
