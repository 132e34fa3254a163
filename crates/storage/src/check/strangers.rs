//! Databases that neither a table nor a backup names: in files, or in the log.
//!
//! A stop in the middle of making a table or a clone leaves some behind, and the next start deletes
//! them. But so does a record that was removed by hand: a database with rows whose table nobody has
//! ever heard of is taken for that, and told before a start deletes it.

use super::catalog::Catalog;
use super::log::Log;
use super::{Check, RESTORE};
use crate::backup::register::path_of;
use crate::engine::DATA;
use object_store::path::Path;
use slatedb::admin::AdminBuilder;
use std::collections::{BTreeSet, HashSet};

/// Finds them.
pub(super) async fn find(check: &mut Check, catalog: &Catalog, log: Option<&Log>) {
    let named: HashSet<Path> = catalog.named().into_iter().map(path_of).collect();
    let restoring = catalog.backups.iter().flat_map(|backup| &backup.restoring);
    let known = catalog.tables.iter().map(|table| &table.id).chain(restoring);
    let known: HashSet<Path> = known.map(|table| Path::from(format!("{DATA}/{table}"))).collect();
    for path in databases(check, log).await.difference(&named.into_iter().collect()) {
        let of_a_known_table = known.iter().any(|table| path.prefix_matches(table));
        if !catalog.complete {
            let what = "no record that can be read names this database";
            check.report.harmless(path, what, "see what is said of the catalog first");
        } else if !of_a_known_table && has_rows(check, path, log).await {
            let what = "it has rows, but the record of its table is missing from the catalog";
            check.report.damaged(path, what, "do not start the service: a start deletes it");
        } else {
            let what = "nobody names this database: it was being made, or deleted";
            check.report.harmless(path, what, "nothing to do: the next start deletes it");
        }
    }
    if let Err(error) = check.directories(DATA).await {
        check.report.damaged(DATA, error, RESTORE);
    }
}

/// All databases that there is anything of.
async fn databases(check: &Check, log: Option<&Log>) -> BTreeSet<Path> {
    let mut paths = BTreeSet::new();
    for table in check.directories(DATA).await.unwrap_or_default() {
        paths.extend(check.directories(table.as_ref()).await.unwrap_or_default());
    }
    let logged = log.into_iter().flat_map(|log| log.seen.databases.keys());
    paths.extend(logged.map(|name| Path::from(name.as_str())));
    paths
}

/// Whether anything was ever written into a database, as far as that can be told.
async fn has_rows(check: &Check, path: &Path, log: Option<&Log>) -> bool {
    if log.is_some_and(|log| log.batches(path) > 0) {
        return true;
    }
    let admin = AdminBuilder::new(path.clone(), check.store.clone()).build();
    match admin.read_manifest(None).await {
        Ok(manifest) => manifest.is_some_and(|m| m.all_sst_views().next().is_some()),
        Err(_) => true,
    }
}
