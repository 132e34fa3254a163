//! Requests that are ready before the clock starts, and the connections that play them.
//!
//! Signing and building a request costs the client as much as answering it costs the server; on a
//! machine with few cores that would be measured, too. So the bytes are made beforehand, one thread
//! plays them over all connections, and of a reply only what is needed is looked at.

use super::ServerBenchError;
use crate::client::{DynamoClient, Invocation};
use bytes::Bytes;
use hdrhistogram::Histogram;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The table that all services have.
pub(super) const TABLE: &str = "bench";
/// The bytes of an item besides its payload: names of two attributes, and the key.
const OVERHEAD_BYTES: usize = 2 + KEY_BYTES + 1;
const KEY_BYTES: usize = 12;

/// The operations that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// A durable PutItem without conditions.
    Put,
    /// A strongly consistent GetItem of an item that is there.
    Get,
}

impl Operation {
    /// Its name in the protocol.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Put => "PutItem",
            Self::Get => "GetItem",
        }
    }

    fn body(self, n: u64, item_bytes: usize) -> Bytes {
        let key = json!({ "S": format!("{:0KEY_BYTES$}", scattered(n)) });
        let request = match self {
            Self::Put => {
                let payload = "x".repeat(item_bytes.saturating_sub(OVERHEAD_BYTES));
                json!({ "TableName": TABLE, "Item": { "pk": key, "v": { "S": payload } } })
            }
            Self::Get => {
                json!({ "TableName": TABLE, "Key": { "pk": key }, "ConsistentRead": true })
            }
        };
        Bytes::from(request.to_string())
    }
}

/// Numbers one after the other become keys all over the place, each its own (splitmix64's finaliser).
fn scattered(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (n ^ (n >> 31)) % 1_000_000_000_000
}

/// One operation on each of the items, as it goes over the wire.
pub(super) fn prepared(
    client: &DynamoClient,
    operation: Operation,
    items: u64,
    item_bytes: usize,
) -> Result<Load, ServerBenchError> {
    let one = |n: u64| {
        let invocation = Invocation { id: u128::from(scattered(n)), attempt: 1 };
        Ok(client.wire(operation.name(), operation.body(n, item_bytes), invocation)?)
    };
    let requests = (0..items).map(one).collect::<Result<Vec<_>, ServerBenchError>>()?;
    let reply_bytes_min = match operation {
        Operation::Put => 0,
        Operation::Get => item_bytes,
    };
    Ok(Load { requests: Arc::new(requests), connections: 1, is_endless: true, reply_bytes_min })
}

/// What one load is.
#[derive(Clone, Debug)]
pub(super) struct Load {
    /// The requests, ready to be sent.
    pub(super) requests: Arc<Vec<Bytes>>,
    /// Over so many connections.
    pub(super) connections: usize,
    /// Whether it goes on and on; otherwise each request is sent once.
    pub(super) is_endless: bool,
    /// A reply with a shorter body is not the one that was wanted.
    pub(super) reply_bytes_min: usize,
}

/// What connections have done so far; read while they are at it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) operations: AtomicU64,
    pub(super) stop: AtomicBool,
}

/// A load that is being played; it ends with the latencies in microseconds.
pub(super) type Player = std::thread::JoinHandle<Result<Histogram<u64>, ServerBenchError>>;

/// Plays a load until it is told to stop, on a thread of its own.
pub(super) fn play(address: SocketAddr, load: Load, progress: Arc<Progress>) -> Player {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ServerBenchError::Connection)?;
        let part = load.requests.len().div_ceil(load.connections.max(1));
        let one = |number| connection(address, &load, number * part, part, &progress);
        let all = futures::future::try_join_all((0..load.connections).map(one));
        let played = runtime.block_on(all);
        let mut all = histogram()?;
        for latencies in played? {
            all.add(&latencies).map_err(|e| ServerBenchError::Histogram(e.to_string()))?;
        }
        Ok(all)
    })
}

fn histogram() -> Result<Histogram<u64>, ServerBenchError> {
    Histogram::new_with_max(60_000_000, 3).map_err(|e| ServerBenchError::Histogram(e.to_string()))
}

/// One connection: requests one after the other, from `first` on, `part` of them or round and round.
async fn connection(
    address: SocketAddr,
    load: &Load,
    first: usize,
    part: usize,
    progress: &Progress,
) -> Result<Histogram<u64>, ServerBenchError> {
    let mut stream = TcpStream::connect(address).await.map_err(ServerBenchError::Connection)?;
    stream.set_nodelay(true).map_err(ServerBenchError::Connection)?;
    let mut latencies = histogram()?;
    let mut reply = Vec::with_capacity(4096);
    let part = if load.is_endless { usize::MAX } else { part };
    for request in load.requests.iter().cycle().skip(first).take(part) {
        if progress.stop.load(Ordering::Relaxed) {
            break;
        }
        let begun = Instant::now();
        stream.write_all(request).await.map_err(ServerBenchError::Connection)?;
        exchange(&mut stream, &mut reply, load.reply_bytes_min).await?;
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        latencies.saturating_record(micros);
        progress.operations.fetch_add(1, Ordering::Relaxed);
    }
    Ok(latencies)
}

/// Reads one reply and looks whether it is the one that was wanted.
async fn exchange(
    stream: &mut TcpStream,
    reply: &mut Vec<u8>,
    reply_bytes_min: usize,
) -> Result<(), ServerBenchError> {
    reply.clear();
    loop {
        match whole(reply, reply_bytes_min) {
            Some(true) => return Ok(()),
            Some(false) => {
                let words = String::from_utf8_lossy(reply).into_owned();
                return Err(ServerBenchError::Refused(words));
            }
            None => {}
        }
        let read = stream.read_buf(reply).await.map_err(ServerBenchError::Connection)?;
        if read == 0 {
            let ended = std::io::ErrorKind::UnexpectedEof.into();
            return Err(ServerBenchError::Connection(ended));
        }
    }
}

/// Whether a reply is all there, and then whether it is a success with a body of at least so many
/// bytes. Replies of these services have a length, and names of headers in lower case.
fn whole(reply: &[u8], bytes_min: usize) -> Option<bool> {
    let find = |needle: &[u8]| reply.windows(needle.len()).position(|found| found == needle);
    let head_bytes = find(b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&reply[..head_bytes]).ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let bytes: usize = length.trim().parse().ok()?;
    let is_wanted = bytes >= bytes_min && head.starts_with("HTTP/1.1 200 ");
    (reply.len() >= head_bytes + bytes).then_some(is_wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_reply_is_judged_when_it_is_all_there() {
        let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(whole(ok, 2), Some(true));
        assert_eq!(whole(ok, 3), Some(false), "an item that is not there");
        for cut in 0..ok.len() {
            assert_eq!(whole(&ok[..cut], 2), None);
        }
        assert_eq!(whole(b"HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n", 0), Some(false));
    }

    #[test]
    fn items_have_the_size_that_was_asked_for_and_keys_of_their_own() {
        let body: serde_json::Value = serde_json::from_slice(&Operation::Put.body(7, 400)).unwrap();
        let text = |name: &str| body["Item"][name]["S"].as_str().unwrap().len();
        assert_eq!("pk".len() + text("pk") + "v".len() + text("v"), 400);
        let keys: HashSet<u64> = (0..100_000).map(scattered).collect();
        assert_eq!(keys.len(), 100_000);
    }
}
