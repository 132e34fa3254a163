//! PutItem.

use super::conditions::RawCondition;
use super::write::{self, Action, Write, WriteReturns};
use crate::error::ApiError;
use crate::expression::legacy::refuse_mixing;
use crate::expression::{Condition, Placeholders};
use crate::json::Body;
use crate::keys;
use crate::params::Params;
use crate::table::TableDefinition;
use types::Item;
use types::limits::ITEM_BYTES_MAX;

/// A PutItem request.
#[derive(Clone, Debug)]
pub struct PutItem {
    table_name: String,
    item: Item,
    condition: Option<Condition>,
    returns: WriteReturns,
}

impl PutItem {
    /// Reads and validates the request, without its table.
    ///
    /// # Errors
    /// What DynamoDB refuses, and what this service does not support.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let table_name = params.table_name()?;
        let item = params.object("Item")?;
        if item.is_none() {
            params.missing("item");
        }
        let returns = WriteReturns::take(&mut params)?;
        let condition = RawCondition::take(&mut params)?;
        params.finish_constraints()?;
        let expressions = [condition.expression()];
        refuse_mixing(&condition.legacy(), &expressions)?;
        let mut placeholders = Placeholders::take(&mut params, &expressions)?;
        let item = crate::json::decode_item(item.unwrap_or_default())?;
        let returns = returns.only_old()?;
        check_size(&item)?;
        let condition = condition.parse(&mut placeholders)?;
        placeholders.finish()?;
        Ok(Self { table_name, item, condition, returns })
    }

    /// The table that the request names.
    pub fn table_name(&self) -> &str {
        &self.table_name
    }

    /// The write that the request is in `table`.
    ///
    /// # Errors
    /// If the item does not have the table's key.
    pub fn plan(self, table: &TableDefinition) -> Result<Write, ApiError> {
        plan_put(table, &self.item, self.condition, self.returns)
    }
}

/// Refuses an item that is too large.
pub(super) fn check_size(item: &Item) -> Result<(), ApiError> {
    if item.size_bytes() > ITEM_BYTES_MAX {
        return Err(ApiError::validation("Item size has exceeded the maximum allowed size"));
    }
    Ok(())
}

/// The write that stores `item` in `table`.
pub(super) fn plan_put(
    table: &TableDefinition,
    item: &Item,
    condition: Option<Condition>,
    returns: WriteReturns,
) -> Result<Write, ApiError> {
    let key = keys::of_item(&table.key_schema, item)?;
    super::check_key_paths(table, condition.iter().flat_map(Condition::paths))?;
    let put = write::PutItem { encoded: item.encode(), size_bytes: item.size_bytes() };
    Ok(Write::new(table, key, Action::Put(put), condition, returns))
}
