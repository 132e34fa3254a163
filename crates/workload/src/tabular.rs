//! CSV files with a header, plain or gzipped: what trace files and rates files have in common.
//!
//! Every error names the file and the line, and says what to change.

use crate::WorkloadError;
use csv::StringRecord;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

/// The column with seconds since the Unix epoch, possibly with a fraction.
pub(crate) const TIME_COLUMN: &str = "timestamp_unix_s";
/// The two bytes that a gzip file begins with.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// What the time may be, in seconds: far enough that milliseconds fit.
const SECONDS_MAX: f64 = 1e14;

/// A CSV file, read line by line.
pub(crate) struct Table {
    path: PathBuf,
    reader: csv::Reader<Box<dyn Read + Send>>,
    header: StringRecord,
    record: StringRecord,
    /// The line of `record`.
    line: u64,
    /// Lines before the header.
    before: u64,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("path", &self.path).field("line", &self.line).finish()
    }
}

impl Table {
    /// Opens the file and reads its header.
    pub(crate) fn open(path: &Path) -> Result<Self, WorkloadError> {
        Self::new(path, text_of(path).map_err(unopened(path))?, 0)
    }

    /// The same, for files that may begin with lines after a `#`, which are returned as they are.
    pub(crate) fn open_commented(path: &Path) -> Result<(Self, Vec<String>), WorkloadError> {
        let mut text = BufReader::new(text_of(path).map_err(unopened(path))?);
        let mut comments = Vec::new();
        while text.fill_buf().map_err(unopened(path))?.first() == Some(&b'#') {
            let mut line = Vec::new();
            text.read_until(b'\n', &mut line).map_err(unopened(path))?;
            comments.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        let before = comments.len() as u64;
        Ok((Self::new(path, Box::new(text), before)?, comments))
    }

    /// `before` lines come before the header.
    fn new(path: &Path, text: Box<dyn Read + Send>, before: u64) -> Result<Self, WorkloadError> {
        let mut table = Self {
            path: path.to_owned(),
            reader: csv::Reader::from_reader(text),
            header: StringRecord::new(),
            record: StringRecord::new(),
            line: before + 1,
            before,
        };
        match table.reader.headers() {
            Ok(header) => table.header = header.clone(),
            Err(error) => return Err(table.unreadable(error)),
        }
        Ok(table)
    }

    /// Where a column is.
    pub(crate) fn column(&self, name: &'static str) -> Result<usize, WorkloadError> {
        let place = self.header.iter().position(|column| column.trim() == name);
        place.ok_or_else(|| WorkloadError::Line {
            path: self.path.clone(),
            line: self.before + 1,
            problem: format!("there is no column `{name}`"),
            advice: "name the columns in the first line",
        })
    }

    /// Goes to the next line; `false` at the end of the file.
    pub(crate) fn next_line(&mut self) -> Result<bool, WorkloadError> {
        let more = self.reader.read_record(&mut self.record);
        if let Some(position) = self.record.position() {
            self.line = self.before + position.line();
        }
        more.map_err(|error| self.unreadable(error))
    }

    /// A field of the current line.
    pub(crate) fn field(&self, column: usize) -> &str {
        self.record.get(column).unwrap_or_default()
    }

    /// A field with seconds, as milliseconds.
    pub(crate) fn milliseconds(&self, column: usize) -> Result<i64, WorkloadError> {
        let text = self.field(column);
        match text.trim().parse::<f64>() {
            Ok(seconds) if seconds.abs() <= SECONDS_MAX => Ok((seconds * 1_000.0).round() as i64),
            _ => {
                let advice = "write seconds since 1970, such as 1259653500 or 1259653500.25";
                Err(self.error(format!("`{text}` is not a time"), advice))
            }
        }
    }

    /// An error on the current line.
    pub(crate) fn error(&self, problem: impl Into<String>, advice: &'static str) -> WorkloadError {
        let (path, line) = (self.path.clone(), self.line);
        WorkloadError::Line { path, line, problem: problem.into(), advice }
    }

    /// An error of the CSV reader: the file's, or the operating system's.
    fn unreadable(&self, error: csv::Error) -> WorkloadError {
        let line = error.position().map_or(self.line, |position| self.before + position.line());
        let (path, advice) = (self.path.clone(), "give every line as many fields as the header");
        match error.into_kind() {
            csv::ErrorKind::Io(source) => WorkloadError::Open { path, source },
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                let problem = format!("{len} fields where the header has {expected_len}");
                WorkloadError::Line { path, line, problem, advice }
            }
            csv::ErrorKind::Utf8 { .. } => {
                let problem = "it is not text in UTF-8".to_owned();
                WorkloadError::Line { path, line, problem, advice: "convert the file to UTF-8" }
            }
            kind => {
                let problem = format!("it cannot be read as CSV ({kind:?})");
                WorkloadError::Line { path, line, problem, advice }
            }
        }
    }
}

fn unopened(path: &Path) -> impl Fn(std::io::Error) -> WorkloadError {
    let path = path.to_owned();
    move |source| WorkloadError::Open { path: path.clone(), source }
}

/// The text of a file, unpacked if it is gzipped, whatever it is called.
fn text_of(path: &Path) -> std::io::Result<Box<dyn Read + Send>> {
    let mut file = BufReader::new(File::open(path)?);
    let mut head = Vec::with_capacity(GZIP_MAGIC.len());
    file.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut head)?;
    let zipped = head == GZIP_MAGIC;
    let whole = Cursor::new(head).chain(file);
    Ok(if zipped { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}
