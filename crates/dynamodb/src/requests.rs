//! The operations: one module each, or one for a few small ones.
//!
//! `write`, `read` and `page` are what several of them come down to: a conditional change of one
//! item, a read of one item, and a page of a key range.

pub(crate) mod backups;
pub(crate) mod batch_get_item;
pub(crate) mod batch_write_item;
mod conditions;
pub(crate) mod create_table;
pub(crate) mod delete_item;
pub(crate) mod descriptions;
pub(crate) mod gathering;
pub(crate) mod get_item;
pub(crate) mod page;
mod page_options;
mod projections;
pub(crate) mod put_item;
pub(crate) mod query;
pub(crate) mod read;
pub(crate) mod scan;
mod table_params;
pub(crate) mod tables;
pub(crate) mod tags;
pub(crate) mod update_item;
pub(crate) mod update_table;
pub(crate) mod write;

use crate::error::ApiError;
use crate::expression::Path;
use crate::table::TableDefinition;

/// Refuses document paths that lead into a key attribute: keys are scalars.
fn check_key_paths<'a>(
    table: &TableDefinition,
    mut paths: impl Iterator<Item = &'a Path>,
) -> Result<(), ApiError> {
    match paths.find(|path| path.is_nested() && table.key_schema.is_key(&path.attribute)) {
        None => Ok(()),
        Some(path) => Err(ApiError::validation(format!(
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not \
             allowed: Key: {}",
            path.attribute
        ))),
    }
}

#[cfg(test)]
mod tests;
