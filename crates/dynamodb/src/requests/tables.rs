//! DescribeTable, DeleteTable and ListTables, and the responses about tables.
//!
//! Other operations that only name a table are read as a `TableRequest`, too.

use crate::error::ApiError;
use crate::json::{self, Body};
use crate::params::Params;
use crate::table::{TableDefinition, TableSize, TableStatus};
use serde_json::json;

/// Most names in a page of ListTables, and how many there are without a `Limit`.
pub const LIST_TABLES_MAX: usize = 100;

/// A request that is just a table's name: DescribeTable, DeleteTable, ….
#[derive(Clone, Debug)]
pub struct TableRequest {
    table_name: String,
}

impl TableRequest {
    /// Reads and validates the request.
    ///
    /// # Errors
    /// If it names no table.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let table_name = params.table_name()?;
        params.finish_constraints()?;
        Ok(Self { table_name })
    }

    /// The table that the request names.
    pub fn table_name(&self) -> &str {
        &self.table_name
    }
}

/// The response of CreateTable, UpdateTable and DeleteTable.
pub fn table_description_response(
    table: &TableDefinition,
    status: TableStatus,
    size: TableSize,
) -> Vec<u8> {
    json::to_body(&json!({"TableDescription": table.description(status, size)}))
}

/// The response of DescribeTable.
pub fn describe_table_response(
    table: &TableDefinition,
    status: TableStatus,
    size: TableSize,
) -> Vec<u8> {
    json::to_body(&json!({"Table": table.description(status, size)}))
}

/// A ListTables request.
#[derive(Clone, Debug)]
pub struct ListTables {
    start: Option<String>,
    limit: usize,
}

impl ListTables {
    /// Reads and validates the request.
    ///
    /// # Errors
    /// If its parameters are out of bounds.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let start = params.string("ExclusiveStartTableName")?;
        let start = start.map(|name| params.checked_table_name(&name, "exclusiveStartTableName"));
        let limit = params.integer("Limit")?;
        params.at_least(limit, 1, "limit");
        params.at_most(limit, LIST_TABLES_MAX as i64, "limit");
        params.finish_constraints()?;
        let limit = limit.map_or(LIST_TABLES_MAX, |limit| limit as usize);
        Ok(Self { start, limit })
    }

    /// The response, of the names of all tables in any order.
    pub fn respond<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<u8> {
        let behind = |name: &&str| self.start.as_deref().is_none_or(|start| *name > start);
        let mut names: Vec<&str> = names.filter(behind).collect();
        names.sort_unstable();
        let more = names.len() > self.limit;
        names.truncate(self.limit);
        let mut response = json!({"TableNames": names});
        if more {
            response["LastEvaluatedTableName"] = json!(names.last());
        }
        json::to_body(&response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{body, parsed, refusal, table};

    fn list(request: serde_json::Value) -> serde_json::Value {
        let request = ListTables::parse(body(request)).unwrap();
        parsed(&request.respond(["ccc", "aaa", "bbb"].into_iter()))
    }

    #[test]
    fn tables_are_listed_in_pages() {
        assert_eq!(list(json!({})), json!({"TableNames": ["aaa", "bbb", "ccc"]}));
        assert_eq!(
            list(json!({"Limit": 2})),
            json!({"TableNames": ["aaa", "bbb"], "LastEvaluatedTableName": "bbb"})
        );
        assert_eq!(
            list(json!({"Limit": 2, "ExclusiveStartTableName": "bbb"})),
            json!({"TableNames": ["ccc"]})
        );
        assert!(refusal(ListTables::parse(body(json!({"Limit": 101})))).contains("equal to 100"));
        assert!(refusal(ListTables::parse(body(json!({"Limit": 0})))).contains("equal to 1"));
    }

    #[test]
    fn descriptions_are_wrapped_as_each_operation_does() {
        let table = table();
        let size = TableSize::default();
        let described = parsed(&describe_table_response(&table, TableStatus::Creating, size));
        assert_eq!(described["Table"]["TableStatus"], "CREATING");
        let deleted = parsed(&table_description_response(&table, TableStatus::Deleting, size));
        assert_eq!(deleted["TableDescription"]["TableStatus"], "DELETING");
    }

    #[test]
    fn a_table_must_be_named() {
        assert!(refusal(TableRequest::parse(body(json!({})))).contains("'tableName'"));
        let request = TableRequest::parse(body(json!({"TableName": "things"}))).unwrap();
        assert_eq!(request.table_name(), "things");
    }
}
