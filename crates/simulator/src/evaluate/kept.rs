//! Results that are kept, so that a long evaluation can be broken off and taken up again.
//!
//! One file per workload, seed and policy, and one for what all policies of a case share. A file's name
//! is the hash of everything that its content follows from: the code (of this crate and of those it
//! plays, and what they were built from, see `build.rs`), the settings, the workload, and a
//! recording's bytes. So what is stale is never found, and a directory can be shared by any number of
//! plans. Files are written beside their place and renamed into it. It is no database: nothing is
//! removed.

use super::{CaseResult, Source};
use crate::case::Case;
use crate::error::SimulatorError;
use crate::minutes::PlaySettings;
use crate::policies::{Curve, PolicyName};
use crate::recording::Recording;
use crate::report::Report;
use crate::workloads::Stratum;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

/// Which code this is.
const CODE: &str = env!("SIMULATOR_CODE");

/// A case without its runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct About {
    workload: String,
    stratum: Stratum,
    seed: u64,
    hours: f64,
    pub(super) curve: Curve,
}

impl About {
    pub(super) fn of(case: &Case, curve: Curve) -> Self {
        let workload = case.workload.clone();
        Self { workload, stratum: case.stratum, seed: case.seed, hours: case.hours(), curve }
    }

    pub(super) fn result(self, runs: Vec<Report>) -> CaseResult {
        let Self { workload, stratum, seed, hours, curve } = self;
        CaseResult { workload, stratum, seed, hours, runs, curve }
    }
}

/// Where the results of one case are.
pub(crate) struct Shelf {
    directory: PathBuf,
    case: Xxh3,
}

impl Shelf {
    /// The place for a case; the directory is made if it is not there.
    pub(crate) fn open(
        directory: &Path,
        source: &Source,
        seed: u64,
        settings: &PlaySettings,
    ) -> Result<Self, SimulatorError> {
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            |source| SimulatorError::Kept { path, source }
        };
        std::fs::create_dir_all(directory).map_err(failed(directory))?;
        let mut case = Xxh3::new();
        let mut add = |part: &[u8]| {
            case.update(&(part.len() as u64).to_le_bytes());
            case.update(part);
        };
        add(CODE.as_bytes());
        add(&serde_json::to_vec(settings)?);
        add(source.name().as_bytes());
        add(&seed.to_le_bytes());
        if let Source::Recorded(recording, span) = source {
            let path = recording.path();
            add(match recording {
                Recording::Trace(_) => b"trace",
                Recording::Rates(_) => b"rates",
                Recording::Matrix(_) => b"matrix",
            });
            add(&serde_json::to_vec(span)?);
            add(&std::fs::read(path).map_err(failed(path))?);
        }
        Ok(Self { directory: directory.into(), case })
    }

    pub(super) fn about(&self) -> Result<Option<About>, SimulatorError> {
        self.get("case")
    }

    pub(super) fn put_about(&self, about: &About) -> Result<(), SimulatorError> {
        self.put("case", about)
    }

    pub(super) fn report(&self, policy: PolicyName) -> Result<Option<Report>, SimulatorError> {
        self.get(policy.name())
    }

    pub(super) fn put_report(
        &self,
        policy: PolicyName,
        report: &Report,
    ) -> Result<(), SimulatorError> {
        self.put(policy.name(), report)
    }

    fn path(&self, what: &str) -> PathBuf {
        let mut hash = self.case.clone();
        hash.update(what.as_bytes());
        self.directory.join(format!("{:032x}", hash.digest128()))
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, what: &str) -> Result<Option<T>, SimulatorError> {
        let path = self.path(what);
        let found = match std::fs::read(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(SimulatorError::Kept { path, source }),
        };
        let damaged = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        match postcard::from_bytes(&found).map_err(damaged) {
            Ok(value) => Ok(Some(value)),
            Err(source) => Err(SimulatorError::Kept { path, source }),
        }
    }

    pub(crate) fn put<T: Serialize>(&self, what: &str, value: &T) -> Result<(), SimulatorError> {
        let path = self.path(what);
        // Whoever else works on the same case writes the same; each beside the place of its own.
        let beside = path.with_extension(std::process::id().to_string());
        let written = postcard::to_stdvec(value)
            .map_err(io::Error::other)
            .and_then(|bytes| std::fs::write(&beside, bytes))
            .and_then(|()| std::fs::rename(&beside, &path));
        written.map_err(|source| SimulatorError::Kept { path, source })
    }
}
