//! GetItem.

use super::projections::RawProjection;
use super::read::Read;
use crate::consumed::ReturnConsumedCapacity;
use crate::error::ApiError;
use crate::expression::legacy::refuse_mixing;
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
        let projection = RawProjection::take(&mut params, "attributesToGet")?;
        params.finish_constraints()?;
        let expressions = [projection.expression()];
        refuse_mixing(&[projection.legacy()], &expressions)?;
        let mut placeholders = Placeholders::take(&mut params, &expressions)?;
        let key = crate::json::decode_item(key.unwrap_or_default())?;
        let projection = projection.parse(&mut placeholders)?;
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
