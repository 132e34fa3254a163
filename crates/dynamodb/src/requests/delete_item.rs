//! DeleteItem.

use super::put_item::LEGACY;
use super::refuse_legacy;
use super::write::{Action, Write, WriteReturns};
use crate::error::ApiError;
use crate::expression::{Condition, Placeholders};
use crate::json::Body;
use crate::keys;
use crate::params::Params;
use crate::table::TableDefinition;
use types::Item;

/// A DeleteItem request.
#[derive(Clone, Debug)]
pub struct DeleteItem {
    table_name: String,
    key: Item,
    condition: Option<Condition>,
    returns: WriteReturns,
}

impl DeleteItem {
    /// Reads and validates the request, without its table.
    ///
    /// # Errors
    /// What DynamoDB refuses, and what this service does not support.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let table_name = params.table_name()?;
        let key = params.object("Key")?;
        if key.is_none() {
            params.missing("key");
        }
        let returns = WriteReturns::take(&mut params)?;
        let text = params.string("ConditionExpression")?;
        params.finish_constraints()?;
        refuse_legacy(&mut params, LEGACY)?;
        let expressions = [("ConditionExpression", text.is_some())];
        let mut placeholders = Placeholders::take(&mut params, &expressions)?;
        let key = crate::json::decode_item(key.unwrap_or_default())?;
        let returns = returns.only_old()?;
        let condition = super::condition(text.as_deref(), &mut placeholders)?;
        placeholders.finish()?;
        Ok(Self { table_name, key, condition, returns })
    }

    /// The table that the request names.
    pub fn table_name(&self) -> &str {
        &self.table_name
    }

    /// The write that the request is in `table`.
    ///
    /// # Errors
    /// If the key is not one of this table.
    pub fn plan(self, table: &TableDefinition) -> Result<Write, ApiError> {
        super::check_key_paths(table, self.condition.iter().flat_map(Condition::paths))?;
        plan_delete(table, &self.key, self.condition, self.returns)
    }
}

/// The write that deletes the item with `key` from `table`.
pub(super) fn plan_delete(
    table: &TableDefinition,
    key: &Item,
    condition: Option<Condition>,
    returns: WriteReturns,
) -> Result<Write, ApiError> {
    let key = keys::of_key(&table.key_schema, key)?;
    Ok(Write::new(table, key, Action::Delete, condition, returns))
}
