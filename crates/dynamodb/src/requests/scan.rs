//! Scan, also in parallel segments.

use super::page::{PageOptions, PagePlan};
use super::page_options;
use crate::error::ApiError;
use crate::json::Body;
use crate::keys;
use crate::params::Params;
use crate::table::TableDefinition;
use types::storage_key::{self, segment_range};
use types::{Item, KeyRange, PrimaryKey};

/// Most segments of a parallel scan.
const SEGMENTS_MAX: i64 = 1_000_000;

/// A Scan request.
#[derive(Clone, Debug)]
pub struct Scan {
    table_name: String,
    index_name: Option<String>,
    start_key: Option<Item>,
    /// Which segment of how many.
    segment: Option<(u32, u32)>,
    options: PageOptions,
}

/// What Scan calls the filter by names.
const FILTER: &str = "ScanFilter";

impl Scan {
    /// Reads and validates the request, without its table.
    ///
    /// # Errors
    /// What DynamoDB refuses, and what this service does not support.
    pub fn parse(body: Body) -> Result<Self, ApiError> {
        let mut params = Params::new(body);
        let table_name = params.table_name()?;
        let index_name = params.string("IndexName")?;
        let start_key = params.object("ExclusiveStartKey")?;
        let segment = params.integer("Segment")?;
        params.at_least(segment, 0, "segment");
        params.at_most(segment, SEGMENTS_MAX - 1, "segment");
        let total = params.integer("TotalSegments")?;
        params.at_least(total, 1, "totalSegments");
        params.at_most(total, SEGMENTS_MAX, "totalSegments");
        let common = page_options::Common::take(&mut params, FILTER, index_name.is_some())?;
        params.finish_constraints()?;
        let mut placeholders = common.placeholders(&mut params, FILTER, None, None)?;
        let start_key = page_options::start_key(start_key)?;
        let segment = checked_segment(segment, total)?;
        let options = common.finish(&mut placeholders)?;
        Ok(Self { table_name, index_name, start_key, segment, options })
    }

    /// The table that the request names.
    pub fn table_name(&self) -> &str {
        &self.table_name
    }

    /// Where the page before has ended, if the request says so and that is a key of `table`.
    pub fn start_key(&self, table: &TableDefinition) -> Option<PrimaryKey> {
        keys::of_key(&table.key_schema, self.start_key.as_ref()?).ok()
    }

    /// Which segment of how many is scanned.
    pub fn segment(&self) -> (u32, u32) {
        self.segment.unwrap_or((0, 1))
    }

    /// The page that the request asks for in `table`.
    ///
    /// # Errors
    /// If the start key or another part does not fit the table.
    pub fn plan(self, table: &TableDefinition) -> Result<PagePlan, ApiError> {
        page_options::check_index(self.index_name.as_deref())?;
        let range = match self.segment {
            Some((segment, total)) => segment_range(table.strategy, segment, total),
            None => KeyRange::full(),
        };
        let range = match &self.start_key {
            Some(start) => {
                let (schema, order) = (&table.key_schema, table.strategy);
                let key = page_options::checked_start_key(schema, order, start)?;
                if !range.contains(&key) {
                    let reason = "it does not lie in the segment that is scanned";
                    return Err(page_options::invalid_start_key(Some(reason)));
                }
                storage_key::resume(&range, &key, true)
            }
            None => range,
        };
        page_options::check_paths(table, &self.options)?;
        Ok(PagePlan::new(table, range, true, self.options))
    }
}

fn checked_segment(
    segment: Option<i64>,
    total: Option<i64>,
) -> Result<Option<(u32, u32)>, ApiError> {
    match (segment, total) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(ApiError::validation(
            "The TotalSegments parameter is required but was not present in the request when \
             Segment parameter is present",
        )),
        (None, Some(_)) => Err(ApiError::validation(
            "The Segment parameter is required but was not present in the request when parameter \
             TotalSegments is present",
        )),
        (Some(segment), Some(total)) if segment >= total => Err(ApiError::validation(format!(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: \
             Segment: {segment} is not less than TotalSegments: {total}"
        ))),
        // Both are within 0 and SEGMENTS_MAX by now.
        (Some(segment), Some(total)) => Ok(Some((segment as u32, total as u32))),
    }
}
