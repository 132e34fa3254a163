//! Query and Scan: one page of a key range, or of a table that is read as a whole for one.

use std::sync::Arc;

use bytes::Bytes;
use dynamodb::{
    Access, ApiError, Body, Gathering, Offer, Page, PagePlan, Query, RangeQueries, Scan,
    TableDefinition,
};
use storage::{AXIS_END, Direction};
use types::{KeyRange, PrimaryKey, Strategy, Units, capacity, storage_key};
use workload::RequestType;

use super::items::throttled;
use super::metered::{Metered, Target};
use super::{Call, Executor, storage_failed};
use crate::page_tokens::{PageKind, token};
use crate::tables::ServedTable;

/// One page: of what, and from which key order.
struct Asked {
    served: Arc<ServedTable>,
    plan: PagePlan,
    /// What its end is remembered by; nothing if it is continued in every order.
    kind: Option<PageKind>,
    /// Where the page before has ended.
    start: Option<PrimaryKey>,
}

impl Executor {
    pub(super) async fn query(&self, body: Body, call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
        let request = Query::parse(body)?;
        let served = self.tables.for_items(request.table_name())?;
        let start = request.start_key(&served.definition);
        // In every order that answers them at all, range queries have the same order.
        let served = match served.definition.range_queries() {
            RangeQueries::Refused => {
                self.continued(served, PageKind::RangeQuery, start.as_ref(), call)?.0
            }
            RangeQueries::InKeyOrder | RangeQueries::FanOut => served,
        };
        let plan = request.plan(&served.definition)?;
        let kind = plan.is_range_query().then_some(PageKind::RangeQuery);
        self.page(Asked { served, plan, kind, start }, call).await
    }

    pub(super) async fn scan(&self, body: Body, call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
        let request = Scan::parse(body)?;
        let served = self.tables.for_items(request.table_name())?;
        let start = request.start_key(&served.definition);
        let (segment, segments) = request.segment();
        let kind = PageKind::Scan(segment, segments);
        let (served, known) = self.continued(served, kind, start.as_ref(), call)?;
        if !known {
            self.refuse_doubtful(&served, start.as_ref(), call)?;
        }
        let plan = request.plan(&served.definition)?;
        self.page(Asked { served, plan, kind: Some(kind), start }, call).await
    }

    /// The table in the order in which the page before has ended, and whether that is known.
    fn continued(
        &self,
        served: Arc<ServedTable>,
        kind: PageKind,
        start: Option<&PrimaryKey>,
        call: &Call<'_>,
    ) -> Result<(Arc<ServedTable>, bool), ApiError> {
        let order = start.and_then(|key| served.tokens.order_of(token(kind, key), call.real_ms));
        match order {
            None => Ok((served, false)),
            Some(order) => match served.in_order(order) {
                Some(served) => Ok((served, true)),
                None => Err(order_is_gone()),
            },
        }
    }

    /// Refuses to go on where it cannot be known in which order: better than to leave items out.
    fn refuse_doubtful(
        &self,
        served: &ServedTable,
        start: Option<&PrimaryKey>,
        call: &Call<'_>,
    ) -> Result<(), ApiError> {
        let rekeyed_ms = served.table.rekeyed_ms();
        match start.is_some() && served.tokens.is_doubtful(rekeyed_ms, self.started_ms, call.now_ms)
        {
            true => Err(order_is_gone()),
            false => Ok(()),
        }
    }

    async fn page(&self, asked: Asked, call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
        let Asked { served, plan, .. } = &asked;
        let place = asked.place();
        let target = Target { key: &place, request: asked.request(), ..target(served, plan) };
        let mut metered = Metered::admit(self, served, call, target)
            .map_err(|cause| throttled(served, Access::Read, cause))?;
        let moved = served.table.order() > 0;
        let mut page = if moved { plan.movable_page() } else { plan.page() };
        let may_end = |key: &PrimaryKey| asked.may_end(key, call.real_ms);
        match plan.gathering() {
            Some(gathering) => {
                fan_out(&asked, gathering, &mut page, &mut metered, &may_end).await?;
            }
            None => read_on(&asked, target.key_hash, &mut page, &mut metered, &may_end).await?,
        }
        if let (Some(kind), Some(end)) = (asked.kind, page.end()?) {
            served.tokens.give_out(token(kind, &end), served.order(), call.real_ms);
        }
        metered.served(page.units(), page.bytes());
        page.respond()
    }
}

/// A scan of an order that is not served any more.
fn order_is_gone() -> ApiError {
    ApiError::validation(
        "The provided starting key is invalid: the order of the table's keys has changed since; begin \
         anew, without ExclusiveStartKey",
    )
}

impl Asked {
    /// Whether no page of another order has ended there, so that the next page knows its order.
    fn may_end(&self, key: &PrimaryKey, real_ms: i64) -> bool {
        let Some(kind @ PageKind::Scan(..)) = self.kind else { return true };
        let order = self.served.tokens.order_of(token(kind, key), real_ms);
        order.is_none_or(|order| order == self.served.order())
    }

    /// What the page is, for the workload.
    fn request(&self) -> RequestType {
        match self.kind {
            None => RequestType::Query,
            Some(PageKind::RangeQuery) => RequestType::Range,
            Some(PageKind::Scan(_, 1)) => RequestType::Scan,
            Some(PageKind::Scan(..)) => RequestType::Segment,
        }
    }

    /// Whether the page is one of an order that is not the table's any more.
    fn is_of_the_past(&self) -> bool {
        self.served.order() != self.served.table.order()
    }

    /// Where the page begins, in the table's order of now.
    fn place(&self) -> Bytes {
        match &self.start {
            Some(start) if self.is_of_the_past() => {
                let now = self.served.table.defined();
                let now = TableDefinition::from_stored(&now.definition);
                now.map_or_else(|_| Bytes::new(), |now| storage_key::encode(now.strategy, start))
            }
            _ => Bytes::copy_from_slice(target(&self.served, &self.plan).key),
        }
    }
}

/// Reads the range of a page until the page is full.
async fn read_on(
    asked: &Asked,
    known_hash: u64,
    page: &mut Page<'_>,
    metered: &mut Metered<'_>,
    may_end: &impl Fn(&PrimaryKey) -> bool,
) -> Result<(), ApiError> {
    let Asked { served, plan, .. } = asked;
    let direction = if plan.forward() { Direction::Forward } else { Direction::Backward };
    let mut rows = served.items().scan(plan.range().clone(), direction);
    while let Some((key, stored)) = rows.next().await.map_err(storage_failed)? {
        if known_hash == 0 && page.bytes() == 0 {
            metered.set_key_hash(key_hash(served.definition.strategy, &key));
        }
        if !asked.is_of_the_past() {
            metered.reach(&key, page.bytes());
        }
        if offer(page, &key, &stored, may_end)? == Offer::Full {
            break;
        }
    }
    Ok(())
}

/// Offers an entry; a page that is full ends where it may.
fn offer(
    page: &mut Page<'_>,
    key: &Bytes,
    stored: &Bytes,
    may_end: &impl Fn(&PrimaryKey) -> bool,
) -> Result<Offer, ApiError> {
    loop {
        let full = page.offer(key, stored)? == Offer::Full;
        let Some(end) = page.end()?.filter(|_| full) else { return Ok(Offer::More) };
        if may_end(&end) {
            return Ok(Offer::Full);
        }
        let taken = page.has_taken(key);
        match page.end_elsewhere(may_end)? {
            Offer::Full => return Ok(Offer::Full),
            Offer::More if taken => return Ok(Offer::More),
            Offer::More => {}
        }
    }
}

/// Reads the whole table for the entries of a page; every partition pays for what is read from it.
async fn fan_out(
    asked: &Asked,
    mut gathering: Gathering<'_>,
    page: &mut Page<'_>,
    metered: &mut Metered<'_>,
    may_end: &impl Fn(&PrimaryKey) -> bool,
) -> Result<(), ApiError> {
    let mut rows = asked.served.items().scan(KeyRange::full(), Direction::Forward);
    while let Some((key, stored)) = rows.next().await.map_err(storage_failed)? {
        if !asked.is_of_the_past() {
            metered.reach(&key, gathering.read_bytes());
        }
        gathering.offer(&key, stored)?;
    }
    let read_bytes = gathering.read_bytes();
    let mut hash = None;
    for (key, stored) in gathering.into_entries() {
        hash = hash.or_else(|| Some(key_hash(Strategy::Range, &key)));
        if offer(page, &key, &stored, may_end)? == Offer::Full {
            break;
        }
    }
    metered.set_key_hash(hash.unwrap_or_default());
    metered.is_after(page.bytes());
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
