//! Operations that change a table's definition: UpdateTable, TagResource, UntagResource; and the one
//! that reads the tags.
//!
//! The definition in the catalog is changed by compare-and-set, judged on the version that is
//! changed; then the table is served by the new one. While UpdateTable does so the table is UPDATING,
//! and its reply says so, with what holds from then on. A change that asks for more warm throughput
//! does not move a partition boundary itself: the manager sees it in the definition and does.

use dynamodb::{
    ApiError, Body, ListTags, TableDefinition, TableStatus, TagResource, UntagResource,
    UpdateTable, table_description_response, tags_response,
};
use std::sync::Arc;
use storage::StorageError;

use super::table_ops::size;
use super::{Executor, storage_failed, to_the_end};
use crate::tables::{ServedTable, Tables};

impl Executor {
    pub(super) async fn update_table(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = UpdateTable::parse(body)?;
        let name = request.table_name();
        let (status, now_ms) = (TableStatus::Updating, self.now_ms());
        let served = match (self.tables.get(name)?, self.states.of(name)) {
            (Some(served), _) => served,
            (None, Some(state)) => return Err(state.in_use()),
            (None, None) => return Err(ApiError::table_not_found_named(name)),
        };
        let updating = self.states.begin(status, &served.definition)?;
        // Nobody else changes the table from here on.
        let served = self
            .redefine(self.named(name)?, move |table| {
                let _updating = &updating;
                request.apply(table, now_ms)
            })
            .await?;
        let size = size(&served).await?;
        Ok(table_description_response(&served.definition, status, size))
    }

    pub(super) async fn tag_resource(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = TagResource::parse(body)?;
        let served = self.tables.get(request.table_name())?.ok_or_else(|| request.not_found())?;
        self.redefine(served, move |table| request.apply(table)).await?;
        // DynamoDB answers with nothing at all.
        Ok(Vec::new())
    }

    pub(super) async fn untag_resource(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = UntagResource::parse(body)?;
        let served = self.tables.get(request.table_name())?.ok_or_else(|| request.not_found())?;
        self.redefine(served, move |table| Ok(request.apply(table))).await?;
        Ok(Vec::new())
    }

    pub(super) fn list_tags(&self, body: Body) -> Result<Vec<u8>, ApiError> {
        let request = ListTags::parse(body)?;
        let served = self.tables.get(request.table_name())?.ok_or_else(|| request.not_found())?;
        Ok(tags_response(&served.definition))
    }

    /// Replaces the table's definition by what `change` makes of it, durably. `change` lives as long
    /// as that takes.
    pub(super) async fn redefine(
        &self,
        served: Arc<ServedTable>,
        change: impl Fn(TableDefinition) -> Result<TableDefinition, ApiError> + Send + Sync + 'static,
    ) -> Result<Arc<ServedTable>, ApiError> {
        // Most refusals show before anything is written. The table may change until then, so the
        // change is judged again on the version that it replaces.
        change(served.definition.clone())?;
        let tables = Arc::clone(&self.tables);
        to_the_end(async move { redefined(&tables, &served, &change).await }).await
    }
}

async fn redefined(
    tables: &Tables,
    served: &ServedTable,
    change: &(impl Fn(TableDefinition) -> Result<TableDefinition, ApiError> + Send + Sync),
) -> Result<Arc<ServedTable>, ApiError> {
    let mut refused = None;
    let changed = served.table.update_definition(|stored| {
        let new = TableDefinition::from_stored(stored)
            .map_err(|_| ApiError::internal("the table's stored definition cannot be read"))
            .and_then(change);
        match new {
            Ok(new) => new.to_stored(),
            Err(error) => {
                refused = Some(error);
                stored.clone()
            }
        }
    });
    changed.await.map_err(|error| match error {
        StorageError::NoSuchTable(name) => ApiError::table_not_found_named(&name),
        error => storage_failed(error),
    })?;
    match refused {
        Some(error) => Err(error),
        None => tables.redefine(served),
    }
}
