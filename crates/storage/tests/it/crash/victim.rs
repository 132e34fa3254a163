//! The parent's side of a process that will be killed.

use super::child::{JOB, Job};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long a process may take for what it is waited for. After a kill it may take ten seconds until
/// a compaction is begun anew, for which a reslice waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// A child process and what it has said.
pub(crate) struct Victim {
    process: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Victim {
    pub(crate) fn start(job: &Job) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["crash::child::process", "--exact", "--nocapture", "--test-threads=1"])
            .env(JOB, serde_json::to_string(job).unwrap())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let lines = out.lines().map_while(Result::ok);
            for line in lines.filter(|line| line.starts_with('@')) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { process, lines, said: Vec::new() }
    }

    pub(crate) fn wait_until_ready(&mut self) {
        self.wait_for_several("@ready", 1);
    }

    pub(crate) fn wait_for_the_point(&mut self) {
        self.wait_for_several("@point", 1);
    }

    /// Waits for a line that begins with one or the other.
    pub(crate) fn wait_for_either(&mut self, one: &str, other: &str) {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            let found = line.starts_with(one) || line.starts_with(other);
            self.said.push(line);
            if found {
                return;
            }
        }
        panic!("neither {one} nor {other} from the process");
    }

    /// Waits for so many lines that begin with `wanted`.
    pub(crate) fn wait_for_several(&mut self, wanted: &str, mut count: usize) {
        let since = Instant::now();
        let left = || PATIENCE.saturating_sub(since.elapsed());
        while let Ok(line) = self.lines.recv_timeout(left()) {
            count -= usize::from(line.starts_with(wanted));
            self.said.push(line);
            if count == 0 {
                return;
            }
        }
        let last = self.said.len().saturating_sub(5);
        panic!("no {wanted} from the process, but {:?}", &self.said[last..]);
    }

    /// Kills the process (SIGKILL) and returns all that it said.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        // The pipe ends with the process; what was written before is still in it.
        let mut said = std::mem::take(&mut self.said);
        said.extend(self.lines.iter());
        said
    }
}

impl Drop for Victim {
    /// A failed test leaves no process behind.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
