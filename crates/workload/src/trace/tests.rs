//! Trace files: what is read, and what is said about those that cannot be.

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

const HEADER: &str = "timestamp_unix_s,op,key,size,client\n";

fn written(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trace.csv");
    std::fs::write(&path, bytes).unwrap();
    (directory, path)
}

fn read(text: &str) -> Result<Vec<TraceEvent>, String> {
    let (_directory, path) = written(text.as_bytes());
    let events = TraceReader::open(&path).and_then(Iterator::collect);
    events.map_err(|error| error.to_string().split_once("trace.csv").unwrap().1.to_owned())
}

#[test]
fn events_are_read_plain_and_gzipped() {
    let text =
        format!("{HEADER}1259653500,store,79323P,12,13085\n1259653500.25,unknown,\"a,b\",,\n");
    let expected = [
        TraceEvent {
            timestamp_ms: 1_259_653_500_000,
            op: TraceOp::Known(RequestType::Store),
            key: "79323P".into(),
            size: Some(12),
            client: "13085".into(),
        },
        TraceEvent {
            timestamp_ms: 1_259_653_500_250,
            op: TraceOp::Unknown,
            key: "a,b".into(),
            size: None,
            client: String::new(),
        },
    ];
    assert_eq!(read(&text).unwrap(), expected);

    let mut zipped = GzEncoder::new(Vec::new(), Compression::default());
    zipped.write_all(text.as_bytes()).unwrap();
    let (_directory, path) = written(&zipped.finish().unwrap());
    let events: Result<Vec<TraceEvent>, _> = TraceReader::open(&path).unwrap().collect();
    assert_eq!(events.unwrap(), expected);
}

#[test]
fn a_sequence_needs_a_pace() {
    let (_directory, path) = written(b"seq,op,key,size,client\n0,retrieve,a,,\n1,retrieve,b,,\n");
    let refused = TraceReader::open(&path).unwrap_err().to_string();
    assert!(refused.ends_with(
        "line 1: the trace has an order but no clock; give it a pace, or take a trace with timestamps"
    ));
    let events = TraceReader::open_paced(&path, 2.5).unwrap();
    let times: Vec<i64> = events.map(|event| event.unwrap().timestamp_ms).collect();
    assert_eq!(times, [0, 2]);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let good = "0,store,a,1,x\n";
    for (bad, expected) in [
        (
            "1,put,a,1,x\n",
            "unknown op `put`; write store, retrieve, modify, delete, query or unknown",
        ),
        ("1,store,a,big,x\n", "size `big` is not a whole number; write one, or leave it empty"),
        (
            "1,store,a\n",
            "3 fields where the header has 5; give every line as many fields as the header",
        ),
        (
            "noon,store,a,1,x\n",
            "`noon` is not a time; write seconds since 1970, such as 1259653500 or 1259653500.25",
        ),
    ] {
        let refused = read(&format!("{HEADER}{good}{bad}{good}"));
        assert_eq!(refused, Err(format!(", line 3: {expected}")));
    }
}

#[test]
fn nothing_is_read_after_an_error() {
    let (_directory, path) = written(format!("{HEADER}x,store,a,1,x\n1,store,a,1,x\n").as_bytes());
    assert_eq!(TraceReader::open(&path).unwrap().count(), 1);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = TraceReader::open(Path::new("no/such/trace.csv")).unwrap_err();
    assert!(error.to_string().starts_with("no/such/trace.csv: "), "{error}");
}
