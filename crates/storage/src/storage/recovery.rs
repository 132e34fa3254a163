//! What happens at start: every table of the catalog is brought to rest and opened.

use crate::catalog::Catalog;
use crate::error::Result;
use crate::record::table::TableState;
use crate::table::open::Expect;
use crate::table::{Shared, Table};
use std::sync::Arc;

/// Opens all tables, by name.
pub(super) async fn open_tables(
    shared: &Arc<Shared>,
    catalog: &Catalog,
) -> Result<Vec<Arc<Table>>> {
    let mut names = catalog.table_names().await?;
    names.sort();
    let mut tables = Vec::new();
    for name in names {
        let object = catalog.table(&name).await?;
        let Some(record) = object.record().await else {
            continue;
        };
        if record.state == TableState::Active {
            tables.push(Table::open(shared.clone(), object, record, Expect::Database).await?);
        }
    }
    Ok(tables)
}
