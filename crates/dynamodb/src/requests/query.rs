//! Query.

use super::page::{PageOptions, PagePlan};
use super::page_options;
use crate::error::ApiError;
use crate::expression::legacy::RawConditions;
use crate::expression::{Condition, KeyCondition, KeyConditionExpression};
use crate::json::Body;
use crate::keys;
use crate::params::Params;
use crate::table::{RangeQueries, TableDefinition};
use types::storage_key::{self, collection_range, partition_range, sort_range};
use types::{Item, KeyRange, KeySchema, PrimaryKey, Strategy};

/// A Query request.
#[derive(Clone, Debug)]
pub struct Query {
    table_name: String,
    index_name: Option<String>,
    key_condition: KeyConditionExpression,
    start_key: Option<Item>,
    forward: bool,
    /// What messages call the filter.
    filter_name: &'static str,
    options: PageOptions,
}

/// What Query calls the filter by names.
const FILTER: &str = "QueryFilter";

impl Query {
    /// Reads and validates the request, without its table.
    ///
    /// # Errors
    /// What DynamoDB refuses, and what this service does not support.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let table_name = params.table_name()?;
        let index_name = params.string("IndexName")?;
        let forward = params.boolean("ScanIndexForward")?.unwrap_or(true);
        let start_key = params.object("ExclusiveStartKey")?;
        let key_condition = params.string("KeyConditionExpression")?;
        let key_conditions = RawConditions::take_filter(&mut params, "KeyConditions")?;
        let common = page_options::Common::take(&mut params, FILTER, index_name.is_some())?;
        params.finish_constraints()?;
        let mut placeholders = common.placeholders(
            &mut params,
            FILTER,
            Some(key_conditions.is_some()),
            Some(key_condition.is_some()),
        )?;
        let start_key = page_options::start_key(start_key)?;
        let filter_name = common.filter_name(FILTER);
        let key_condition = match (key_condition, key_conditions) {
            (Some(text), _) => KeyConditionExpression::parse(&text, &mut placeholders)?,
            (None, Some(conditions)) => conditions.key_condition()?,
            (None, None) => {
                return Err(ApiError::validation(
                    "Either the KeyConditions or KeyConditionExpression parameter must be \
                     specified in the request.",
                ));
            }
        };
        let options = common.finish(&mut placeholders)?;
        Ok(Self { table_name, index_name, key_condition, start_key, forward, filter_name, options })
    }

    /// The table that the request names.
    pub fn table_name(&self) -> &str {
        &self.table_name
    }

    /// Where the page before has ended, if the request says so and that is a key of `table`.
    pub fn start_key(&self, table: &TableDefinition) -> Option<PrimaryKey> {
        keys::of_key(&table.key_schema, self.start_key.as_ref()?).ok()
    }

    /// The page that the request asks for in `table`.
    ///
    /// # Errors
    /// If the key condition is not on the table's key, or another part does not fit it.
    pub fn plan(self, table: &TableDefinition) -> Result<PagePlan, ApiError> {
        page_options::check_index(self.index_name.as_deref())?;
        let schema = &table.key_schema;
        let ranges = table.range_queries();
        let condition = self.key_condition.bind(schema, ranges != RangeQueries::Refused)?;
        // What a query fans out for is put into range order.
        let fans_out =
            ranges == RangeQueries::FanOut && matches!(condition, KeyCondition::Collections(_));
        let order = if fans_out { Strategy::Range } else { table.strategy };
        let (range, bounds) = match &condition {
            KeyCondition::Collection { partition, sort } => {
                keys::check_not_empty(&schema.partition.name, partition)?;
                let collection = collection_range(order, partition);
                match sort {
                    Some(sort) => (sort_range(order, partition, sort), collection),
                    None => (collection.clone(), collection),
                }
            }
            KeyCondition::Collections(condition) => {
                for value in condition.values() {
                    keys::check_not_empty(&schema.partition.name, value)?;
                }
                let range = partition_range(condition);
                (range.clone(), range)
            }
        };
        let range = match &self.start_key {
            Some(start) => self.rest(schema, order, range, start, &bounds)?,
            None => range,
        };
        page_options::check_paths(table, &self.options)?;
        if let Some(filter) = &self.options.filter {
            check_filter(table, filter, self.filter_name)?;
        }
        let mut plan = PagePlan::new(table, range, self.forward, self.options);
        plan.over_collections = matches!(condition, KeyCondition::Collections(_));
        Ok(if fans_out { plan.fanning_out() } else { plan })
    }

    /// What is left of `range`, a part of `bounds`, behind the start key, which must lie in it.
    fn rest(
        &self,
        schema: &KeySchema,
        order: Strategy,
        range: KeyRange,
        start: &Item,
        bounds: &KeyRange,
    ) -> Result<KeyRange, ApiError> {
        let key = page_options::checked_start_key(schema, order, start)?;
        if !bounds.contains(&key) {
            return Err(ApiError::validation(
                "The provided starting key is outside query boundaries based on provided conditions",
            ));
        }
        if !range.contains(&key) {
            return Err(ApiError::validation(
                "The provided starting key does not match the range key predicate",
            ));
        }
        Ok(storage_key::resume(&range, &key, self.forward))
    }
}

/// A query's filter cannot be on key attributes: those belong into the key condition.
fn check_filter(table: &TableDefinition, filter: &Condition, name: &str) -> Result<(), ApiError> {
    let is_key = |name: &str| table.key_schema.is_key(name);
    match filter.paths().find(|path| is_key(&path.attribute)) {
        None => Ok(()),
        Some(path) => Err(ApiError::validation(format!(
            "{name} can only contain non-primary key attributes: Primary key attribute: {}",
            path.attribute
        ))),
    }
}
