//! A `foreshard serve` of our own: started on a fresh directory, watched from outside, killed at the end.
//!
//! It is a process by itself so that its CPU time is its own: what the load generator spends is not in it.

use super::ServerBenchError;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The access key that a service with credentials knows, and its secret.
pub(super) const CREDENTIALS: (&str, &str) = ("AKIDBENCH", "a secret for benchmarks only");
/// Linux tells CPU time in hundredths of a second, whatever the kernel's own clock does.
const TICKS_PER_S: f64 = 100.0;

/// How a service differs from the others in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    /// The executable.
    pub(super) binary: PathBuf,
    /// What its rows are called.
    pub(super) name: String,
    /// Partitions of its table.
    pub(super) partitions: u32,
    /// Whether it has credentials, so that signatures are verified.
    pub(super) verifies: bool,
}

impl Variant {
    /// No limits, and nothing for the manager to do but to watch: partitions stay as they are.
    fn config(&self) -> String {
        let Self { partitions, verifies, .. } = self;
        let mut text = format!(
            "[server.tables]\npartitions_initial = {partitions}\n\
             [server.limits]\nmode = \"off\"\nread_units_per_s = 1e9\nwrite_units_per_s = 1e9\n\
             [planner.merge]\npartitions_min = {partitions}\n"
        );
        if *verifies {
            let (id, secret) = CREDENTIALS;
            text += &format!("[server.credentials]\n{id} = \"{secret}\"\n");
        }
        text
    }
}

/// A service that runs.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) variant: Variant,
    pub(super) address: SocketAddr,
    pid: u32,
    child: Child,
    /// Kept open: a service whose output nobody takes would die of it.
    _output: Lines<BufReader<ChildStdout>>,
    _directory: TempDir,
}

impl Served {
    /// Starts a service whose data are in a new directory inside `parent`.
    pub(super) async fn start(variant: Variant, parent: &Path) -> Result<Self, ServerBenchError> {
        let failed = |why: std::io::Error| ServerBenchError::Start(variant.binary.clone(), why);
        let directory = tempfile::tempdir_in(parent).map_err(failed)?;
        let config = directory.path().join("config.toml");
        std::fs::write(&config, variant.config()).map_err(failed)?;
        let mut child = Command::new(&variant.binary)
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .arg("--data")
            .arg(directory.path().join("data"))
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let gone = || ServerBenchError::Ended(variant.name.clone());
        let (pid, output) = child.id().zip(child.stdout.take()).ok_or_else(gone)?;
        let mut output = BufReader::new(output).lines();
        let address = loop {
            let line = output.next_line().await.map_err(failed)?.ok_or_else(gone)?;
            let url = line.trim().strip_prefix("DynamoDB API").map(str::trim);
            if let Some(Ok(address)) = url.and_then(|u| u.strip_prefix("http://")).map(str::parse) {
                break address;
            }
        };
        Ok(Self { variant, address, pid, child, _output: output, _directory: directory })
    }

    /// The CPU time that it has used until now, in user and kernel mode, of all its threads.
    pub(super) fn cpu_seconds(&self) -> Result<f64, ServerBenchError> {
        let path = format!("/proc/{}/stat", self.pid);
        let stat = std::fs::read_to_string(&path).map_err(ServerBenchError::CpuTime)?;
        ticks(&stat)
            .map(|ticks| ticks / TICKS_PER_S)
            .ok_or_else(|| ServerBenchError::Ended(self.variant.name.clone()))
    }

    /// Ends it. Its data go with it.
    pub(super) async fn stop(mut self) -> Result<(), ServerBenchError> {
        let name = self.variant.name.clone();
        self.child.kill().await.map_err(|_| ServerBenchError::Ended(name))
    }
}

/// `utime + stime`, the 14th and 15th field; the second, the name in brackets, may hold anything.
fn ticks(stat: &str) -> Option<f64> {
    let behind_name = stat.rsplit_once(')')?.1;
    let mut fields = behind_name.split_whitespace().skip(11);
    let (user, system) = (fields.next()?, fields.next()?);
    Some(user.parse::<f64>().ok()? + system.parse::<f64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn cpu_time_is_found_behind_any_name() {
        let stat = "7 (a ) 1 (b) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 8 0 1 2 3";
        assert_eq!(ticks(stat), Some(200.0));
        assert_eq!(ticks("7 (short) S 1"), None);
    }

    #[test]
    fn the_configuration_is_one() {
        let variant = Variant {
            binary: PathBuf::new(),
            name: "signed".into(),
            partitions: 16,
            verifies: true,
        };
        let config: Config = toml::from_str(&variant.config()).unwrap();
        assert_eq!(config.server.tables.partitions_initial, 16);
        assert_eq!(config.server.limits.mode, server::LimitMode::Off);
        assert_eq!(config.planner.merge.partitions_min, 16);
        assert_eq!(config.server.credentials.ids().collect::<Vec<_>>(), [CREDENTIALS.0]);
    }
}
