//! What can go wrong here: only what somebody configured.

/// Errors of this crate.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum PlannerError {
    /// A setting is out of its range.
    #[error("planner setting {name} is {value}, but must be {expected}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A stored record is damaged or of another version.
    #[error("a stored record cannot be read: {0}")]
    Stored(String),
    /// The forecaster refuses its settings.
    #[error(transparent)]
    Forecast(#[from] forecast::ForecastError),
}
