//! The configuration: one TOML table per crate, every field with a default.
//!
//! What is told last wins: the defaults, the file, the environment (`environment`), flags of the command
//! line. A name that nothing reads is refused, so that a misspelt setting is not silently a default
//! (`names`). What changes while a service runs is `reload`'s business.

mod environment;
mod names;
mod origins;
mod show;

pub(crate) mod command;

use crate::alerts::AlertSettings;
use crate::logging::LogSettings;
use forecast::ForecastSettings;
use manager::ManagerSettings;
use origins::{Origins, Place, Places};
use planner::controller::ControllerSettings;
use planner::settings::PlannerSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use server::{AdminSettings, ServerError, ServerSettings};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};
use storage::StorageSettings;
use toml::de::DeTable;
use workload::WorkloadSettings;

/// Everything a service can be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// `[server]`: the DynamoDB API and its limits.
    pub(crate) server: ServerSettings,
    /// `[admin]`: the page, the admin API and metrics.
    pub(crate) admin: AdminSettings,
    /// `[log]`: what is logged, and how.
    pub(crate) log: LogSettings,
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

/// Why a configuration was refused, in one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {}: {why}", path.display())]
    Read { path: PathBuf, why: std::io::Error },
    /// It does not say what a configuration can say.
    #[error("{place}: {why}")]
    Told { place: Place, why: String },
    /// The server would not start with it.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The store would not open with it.
    #[error(transparent)]
    Storage(#[from] storage::StorageError),
    /// Nothing could be forecast with it.
    #[error("[forecast] {0}")]
    Forecast(#[from] forecast::ForecastError),
    /// Alerts could not be sent.
    #[error("[alerts] url = {0:?} is no address such as http://127.0.0.1:9093/api/v2/alerts")]
    AlertUrl(String),
    /// Nobody knows what to log.
    #[error(
        "[log] level = {level:?}: {why}; write a level such as \"info\" or \"warn,server=debug\""
    )]
    LogLevel { level: String, why: String },
}

/// A configuration, and where each of its settings was told.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) origins: Origins,
}

impl Config {
    /// Reads a file, if there is one, and the environment of this process.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        Ok(Loaded::new(path, std::env::vars_os())?.config)
    }

    /// Refuses what a service would not start with, as far as can be said without starting one.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.server.check()?;
        self.admin.check()?;
        self.storage.check()?;
        self.forecast.validate()?;
        self.log.check()?;
        self.alerts.address()?;
        Ok(())
    }

    /// The names of the settings that differ between two configurations, with dots between; secrets aside.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let mut names = Vec::new();
        differences("", &self.tree(), &other.tree(), &mut names);
        names
    }

    /// All settings with their names, as they would be written; secrets are hidden.
    fn tree(&self) -> Value {
        // Plain data with text for keys: it always can be written.
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl Loaded {
    /// Reads a file, if there is one, and what `environment` changes of it.
    pub(crate) fn new(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let text = match path {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|why| ConfigError::Read { path: path.to_owned(), why })?,
        };
        let variables = environment::overrides(environment)?;
        let places = Places::new(path, &text, &variables);
        let refuse = |span: Option<Range<usize>>, why: &str| ConfigError::Told {
            place: places.place(span.map_or(0, |span| span.start)),
            why: why.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        let mut document =
            DeTable::parse(&text).map_err(|error| refuse(error.span(), error.message()))?;
        let known = Config::default().tree();
        if let Some(unknown) = names::unknown(document.get_ref(), &known) {
            return Err(refuse(Some(unknown.span), &unknown.why));
        }
        for (index, variable) in variables.iter().enumerate() {
            let position = places.position(index);
            environment::apply(document.get_mut(), variable, &known, position)
                .map_err(|why| refuse(Some(position..position), &why))?;
        }
        let origins = places.origins(document.get_ref());
        let config = Config::deserialize(toml::Deserializer::from(document)).map_err(|error| {
            let place = places.place(error.span().map_or(0, |span| span.start));
            let name = origins.iter().find(|(_, at)| **at == place).map(|(name, _)| name.as_str());
            refuse(error.span(), &without_secrets(name.unwrap_or_default(), error.message()))
        })?;
        Ok(Self { config, origins })
    }
}

fn differences(path: &str, one: &Value, other: &Value, names: &mut Vec<String>) {
    let inner = |value: &Value, name: &String| value.get(name).cloned().unwrap_or_default();
    match (one.as_object(), other.as_object()) {
        (Some(these), Some(those)) => {
            let all: BTreeSet<&String> = these.keys().chain(those.keys()).collect();
            for name in all {
                let path = format!("{path}{}{name}", if path.is_empty() { "" } else { "." });
                differences(&path, &inner(one, name), &inner(other, name), names);
            }
        }
        _ if one != other => names.push(path.to_owned()),
        _ => {}
    }
}

/// A parser's message names the value it did not like; where secrets are it must not.
fn without_secrets(name: &str, message: &str) -> String {
    let is_secret = ["server.credentials", "admin.tokens"].iter().any(|of| name.starts_with(of));
    match (is_secret, name) {
        (true, _) => format!("{name} is not what belongs there; put secrets and names in quotes"),
        (false, "") => message.to_owned(),
        (false, name) => format!("{name}: {message}"),
    }
}

#[cfg(test)]
mod tests;
