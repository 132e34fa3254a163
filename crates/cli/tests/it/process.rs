//! Starting the real binary and ending it in every way.

use crate::http::Http;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// A running `foreshard serve`; killed when dropped.
pub(crate) struct Service {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    pub(crate) http: Http,
}

/// The command, with free ports and the given directory.
pub(crate) fn serve(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreshard"));
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data"])
        .arg(directory)
        .kill_on_drop(true);
    command
}

impl Service {
    /// Starts the service and waits until it says where it listens.
    pub(crate) async fn start(directory: &Path) -> Self {
        Self::start_with(serve(directory)).await
    }

    /// The same with a command of one's own.
    pub(crate) async fn start_with(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let api = address(&mut stdout, "DynamoDB API").await;
        let admin = address(&mut stdout, "page, admin").await;
        Self { child, _stdout: stdout, http: Http::new(api, admin) }
    }

    /// SIGKILL: nothing is flushed, nothing is said.
    pub(crate) async fn kill(mut self) {
        self.child.start_kill().unwrap();
        self.child.wait().await.unwrap();
    }

    /// SIGTERM; returns the exit code.
    pub(crate) async fn terminate(mut self) -> Option<i32> {
        self.signal("-TERM").await;
        self.child.wait().await.unwrap().code()
    }

    /// Sends a signal.
    pub(crate) async fn signal(&self, signal: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().await.unwrap();
        assert!(sent.success());
    }

    /// What it logs, if its stderr is piped.
    pub(crate) fn log(&mut self) -> Lines<BufReader<ChildStderr>> {
        BufReader::new(self.child.stderr.take().unwrap()).lines()
    }
}

/// The address on the next line that begins with `label`.
async fn address(stdout: &mut BufReader<ChildStdout>, label: &str) -> String {
    let mut line = String::new();
    loop {
        line.clear();
        let read = stdout.read_line(&mut line).await.unwrap();
        assert_ne!(read, 0, "the service ended before it said where its {label} listens");
        if let Some(address) = line.trim().strip_prefix(label) {
            return address.trim().to_owned();
        }
    }
}

/// The next line of a log that says all of this.
pub(crate) async fn line_with(log: &mut Lines<BufReader<ChildStderr>>, words: &[&str]) -> String {
    loop {
        let line = log.next_line().await.unwrap();
        let line = line.unwrap_or_else(|| panic!("the log ended without {words:?}"));
        if words.iter().all(|word| line.contains(word)) {
            return line;
        }
    }
}

/// Runs a command that is expected to fail; its exit code and what it said on stderr.
pub(crate) async fn failure(mut command: Command) -> (Option<i32>, String) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
    (child.wait().await.unwrap().code(), said)
}
