//! DeleteItem.

use super::conditions::RawCondition;
use super::write::{Action, Write, WriteReturns};
use crate::error::ApiError;
use crate::expression::legacy::refuse_mixing;
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
        let condition = RawCondition::take(&mut params)?;
        params.finish_constraints()?;
        let expressions = [condition.expression()];
        refuse_mixing(&condition.legacy(), &expressions)?;
        let mut placeholders = Placeholders::take(&mut params, &expressions)?;
        let key = crate::json::decode_item(key.unwrap_or_default())?;
        let returns = returns.only_old()?;
        let condition = condition.parse(&mut placeholders)?;
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
