//! Tables that are being made, changed or deleted: what DescribeTable shows meanwhile, and what may
//! not be begun until it is over.
//!
//! A state lasts as long as the work does, no longer: it is taken when the work begins and given
//! back when it ends, whatever became of the request that asked for it. In storage a table is there
//! or it is not; this is the time in between. Nothing of it survives a restart: storage then
//! finishes or forgets what was under way.

use std::collections::HashMap;
use std::sync::Arc;

use dynamodb::{ApiError, TableDefinition, TableStatus};
use parking_lot::Mutex;

/// The tables of a server that are not ACTIVE.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableStates {
    changing: Arc<Mutex<HashMap<String, Changing>>>,
}

/// A table in between.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Changing {
    /// Which way.
    pub(crate) status: TableStatus,
    /// What it will be, if it is being made, and else what it was.
    pub(crate) definition: TableDefinition,
}

impl Changing {
    /// The refusal of another change of the table.
    pub(crate) fn in_use(&self) -> ApiError {
        let state = match self.status {
            TableStatus::Creating => "created",
            TableStatus::Deleting => "deleted",
            TableStatus::Active | TableStatus::Updating => "updated",
        };
        ApiError::table_in_use(&self.definition.name, state)
    }
}

/// Keeps a table in its state until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    states: TableStates,
    name: String,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.states.changing.lock().remove(&self.name);
    }
}

impl TableStates {
    /// Begins a change.
    ///
    /// # Errors
    /// `ResourceInUseException` if the table is in the middle of another one.
    pub(crate) fn begin(
        &self,
        status: TableStatus,
        definition: &TableDefinition,
    ) -> Result<Held, ApiError> {
        let name = definition.name.clone();
        let mut changing = self.changing.lock();
        match changing.get(&name) {
            // The table stays there, and that is what a second CreateTable is told.
            Some(other)
                if status == TableStatus::Creating && other.status == TableStatus::Updating =>
            {
                return Err(ApiError::table_exists(&name));
            }
            Some(other) => return Err(other.in_use()),
            None => {}
        }
        let state = Changing { status, definition: definition.clone() };
        changing.insert(name.clone(), state);
        drop(changing);
        Ok(Held { states: self.clone(), name })
    }

    /// The state of the table called `name`; none if it is ACTIVE or not there.
    pub(crate) fn of(&self, name: &str) -> Option<Changing> {
        self.changing.lock().get(name).cloned()
    }

    /// The names of all tables that are not ACTIVE.
    pub(crate) fn names(&self) -> Vec<String> {
        self.changing.lock().keys().cloned().collect()
    }
}
