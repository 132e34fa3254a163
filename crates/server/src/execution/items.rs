//! Operations on one item: PutItem, UpdateItem, DeleteItem, GetItem; also for the parts of batches.

use dynamodb::{
    Access, ApiError, Body, Change, DeleteItem, GetItem, PutItem, Read, ReadOutcome, Throttle,
    UpdateItem, Write, WriteOutcome,
};
use storage::{Decision, InOrder, StorageError};
use types::{PrimaryKey, Units, capacity, storage_key};
use workload::RequestType;

use super::metered::{Metered, Target, Throttled};
use super::{Call, Executor, storage_failed};
use crate::tables::{ServedTable, Tables};

impl Executor {
    pub(super) async fn put_item(&self, body: Body, call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
        let request = PutItem::parse(body)?;
        let served = self.tables.for_items(request.table_name())?;
        let write = request.plan(&served.definition)?;
        self.write(&served, write, RequestType::Store, call).await
    }

    pub(super) async fn update_item(
        &self,
        body: Body,
        call: &Call<'_>,
    ) -> Result<Vec<u8>, ApiError> {
        let request = UpdateItem::parse(body)?;
        let served = self.tables.for_items(request.table_name())?;
        let write = request.plan(&served.definition)?;
        self.write(&served, write, RequestType::Modify, call).await
    }

    pub(super) async fn delete_item(
        &self,
        body: Body,
        call: &Call<'_>,
    ) -> Result<Vec<u8>, ApiError> {
        let request = DeleteItem::parse(body)?;
        let served = self.tables.for_items(request.table_name())?;
        let write = request.plan(&served.definition)?;
        self.write(&served, write, RequestType::Delete, call).await
    }

    pub(super) async fn get_item(&self, body: Body, call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
        let request = GetItem::parse(body)?;
        let served = self.tables.for_items(request.table_name())?;
        let read = request.plan(&served.definition)?;
        let key = ItemKey::new(&served, read.key(), read.primary_key());
        let target = key.target(RequestType::Retrieve, least_read(&read));
        let metered = Metered::admit(self, &served, call, target)
            .map_err(|cause| throttled(&served, Access::Read, cause))?;
        let outcome = read_item(&self.tables, &served, &read, metered).await?;
        Ok(read.respond(&outcome))
    }

    async fn write(
        &self,
        served: &ServedTable,
        write: Write,
        request: RequestType,
        call: &Call<'_>,
    ) -> Result<Vec<u8>, ApiError> {
        let key = ItemKey::new(served, write.key(), write.primary_key());
        // Only of a put it is known before what it costs: as much as the new item at least.
        let least = match request {
            RequestType::Store => write.decide(None).units,
            _ => Units::write(capacity::write_units(0)),
        };
        let metered = Metered::admit(self, served, call, key.target(request, least))
            .map_err(|cause| throttled(served, Access::Write, cause))?;
        let outcome = write_item(&self.tables, served, &write, metered).await?;
        write.respond(outcome)
    }
}

/// An item's place on the key axis.
pub(super) struct ItemKey<'a> {
    key: &'a [u8],
    sort: &'a [u8],
    key_hash: u64,
}

impl<'a> ItemKey<'a> {
    pub(super) fn new(served: &ServedTable, key: &'a [u8], primary_key: &PrimaryKey) -> Self {
        let strategy = served.definition.strategy;
        let sort = match primary_key.sort {
            Some(_) => storage_key::partition_prefix(strategy, &primary_key.partition).len(),
            None => key.len(),
        };
        let key_hash = match key.first_chunk::<{ storage_key::HASH_BYTES }>() {
            Some(hash) if strategy.is_hash_order() => u64::from_be_bytes(*hash),
            _ => storage_key::partition_hash(&primary_key.partition),
        };
        Self { key, sort: key.get(sort..).unwrap_or_default(), key_hash }
    }

    pub(super) fn target(&self, request: RequestType, least: Units) -> Target<'a> {
        let Self { key, sort, key_hash } = *self;
        Target { request, key, sort, key_hash, least }
    }
}

/// What a read of one item costs at least.
pub(super) fn least_read(read: &Read) -> Units {
    Units::read(capacity::read_units(0, read.consistent()))
}

/// Reads an item and pays for it.
pub(super) async fn read_item(
    tables: &Tables,
    served: &ServedTable,
    read: &Read,
    metered: Metered<'_>,
) -> Result<ReadOutcome, ApiError> {
    let mut stored = served.items().get(read.key()).await;
    while matches!(stored, Err(StorageError::Rekeyed(_))) {
        let (items, key) = in_new_order(tables, served, read.primary_key()).await?;
        stored = items.get(&key).await;
    }
    let outcome = read.outcome(stored.map_err(storage_failed)?.as_deref())?;
    metered.served(outcome.units, outcome.bytes);
    Ok(outcome)
}

/// Changes an item as `write` decides and pays for it. Returns when the change is durable.
pub(super) async fn write_item(
    tables: &Tables,
    served: &ServedTable,
    write: &Write,
    metered: Metered<'_>,
) -> Result<WriteOutcome, ApiError> {
    let decide = |stored: Option<&bytes::Bytes>| {
        let outcome = write.decide_stored(stored.map(AsRef::as_ref));
        match &outcome.change {
            Change::Put(item) => Decision::Put(item.clone(), outcome),
            Change::Delete => Decision::Delete(outcome),
            Change::Keep => Decision::Keep(outcome),
        }
    };
    let mut changed = served.items().read_modify_write(write.key(), decide).await;
    while matches!(changed, Err(StorageError::Rekeyed(_))) {
        let (items, key) = in_new_order(tables, served, write.primary_key()).await?;
        changed = items.read_modify_write(&key, decide).await;
    }
    let outcome = changed.map_err(storage_failed)?;
    metered.served(outcome.units, outcome.bytes);
    Ok(outcome)
}

/// The table, and an item's key, in the order that it has by now.
async fn in_new_order(
    tables: &Tables,
    served: &ServedTable,
    key: &PrimaryKey,
) -> Result<(InOrder, bytes::Bytes), ApiError> {
    // Between the new order and the definition that goes with it there is a moment.
    tokio::task::yield_now().await;
    let now = tables.again(served)?;
    Ok((now.items(), storage_key::encode(now.definition.strategy, key)))
}

/// The refusal of a request that there is no capacity for.
pub(super) fn throttled(served: &ServedTable, access: Access, cause: Throttled) -> ApiError {
    ApiError::throttled(match cause {
        Throttled::Partition => Throttle::by_partition(&served.definition, access),
        Throttled::Table => Throttle::by_table(&served.definition, access),
    })
}
