//! `foreshard workload export`: what a running service saw of a table, as files to simulate with.
//!
//! Two files: a matrix of time and cell (everything that is known of up to 28 days, in bins of five
//! minutes and of the last day in minutes), and a key trace of the workload vectors that were sampled.
//! Everything comes through the admin API; the formats are `workload`'s (docs/evaluation.md). This module
//! asks, writes and counts.

mod hidden;

use crate::admin::{AdminError, Common, get};
use clap::Subcommand;
use flate2::Compression;
use flate2::write::GzEncoder;
use hidden::Hidden;
use manager::MatrixDocument;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use types::Units;
use workload::write_head;

/// How often the pages are begun anew because cells were cut or joined meanwhile.
const TRIES_MAX: usize = 5;

/// `foreshard workload …`
#[derive(Subcommand, Debug)]
pub(crate) enum WorkloadCommand {
    /// Write down what a service saw of a table, for `foreshard simulate`
    Export(Args),
}

/// What `workload export` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The table
    table: String,
    /// Write load by time and cell to this file (CSV; gzipped if it ends in .gz); without --matrix and
    /// --trace both are written, to TABLE.matrix.csv.gz and TABLE.trace.csv.gz
    #[arg(long, value_name = "FILE")]
    matrix: Option<PathBuf>,
    /// Write the workload vectors that were sampled as a key trace
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// From which window vectors are taken: 5m, 1h or 1d
    #[arg(long, value_name = "WINDOW", default_value = "1d", value_parser = ["5m", "1h", "1d"])]
    window: String,
    /// Tell no keys, clients and table names: keys of the trace and clients are hashed with a salt that
    /// is thrown away, cells are numbered in their order
    #[arg(long)]
    hash_keys: bool,
    #[command(flatten)]
    common: Common,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// The service did not answer, or said no.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The documents are not what this version knows.
    #[error("the service's {what} is not understood: {why}; use the same version on both sides")]
    Document {
        /// Which document.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// The cells did not stay the same for long enough.
    #[error("the cells of {0:?} changed {TRIES_MAX} times during the export; try again later")]
    Restless(String),
}

/// Runs `foreshard workload …`.
pub(crate) async fn run(command: WorkloadCommand) -> Result<(), ExportError> {
    let WorkloadCommand::Export(args) = command;
    let hidden = args.hash_keys.then(Hidden::new);
    let neither = args.matrix.is_none() && args.trace.is_none();
    let default = |kind: &str| neither.then(|| format!("{}.{kind}.csv.gz", args.table).into());
    let mut written = Vec::new();
    if let Some(path) = args.matrix.clone().or_else(|| default("matrix")) {
        let lines = export_matrix(&args, &path, hidden.is_some()).await?;
        written.push(json!({ "kind": "matrix", "file": path, "lines": lines }));
    }
    if let Some(path) = args.trace.clone().or_else(|| default("trace")) {
        let lines = export_trace(&args, &path, hidden.as_ref()).await?;
        written.push(json!({ "kind": "trace", "file": path, "lines": lines }));
    }
    if args.common.json() {
        println!("{}", json!({ "written": written }));
        return Ok(());
    }
    for file in written {
        let (kind, lines) = (file["kind"].as_str().unwrap_or_default(), &file["lines"]);
        println!("{}: {lines} lines ({kind})", file["file"].as_str().unwrap_or_default());
        if kind == "matrix" && lines.as_u64() == Some(0) {
            println!("no load is known yet: the first bin comes after five minutes; export later");
        }
    }
    Ok(())
}

/// Writes the matrix; returns how many lines it has.
async fn export_matrix(args: &Args, path: &Path, hide: bool) -> Result<u64, ExportError> {
    for _ in 0..TRIES_MAX {
        if let Some(lines) = try_matrix(args, path, hide).await? {
            return Ok(lines);
        }
    }
    Err(ExportError::Restless(args.table.clone()))
}

/// `None` if the cells changed on the way: all lines of a file speak of the same ones.
async fn try_matrix(args: &Args, path: &Path, hide: bool) -> Result<Option<u64>, ExportError> {
    let failed = |source| ExportError::Write { path: path.to_owned(), source };
    let recent = page(args, Some("1d"), 0).await?;
    let minutes_from_ms = recent.page.start_ms;
    let mut file = Output::create(path).map_err(failed)?;
    head(&recent, hide, &mut file).map_err(failed)?;
    file.lines = 0;
    // Bins of five minutes as far as minutes do not reach, then minutes.
    for (window, from_ms, until_ms) in
        [(None, 0, minutes_from_ms), (Some("1d"), minutes_from_ms, i64::MAX)]
    {
        let mut from_ms = from_ms;
        loop {
            let mut document = page(args, window, from_ms).await?;
            if document.page.cells != recent.page.cells {
                return Ok(None);
            }
            from_ms = document.page.page_end_ms();
            let last = from_ms >= document.page.end_ms.min(until_ms);
            if hide {
                document.page.hide_keys();
            }
            document.page.write_lines(until_ms, &mut file).map_err(failed)?;
            if last {
                break;
            }
        }
    }
    file.finish().map_err(failed).map(Some)
}

fn head(document: &MatrixDocument, hide: bool, to: &mut impl Write) -> io::Result<()> {
    let shown = &document.page.cells;
    let mut page = document.page.clone();
    let hidden = page.hide_keys();
    let told = |boundary: &String| {
        let at = shown.partition_point(|first| first <= boundary).max(1) - 1;
        if hide { hidden[at].1.clone() } else { boundary.clone() }
    };
    let maps: Vec<(i64, Vec<String>)> = document
        .maps
        .iter()
        .map(|map| (map.at_ms, map.boundaries.iter().map(told).collect()))
        .collect();
    let (read, write) = (document.capacity_read_units, document.capacity_write_units);
    let table = (!hide).then_some(document.table.as_str());
    write_head(table, Some(Units { read, write }), &maps, to)
}

async fn page(
    args: &Args,
    window: Option<&str>,
    from_ms: i64,
) -> Result<MatrixDocument, ExportError> {
    let window = window.map_or_else(String::new, |window| format!("&window={window}"));
    let path = format!("tables/{}/matrix?from_ms={from_ms}{window}", args.table);
    understood("matrix", get(&args.common, &path).await?)
}

fn understood<T: DeserializeOwned>(what: &'static str, document: Value) -> Result<T, ExportError> {
    serde_json::from_value(document)
        .map_err(|error| ExportError::Document { what, why: error.to_string() })
}

/// A workload vector, as far as a trace tells of it.
#[derive(serde::Deserialize)]
struct Sampled {
    request: String,
    storage_key: String,
    timestamp_ms: i64,
    client: String,
    data_bytes: u64,
    demand: bool,
}

/// Writes the sampled vectors, retries left out; returns how many there are.
async fn export_trace(
    args: &Args,
    path: &Path,
    hidden: Option<&Hidden>,
) -> Result<u64, ExportError> {
    let failed = |source| ExportError::Write { path: path.to_owned(), source };
    let document = format!("tables/{}/vectors?window={}", args.table, args.window);
    let mut document = get(&args.common, &document).await?;
    let vectors: Vec<Sampled> = understood("vectors", document["vectors"].take())?;
    let mut file = Output::create(path).map_err(failed)?;
    writeln!(file, "timestamp_unix_s,op,key,size,client").map_err(failed)?;
    file.lines = 0;
    for vector in vectors.iter().filter(|vector| vector.demand) {
        let (key, client) = match hidden {
            Some(hidden) => (hidden.name(&vector.storage_key), hidden.name(&vector.client)),
            None => (format!("0x{}", vector.storage_key), quoted(&vector.client)),
        };
        let (at_s, at_ms) = (vector.timestamp_ms / 1_000, vector.timestamp_ms % 1_000);
        let (op, size) = (&vector.request, vector.data_bytes);
        writeln!(file, "{at_s}.{at_ms:03},{op},{key},{size},{client}").map_err(failed)?;
    }
    file.finish().map_err(failed)
}

/// A field of a CSV file that may hold anything.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A file, gzipped or not by its name, whose lines are counted.
struct Output {
    to: Box<dyn FinishingWrite + Send>,
    lines: u64,
}

/// A writer with an end.
trait FinishingWrite: Write {
    fn finish(self: Box<Self>) -> io::Result<()>;
}

impl FinishingWrite for BufWriter<File> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}

impl FinishingWrite for GzEncoder<BufWriter<File>> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Box::new(GzEncoder::finish(*self)?).finish()
    }
}

impl Output {
    fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        let zipped = path.extension().is_some_and(|extension| extension == "gz");
        let to: Box<dyn FinishingWrite + Send> = if zipped {
            Box::new(GzEncoder::new(file, Compression::default()))
        } else {
            Box::new(file)
        };
        Ok(Self { to, lines: 0 })
    }

    /// Ends the file; returns how many lines were written since they were last counted from 0.
    fn finish(self) -> io::Result<u64> {
        self.to.finish()?;
        Ok(self.lines)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.lines += bytes[..written].iter().filter(|byte| **byte == b'\n').count() as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
