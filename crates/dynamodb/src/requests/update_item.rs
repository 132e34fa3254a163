//! UpdateItem.

use super::conditions::RawCondition;
use super::write::{Action, Write, WriteReturns};
use crate::error::ApiError;
use crate::expression::legacy::{RawUpdates, refuse_mixing};
use crate::expression::{Condition, Placeholders, Update};
use crate::json::Body;
use crate::keys;
use crate::params::Params;
use crate::table::TableDefinition;
use types::Item;

/// An UpdateItem request.
#[derive(Clone, Debug)]
pub struct UpdateItem {
    table_name: String,
    key: Item,
    update: Option<Update>,
    condition: Option<Condition>,
    returns: WriteReturns,
}

impl UpdateItem {
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
        let update = params.string("UpdateExpression")?;
        let updates = RawUpdates::take(&mut params)?;
        let condition = RawCondition::take(&mut params)?;
        params.finish_constraints()?;
        let expressions = [("UpdateExpression", update.is_some()), condition.expression()];
        let [expected, junction] = condition.legacy();
        let legacy = [("AttributeUpdates", updates.is_some()), expected, junction];
        refuse_mixing(&legacy, &expressions)?;
        let mut placeholders = Placeholders::take(&mut params, &expressions)?;
        let key = crate::json::decode_item(key.unwrap_or_default())?;
        let update = match (update, updates) {
            (Some(text), _) => Some(Update::parse(&text, &mut placeholders)?),
            (None, Some(updates)) => updates.update()?,
            (None, None) => None,
        };
        let condition = condition.parse(&mut placeholders)?;
        placeholders.finish()?;
        Ok(Self { table_name, key, update, condition, returns })
    }

    /// The table that the request names.
    pub fn table_name(&self) -> &str {
        &self.table_name
    }

    /// The write that the request is in `table`.
    ///
    /// # Errors
    /// If the key is not one of this table, or the update changes it.
    pub fn plan(self, table: &TableDefinition) -> Result<Write, ApiError> {
        let key = keys::of_key(&table.key_schema, &self.key)?;
        if let Some(update) = &self.update {
            update.check_keys(&table.key_schema)?;
        }
        super::check_key_paths(table, self.condition.iter().flat_map(Condition::paths))?;
        let action = Action::Update { key: self.key, update: self.update };
        Ok(Write::new(table, key, action, self.condition, self.returns))
    }
}
