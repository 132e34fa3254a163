//! The configuration file: one TOML table per crate, every field with a default.
//!
//! Command-line flags win over the file. A name that nothing reads is refused, so that a misspelt
//! setting is not silently a default.

use crate::alerts::AlertSettings;
use forecast::ForecastSettings;
use manager::ManagerSettings;
use planner::controller::ControllerSettings;
use planner::settings::PlannerSettings;
use serde::{Deserialize, Serialize};
use server::{AdminSettings, ServerSettings};
use std::path::{Path, PathBuf};
use storage::StorageSettings;
use workload::WorkloadSettings;

/// Everything a service can be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// `[server]`: the DynamoDB API and its limits.
    pub(crate) server: ServerSettings,
    /// `[admin]`: the page, the admin API and metrics.
    pub(crate) admin: AdminSettings,
    /// `[storage]`: the data directory and the engine.
    pub(crate) storage: StorageSettings,
    /// `[workload]`: recorder, windows and cells.
    pub(crate) workload: WorkloadSettings,
    /// `[forecast]`: models and calibration.
    pub(crate) forecast: ForecastSettings,
    /// `[planner]`: scores, slices, merges, the reactive floor.
    pub(crate) planner: PlannerSettings,
    /// `[manager]`: the loop.
    pub(crate) manager: ManagerSettings,
    /// `[controller]`: how tables are looked at.
    pub(crate) controller: ControllerConfig,
    /// `[alerts]`: who is told of anomalies.
    pub(crate) alerts: AlertSettings,
}

/// What of the controller is told here; the rest it shares with `[planner]` and `[forecast]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ControllerConfig {
    /// How many of the last milliseconds count as "now"; a clock that runs fast needs more of them.
    pub(crate) now_ms: i64,
}

impl Default for ControllerConfig {
    fn default() -> Self {
        Self { now_ms: ControllerSettings::default().now_ms }
    }
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {}: {why}", path.display())]
    Read { path: PathBuf, why: std::io::Error },
    /// The file does not say what a configuration can say.
    #[error("{}: {why}", path.display())]
    Parse { path: PathBuf, why: String },
}

impl Config {
    /// Reads a file, or gives the defaults without one.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path)
            .map_err(|why| ConfigError::Read { path: path.to_owned(), why })?;
        toml::from_str(&text).map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            // The parser draws the line over several lines; an error here is one line.
            why: error.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::load(Some(file.path()))
    }

    #[test]
    fn a_file_changes_what_it_names_and_nothing_else() {
        let config = load("[server.limits]\nmode = \"off\"\n[manager]\ntick_ms = 500\n").unwrap();
        let mut expected = Config::default();
        expected.server.limits.mode = server::LimitMode::Off;
        expected.manager.tick_ms = 500;
        assert_eq!(config, expected);
    }

    #[test]
    fn credentials_are_read_and_not_shown() {
        let config = load("[server.credentials]\nAKID = \"tiger\"\n").unwrap();
        assert_eq!(config.server.credentials.ids().collect::<Vec<_>>(), ["AKID"]);
        assert!(!format!("{config:?}").contains("tiger"));
    }

    #[test]
    fn a_misspelt_name_is_refused_in_one_line() {
        let error = load("[manager]\ntick = 500\n").unwrap_err().to_string();
        assert!(error.contains("unknown field `tick`"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
