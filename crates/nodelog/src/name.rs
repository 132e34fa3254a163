//! The name of a database: in `storage`, its path.

use crate::error::{LogError, Result};
use std::fmt;
use std::sync::Arc;

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 1_024;

/// Names one incarnation of a database. A name is never used again for another one, unless the
/// first was [dropped](crate::NodeLog::drop_database).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatabaseName(Arc<str>);

impl DatabaseName {
    /// A name of 1 to 1,024 bytes.
    pub fn new(name: &str) -> Result<Self> {
        match name.is_empty() || name.len() > NAME_BYTES_MAX {
            true => Err(LogError::Refused(format!(
                "a database's name has 1 to {NAME_BYTES_MAX} bytes, this one has {}",
                name.len()
            ))),
            false => Ok(Self(name.into())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
