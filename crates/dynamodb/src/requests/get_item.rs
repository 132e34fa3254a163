//! GetItem.

use super::read::Read;
use super::refuse_legacy;
use crate::consumed::ReturnConsumedCapacity;
use crate::error::ApiError;
use crate::expression::{Placeholders, Projection};
use crate::json::Body;
use crate::params::Params;
use crate::table::TableDefinition;
use std::sync::Arc;
use types::Item;

/// A GetItem request.
#[derive(Clone, Debug)]
pub struct GetItem {
    table_name: String,
    key: Item,
    consistent: bool,
    projection: Option<Projection>,
    capacity: ReturnConsumedCapacity,
}

impl GetItem {
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
        let consistent = params.boolean("ConsistentRead")?.unwrap_or_default();
        let capacity = ReturnConsumedCapacity::take(&mut params)?;
        let text = params.string("ProjectionExpression")?;
        params.finish_constraints()?;
        refuse_legacy(&mut params, &[("AttributesToGet", "ProjectionExpression")])?;
        let expressions = [("ProjectionExpression", text.is_some())];
        let mut placeholders = Placeholders::take(&mut params, &expressions)?;
        let key = crate::json::decode_item(key.unwrap_or_default())?;
        let projection =
            text.map(|text| Projection::parse(&text, &mut placeholders)).transpose()?;
        placeholders.finish()?;
        Ok(Self { table_name, key, consistent, projection, capacity })
    }

    /// The table that the request names.
    pub fn table_name(&self) -> &str {
        &self.table_name
    }

    /// The read that the request is in `table`.
    ///
    /// # Errors
    /// If the key is not one of this table.
    pub fn plan(self, table: &TableDefinition) -> Result<Read, ApiError> {
        let projection = self.projection.map(Arc::new);
        Read::new(table, &self.key, self.consistent, projection, self.capacity)
    }
}
