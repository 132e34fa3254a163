//! Logs: to stderr, so that stdout stays clean for `--json`; as text for people or, line by line, as
//! JSON for machines.
//!
//! What belongs to a request carries its id, which its client was told, too. Neither items nor secrets
//! are logged; that a request failed is, with the reason that its client got.

mod format;

use crate::config::ConfigError;
use format::{Json, Text};
use serde::{Deserialize, Serialize};
use std::io::IsTerminal;
use std::str::FromStr;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, Registry, reload};

/// What is logged by default. The engine tells in "info" why it repeats a request to the disk or the
/// bucket; that is worth a line.
const LEVEL: &str = "warn,slatedb::retrying_object_store=info";
/// Wins over the configuration.
const VARIABLE: &str = EnvFilter::DEFAULT_ENV;
/// `[log]`: what is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSettings {
    /// `error`, `warn`, `info`, `debug` or `trace`, and exceptions: `warn,server=debug` has a line for
    /// every request. RUST_LOG in the environment wins over it.
    pub(crate) level: String,
    /// How lines look.
    pub(crate) format: LogFormat,
}

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON document per line.
    Json,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: LEVEL.to_owned(), format: LogFormat::default() }
    }
}

impl LogSettings {
    /// What a command logs that has no configuration.
    pub(crate) fn of_command(level: &str) -> Self {
        Self { level: format!("{LEVEL},{level}"), ..Self::default() }
    }

    /// Refuses a level that nobody knows.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        filter(&self.level).map(|_| ())
    }
}

/// What decides whether something is logged.
fn filter(level: &str) -> Result<EnvFilter, ConfigError> {
    let refuse = |why: String| ConfigError::LogLevel { level: level.to_owned(), why };
    let parts: Vec<&str> =
        level.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    for part in &parts {
        // Anything else would be a target of which all is logged: "debgu" would be silence.
        let is_bare = !part.contains(['=', '[']);
        if is_bare && LevelFilter::from_str(part).is_err() {
            return Err(refuse(format!("{part:?} is no level")));
        }
    }
    EnvFilter::try_new(parts.join(",")).map_err(|error| refuse(error.to_string()))
}

/// Changes what is logged while the process runs.
#[derive(Debug)]
pub(crate) struct LogControl {
    handle: reload::Handle<EnvFilter, Registry>,
    is_fixed: bool,
}

impl LogControl {
    /// Logs what these settings say from now on.
    pub(crate) fn apply(&self, settings: &LogSettings) -> Result<(), ConfigError> {
        if self.is_fixed {
            tracing::warn!("[log] level is not looked at: {VARIABLE} is set");
            return Ok(());
        }
        let level = settings.level.clone();
        let set = self.handle.reload(filter(&level)?);
        set.map_err(|error| ConfigError::LogLevel { level, why: error.to_string() })
    }
}

/// Whether colours are welcome where they can be seen: see no-color.org.
pub(crate) fn wants_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}

/// Begins to log.
pub(crate) fn start(settings: &LogSettings) -> Result<LogControl, ConfigError> {
    let told = EnvFilter::try_from_default_env().ok();
    let is_fixed = told.is_some();
    let filter = match told {
        Some(filter) => filter,
        None => filter(&settings.level)?,
    };
    let (filter, handle) = reload::Layer::new(filter);
    // A journal or a file has no use for colours.
    let is_coloured = wants_colour() && std::io::stderr().is_terminal();
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(is_coloured);
    let lines = match settings.format {
        LogFormat::Text => lines.fmt_fields(Text::default()).boxed(),
        LogFormat::Json => lines.event_format(Json).boxed(),
    };
    tracing_subscriber::registry().with(filter).with(lines).init();
    Ok(LogControl { handle, is_fixed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_levels_that_exist_are_taken() {
        for level in ["warn", "", "info,server=debug", LEVEL, "off", "WARN, manager=trace"] {
            assert!(filter(level).is_ok(), "{level}");
        }
        for level in ["debgu", "warn,server", "server=loud", "="] {
            assert!(filter(level).is_err(), "{level}");
        }
    }
}
