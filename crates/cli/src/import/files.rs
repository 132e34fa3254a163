//! The files of an export of DynamoDB to S3.
//!
//! `manifest-summary.json` says what the export is, `manifest-files.json` has a line for each data file, and each
//! data file is gzipped with an item on each line: `{"Item": {"pk": {"S": "a"}}}`. What the manifests say is held
//! against what is read: the number of items of each file, and gzip's own checksums. The MD5 sums are not looked at.

use flate2::read::MultiGzDecoder;
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::Deserialize;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::sync::Arc;

const SUMMARY: &str = "manifest-summary.json";
const FILES: &str = "manifest-files.json";
const DATA: &str = "data";
/// The longest line: an item of 400 kB takes several times that as JSON.
const LINE_BYTES_MAX: usize = 16 << 20;

/// Why an export cannot be imported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// The address or directory is none.
    #[error("{0}: {1}")]
    Source(String, String),
    /// It is no export, or not one of this kind.
    #[error("{source_name}: {reason}")]
    Unfit {
        /// The export.
        source_name: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A file is not what the manifests say.
    #[error("{file}, line {line}: {reason}")]
    Line {
        /// Which file.
        file: String,
        /// Where in it, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// A file cannot be read.
    #[error("cannot read {file}: {reason}")]
    Read {
        /// Which file.
        file: String,
        /// Why not.
        reason: String,
    },
}

/// An export.
pub(crate) struct Export {
    store: Arc<dyn ObjectStore>,
    root: Path,
    summary: Summary,
    files: Vec<DataFile>,
}

/// What is understood of `manifest-summary.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    #[serde(default)]
    output_format: String,
    #[serde(default)]
    export_type: Option<String>,
    #[serde(default)]
    item_count: u64,
}

/// A line of `manifest-files.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataFile {
    item_count: u64,
    #[serde(rename = "dataFileS3Key")]
    key: String,
}

/// The items of a data file.
pub(crate) struct Lines {
    pub(crate) items: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(rename = "Item")]
    item: Value,
}

impl Export {
    /// Reads the manifests of the export at `source`.
    pub(crate) async fn open(source: &str) -> Result<Self, ExportError> {
        let store = open_store(source)?;
        let root = find_root(&store, source).await?;
        let summary = read_all(&store, &root.clone().join(SUMMARY)).await?;
        let unfit = |reason: String| ExportError::Unfit { source_name: source.to_owned(), reason };
        let summary: Summary = serde_json::from_slice(&summary)
            .map_err(|error| unfit(format!("{SUMMARY} is not understood: {error}")))?;
        check(&summary).map_err(unfit)?;
        let manifest = read_all(&store, &root.clone().join(FILES)).await?;
        let manifest = String::from_utf8_lossy(&manifest).into_owned();
        let lines = manifest.lines().filter(|line| !line.trim().is_empty());
        let files = lines
            .map(serde_json::from_str)
            .collect::<Result<Vec<DataFile>, _>>()
            .map_err(|error| unfit(format!("{FILES} is not understood: {error}")))?;
        let listed: u64 = files.iter().map(|file| file.item_count).sum();
        if listed != summary.item_count {
            let reason = format!(
                "{SUMMARY} counts {} items and {FILES} {listed}: the export is not whole",
                summary.item_count
            );
            return Err(unfit(reason));
        }
        Ok(Self { store, root, summary, files })
    }

    /// How many items there are.
    pub(crate) fn item_count(&self) -> u64 {
        self.summary.item_count
    }

    /// The data files.
    pub(crate) fn files(&self) -> &[DataFile] {
        &self.files
    }

    /// The items of one of them.
    pub(crate) async fn read(&self, file: &DataFile) -> Result<Lines, ExportError> {
        // The key is that in the bucket it was exported to; it may be elsewhere now.
        let name = file.key.rsplit('/').next().unwrap_or_default().to_owned();
        let packed =
            read_all(&self.store, &self.root.clone().join(DATA).join(name.as_str())).await?;
        let (count, place) = (file.item_count, name.clone());
        let parsed = tokio::task::spawn_blocking(move || parse(&place, &packed, count)).await;
        parsed.unwrap_or_else(|error| {
            Err(ExportError::Read { file: name, reason: error.to_string() })
        })
    }
}

/// Whether this kind of export can be imported.
fn check(summary: &Summary) -> Result<(), String> {
    if summary.output_format != "DYNAMODB_JSON" {
        return Err(format!(
            "its format is {:?}; export the table as DYNAMODB_JSON",
            summary.output_format
        ));
    }
    match summary.export_type.as_deref() {
        None | Some("FULL_EXPORT") => Ok(()),
        Some(kind) => Err(format!("it is a {kind}; only full exports can be imported")),
    }
}

fn parse(file: &str, packed: &[u8], count: u64) -> Result<Lines, ExportError> {
    let mut reader = BufReader::new(MultiGzDecoder::new(packed));
    let (mut items, mut number, mut text) = (Vec::new(), 0, Vec::new());
    loop {
        text.clear();
        number += 1;
        let at = |reason: String| ExportError::Line { file: file.to_owned(), line: number, reason };
        let mut bounded = std::io::Read::take(&mut reader, LINE_BYTES_MAX as u64);
        let read = bounded.read_until(b'\n', &mut text).map_err(|error| at(error.to_string()))?;
        if read == 0 {
            break;
        }
        if read == LINE_BYTES_MAX {
            return Err(at(format!("it is longer than {LINE_BYTES_MAX} bytes")));
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        let line: Line = serde_json::from_slice(&text).map_err(|error| at(error.to_string()))?;
        items.push(line.item);
    }
    match items.len() as u64 == count {
        true => Ok(Lines { items }),
        false => Err(ExportError::Read {
            file: file.to_owned(),
            reason: format!("it has {} items, and the manifest counts {count}", items.len()),
        }),
    }
}

/// A directory, or a bucket.
fn open_store(source: &str) -> Result<Arc<dyn ObjectStore>, ExportError> {
    let refuse = |reason: String| ExportError::Source(source.to_owned(), reason);
    if source.contains("://") {
        return storage::open_bucket(source).map_err(|error| refuse(error.to_string()));
    }
    let files = LocalFileSystem::new_with_prefix(source);
    Ok(Arc::new(files.map_err(|error| refuse(error.to_string()))?))
}

/// Where the manifests are: right there, or in the only export below `AWSDynamoDB`.
async fn find_root(store: &Arc<dyn ObjectStore>, source: &str) -> Result<Path, ExportError> {
    let unfit = |reason: &str| ExportError::Unfit {
        source_name: source.to_owned(),
        reason: reason.to_owned(),
    };
    let failed =
        |error: object_store::Error| ExportError::Source(source.to_owned(), in_words(&error));
    let here = Path::default();
    let mut found = Vec::new();
    for below in [here.clone(), Path::from("AWSDynamoDB")] {
        if store.head(&below.clone().join(SUMMARY)).await.is_ok() {
            return Ok(below);
        }
        if below == here {
            continue;
        }
        let listed: Vec<_> = store.list(Some(&below)).try_collect().await.map_err(failed)?;
        let is_summary = |path: &Path| path.filename() == Some(SUMMARY);
        let summaries = listed.into_iter().map(|object| object.location).filter(is_summary);
        found.extend(summaries.map(|path| {
            let parts: Vec<_> = path.parts().collect();
            Path::from_iter(parts[..parts.len() - 1].iter().cloned())
        }));
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(unfit(
            "there is no manifest-summary.json; name the directory of the export that has it",
        )),
        _ => Err(unfit(
            "there are several exports; name the directory of one: …/AWSDynamoDB/<export>",
        )),
    }
}

async fn read_all(store: &Arc<dyn ObjectStore>, path: &Path) -> Result<bytes::Bytes, ExportError> {
    let failed = |error: object_store::Error| ExportError::Read {
        file: path.to_string(),
        reason: in_words(&error),
    };
    store.get(path).await.map_err(failed)?.bytes().await.map_err(failed)
}

/// In one line, though a bucket's own words may be several.
fn in_words(error: &object_store::Error) -> String {
    match error {
        object_store::Error::NotFound { .. } => "it is not there".to_owned(),
        error => error.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn refusal(packed: &[u8], count: u64) -> String {
        parse("x.json.gz", packed, count).err().unwrap().to_string()
    }

    #[test]
    fn items_are_lines_and_counted() {
        let text = "{\"Item\":{\"pk\":{\"S\":\"a\"}}}\n\n{\"Item\":{\"pk\":{\"S\":\"b\"}}}";
        let lines = parse("x.json.gz", &packed(text), 2).unwrap();
        assert_eq!(lines.items[1]["pk"]["S"], "b");
        assert!(refusal(&packed(text), 3).contains("it has 2 items, and the manifest counts 3"));
    }

    #[test]
    fn what_is_damaged_or_something_else_is_refused_with_its_place() {
        let other = packed("{\"Item\":{}}\n{\"Keys\":{}}\n");
        assert!(refusal(&other, 2).starts_with("x.json.gz, line 2: "), "{}", refusal(&other, 2));
        let mut damaged = packed("{\"Item\":{\"pk\":{\"S\":\"a\"}}}\n");
        let last = damaged.len() - 6;
        damaged[last] ^= 1;
        assert!(refusal(&damaged, 1).starts_with("x.json.gz, line "), "{}", refusal(&damaged, 1));
    }

    #[test]
    fn other_kinds_of_exports_are_refused() {
        let summary = |json: &str| serde_json::from_str::<Summary>(json).unwrap();
        check(&summary(r#"{"outputFormat": "DYNAMODB_JSON", "itemCount": 1}"#)).unwrap();
        let ion = check(&summary(r#"{"outputFormat": "ION"}"#)).unwrap_err();
        assert!(ion.contains("export the table as DYNAMODB_JSON"), "{ion}");
        let part = r#"{"outputFormat": "DYNAMODB_JSON", "exportType": "INCREMENTAL_EXPORT"}"#;
        assert!(check(&summary(part)).unwrap_err().contains("only full exports"));
    }
}
