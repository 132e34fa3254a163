//! What callers can do wrong. Bad *data* is no error: it becomes a gap (see [`Observation`]).
//!
//! [`Observation`]: crate::Observation

/// Wrong settings or arguments.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ForecastError {
    /// The bin size does not divide a day into a workable number of bins.
    #[error("bins of {bin_ms} ms: choose a bin that divides a day into 24 to 1440 bins")]
    BinSize {
        /// The refused bin size.
        bin_ms: i64,
    },
    /// The series has other bins than the settings.
    #[error("the series has bins of {series_ms} ms, the settings {settings_ms} ms: re-bin it")]
    BinMismatch {
        /// The series' bin size.
        series_ms: i64,
        /// The settings' bin size.
        settings_ms: i64,
    },
    /// A setting lies outside its range.
    #[error("setting {name} is {value}: it must be {expected}")]
    Setting {
        /// The setting's name.
        name: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be set to.
        expected: &'static str,
    },
    /// A bin from the past was pushed.
    #[error("a bin that starts at {start_ms} ms was pushed, but the next one is {next_ms} ms")]
    OutOfOrder {
        /// The pushed bin's start.
        start_ms: i64,
        /// The start of the bin that was expected.
        next_ms: i64,
    },
    /// The method cannot forecast from what it has seen.
    #[error("{method} needs more history: {needed}")]
    TooShort {
        /// The method's name.
        method: &'static str,
        /// What is missing.
        needed: String,
    },
    /// The shared network does not fit the series.
    #[error("the network forecasts {steps} steps of {bin_ms} ms: train one for these settings")]
    ForeignNetwork {
        /// The bins it was trained on.
        bin_ms: i64,
        /// Its horizon.
        steps: usize,
    },
    /// A stored network cannot be used.
    #[error("the stored network cannot be read: {reason}; train it anew")]
    StoredNetwork {
        /// What is wrong with it.
        reason: String,
    },
    /// A row of cell loads has the wrong length.
    #[error("got loads of {got} cells for a model of {expected}: rebuild it from the matrix")]
    CellCount {
        /// How many loads were given.
        got: usize,
        /// How many cells the model has.
        expected: usize,
    },
}
