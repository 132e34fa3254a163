//! Query and Scan: one page of a key range, or of a table that is read as a whole for one.

use std::sync::Arc;

use dynamodb::{Access, ApiError, Body, Gathering, Offer, Page, PagePlan, Query, Scan};
use storage::{AXIS_END, Direction};
use types::{KeyRange, Strategy, Units, capacity, storage_key};
use workload::RequestType;

use super::items::throttled;
use super::metered::{Metered, Target};
use super::{Call, Executor, storage_failed};
use crate::tables::ServedTable;

impl Executor {
    pub(super) async fn query(&self, body: Body, call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
        let request = Query::parse(body)?;
        let served = self.tables.for_items(request.table_name())?;
        let plan = request.plan(&served.definition)?;
        self.page(&served, &plan, call).await
    }

    pub(super) async fn scan(&self, body: Body, call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
        let request = Scan::parse(body)?;
        let served = self.tables.for_items(request.table_name())?;
        let plan = request.plan(&served.definition)?;
        self.page(&served, &plan, call).await
    }

    async fn page(
        &self,
        served: &Arc<ServedTable>,
        plan: &PagePlan,
        call: &Call<'_>,
    ) -> Result<Vec<u8>, ApiError> {
        let target = target(served, plan);
        let mut metered = Metered::admit(self, served, call, target)
            .map_err(|cause| throttled(served, Access::Read, cause))?;
        let mut page = plan.page();
        match plan.gathering() {
            Some(gathering) => fan_out(served, gathering, &mut page, &mut metered).await?,
            None => read_on(served, plan, &target, &mut page, &mut metered).await?,
        }
        metered.served(page.units(), page.bytes());
        page.respond()
    }
}

/// Reads the range of a page until the page is full.
async fn read_on(
    served: &ServedTable,
    plan: &PagePlan,
    target: &Target<'_>,
    page: &mut Page<'_>,
    metered: &mut Metered<'_>,
) -> Result<(), ApiError> {
    let direction = if plan.forward() { Direction::Forward } else { Direction::Backward };
    let mut rows = served.table.scan(plan.range().clone(), direction);
    while let Some((key, stored)) = rows.next().await.map_err(storage_failed)? {
        if target.key_hash == 0 && page.bytes() == 0 {
            metered.set_key_hash(key_hash(served.definition.strategy, &key));
        }
        metered.reach(&key, page.bytes());
        if page.offer(&key, &stored)? == Offer::Full {
            break;
        }
    }
    Ok(())
}

/// Reads the whole table for the entries of a page; every partition pays for what is read from it.
async fn fan_out(
    served: &ServedTable,
    mut gathering: Gathering<'_>,
    page: &mut Page<'_>,
    metered: &mut Metered<'_>,
) -> Result<(), ApiError> {
    let mut rows = served.table.scan(KeyRange::full(), Direction::Forward);
    while let Some((key, stored)) = rows.next().await.map_err(storage_failed)? {
        metered.reach(&key, gathering.read_bytes());
        gathering.offer(&key, stored)?;
    }
    let read_bytes = gathering.read_bytes();
    let mut hash = None;
    for (key, stored) in gathering.into_entries() {
        hash = hash.or_else(|| Some(key_hash(Strategy::Range, &key)));
        if page.offer(&key, &stored)? == Offer::Full {
            break;
        }
    }
    metered.set_key_hash(hash.unwrap_or_default());
    page.read_beside(read_bytes.saturating_sub(page.bytes()));
    Ok(())
}

/// Where a page begins. Read backwards, that is the end of its range. One that reads the whole table
/// begins where the table does.
fn target<'a>(served: &ServedTable, plan: &'a PagePlan) -> Target<'a> {
    let range = plan.range();
    let key = match &range.end {
        _ if plan.gathering().is_some() => &[],
        Some(end) if !plan.forward() => end.as_ref(),
        None if !plan.forward() => &AXIS_END,
        _ => range.start.as_ref(),
    };
    let key_hash = key_hash(served.definition.strategy, key);
    let least = Units::read(capacity::read_units(0, plan.consistent()));
    Target { request: RequestType::Query, key, sort: &[], key_hash, least }
}

/// The hash of the partition key in a storage key; zero if there is none in it, as where a scan
/// begins.
fn key_hash(strategy: Strategy, key: &[u8]) -> u64 {
    if strategy.is_hash_order() {
        let hash = key.first_chunk::<{ storage_key::HASH_BYTES }>();
        return hash.map_or(0, |hash| u64::from_be_bytes(*hash));
    }
    let decoded = storage_key::decode(strategy, key);
    decoded.map_or(0, |primary_key| storage_key::partition_hash(&primary_key.partition))
}
