//! What is known of each database while the log is read from its beginning.

use super::{Location, Recovered};
use crate::error::{LogError, Result};
use crate::name::DatabaseName;
use std::collections::BTreeMap;

/// All databases of the log.
#[derive(Debug, Default)]
pub(crate) struct Index {
    databases: BTreeMap<DatabaseName, Found>,
}

/// One database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its rows after this id are in the log that was read.
    pub(crate) after_id: u64,
    pub(crate) last_id: u64,
    pub(crate) stored_id: u64,
    pub(crate) records: Vec<Location>,
}

impl Index {
    /// A database record: the first of a database makes it known, later ones must agree.
    pub(super) fn database(
        &mut self,
        name: &DatabaseName,
        last_id: u64,
        stored_id: u64,
    ) -> Result<(), String> {
        let new = || Found { after_id: last_id, last_id, stored_id, records: Vec::new() };
        let found = self.databases.entry(name.clone()).or_insert_with(new);
        if found.last_id != last_id {
            return Err(format!("{name} ends at id {}, not at {last_id}", found.last_id));
        }
        if stored_id < found.stored_id || stored_id > last_id {
            return Err(format!("{name} cannot be stored up to id {stored_id}"));
        }
        found.stored_id = stored_id;
        Ok(())
    }

    pub(super) fn rows(
        &mut self,
        name: &DatabaseName,
        previous_id: u64,
        location: Location,
    ) -> Result<(), String> {
        let found = self.databases.get_mut(name).ok_or("rows of a dropped database")?;
        if found.last_id != previous_id || location.id <= previous_id {
            return Err(format!(
                "rows {} of {name} say that they follow {previous_id}, but {} was before them",
                location.id, found.last_id
            ));
        }
        found.last_id = location.id;
        found.records.push(location);
        Ok(())
    }

    pub(super) fn drop(&mut self, name: &DatabaseName) {
        self.databases.remove(name);
    }

    /// Forgets the rows that are in other files, and makes sure that all others are there.
    pub(super) fn finish(mut self) -> Result<BTreeMap<DatabaseName, Found>> {
        for (name, found) in &mut self.databases {
            if found.stored_id < found.after_id {
                return Err(LogError::Lost {
                    database: name.clone(),
                    reason: format!(
                        "those from {} to {} are in no other file, and the log begins after them",
                        found.stored_id + 1,
                        found.after_id
                    ),
                });
            }
            found.records.retain(|record| record.id > found.stored_id);
        }
        Ok(self.databases)
    }
}

impl Found {
    pub(crate) fn recovered(self) -> Recovered {
        let Self { last_id, stored_id, records, .. } = self;
        Recovered { last_id, stored_id, records }
    }
}
