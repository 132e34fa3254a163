//! Compressed bodies, of requests (`Content-Encoding: gzip`) and of replies to clients that ask for
//! them (`Accept-Encoding: gzip`).

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};

/// Replies from this size on are compressed. AWS tells no figure; below a kilobyte the packet is not
/// full and nothing is won.
pub(crate) const PACKED_BYTES_MIN: usize = 1024;
/// Larger replies are compressed on a thread for that, to keep the others answering.
const PACKED_HERE_BYTES_MAX: usize = 64 * 1024;

use super::BodyError;

/// Why a body could not be unpacked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EncodingError {
    /// As a body that is not compressed.
    Body(BodyError),
    /// Compressed in a way that is not understood.
    Unknown(String),
}

/// The body as it was before it was compressed, which is bounded as any body is.
pub(crate) fn decoded(
    headers: &HeaderMap,
    body: Bytes,
    bytes_max: usize,
) -> Result<Bytes, EncodingError> {
    let Some(encoding) = headers.get(CONTENT_ENCODING) else {
        return Ok(body);
    };
    let encoding = encoding.to_str().unwrap_or_default().trim();
    if encoding.is_empty() || encoding.eq_ignore_ascii_case("identity") {
        return Ok(body);
    }
    if !encoding.eq_ignore_ascii_case("gzip") {
        return Err(EncodingError::Unknown(encoding.to_owned()));
    }
    let mut plain = Vec::new();
    // One byte more than allowed tells a body at the bound from one beyond.
    let mut decoder = MultiGzDecoder::new(body.as_ref()).take(bytes_max as u64 + 1);
    decoder.read_to_end(&mut plain).map_err(|_| EncodingError::Body(BodyError::Broken))?;
    if plain.len() > bytes_max {
        return Err(EncodingError::Body(BodyError::TooLarge));
    }
    Ok(plain.into())
}

/// Whether a client wants its reply compressed. `*` alone is no wish: SDKs send it without one.
pub(crate) fn wants_gzip(headers: &HeaderMap) -> bool {
    let wishes = headers.get_all(ACCEPT_ENCODING).iter();
    let wishes = wishes.filter_map(|wish| wish.to_str().ok()).flat_map(|wish| wish.split(','));
    for wish in wishes {
        let (coding, parameters) = wish.split_once(';').unwrap_or((wish, ""));
        if coding.trim().eq_ignore_ascii_case("gzip") {
            let weight = parameters.trim().strip_prefix("q=");
            return weight.is_none_or(|weight| weight.parse::<f64>().is_ok_and(|q| q > 0.0));
        }
    }
    false
}

/// The body compressed; none if it could not be.
pub(crate) async fn packed(body: Bytes) -> Option<Bytes> {
    let is_small = body.len() <= PACKED_HERE_BYTES_MAX;
    let pack = move || {
        let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
        encoder.write_all(&body).and_then(|()| encoder.finish()).map(Bytes::from)
    };
    // Writing to memory does not fail; if it did, the reply would go as it is.
    match is_small {
        true => pack().ok(),
        false => tokio::task::spawn_blocking(pack).await.ok()?.ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn zipped(bytes: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap().into()
    }

    fn decode(encoding: &str, body: Bytes, bytes_max: usize) -> Result<Bytes, EncodingError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_str(encoding).unwrap());
        decoded(&headers, body, bytes_max)
    }

    #[test]
    fn only_who_asks_for_gzip_gets_it() {
        for (wish, wanted) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("br, gzip, deflate", true),
            ("identity", false),
            ("gzip;q=0", false),
            ("gzip; q=0.0, br", false),
            ("*", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(wish).unwrap());
            assert_eq!(wants_gzip(&headers), wanted, "{wish}");
        }
        assert!(!wants_gzip(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn bodies_of_any_size_are_packed() {
        for bytes in [1, PACKED_HERE_BYTES_MAX, PACKED_HERE_BYTES_MAX + 1, 1 << 20] {
            let plain = Bytes::from(vec![b'x'; bytes]);
            let packed = packed(plain.clone()).await.unwrap();
            assert_eq!(decode("gzip", packed, bytes).unwrap(), plain);
        }
    }

    #[test]
    fn bodies_are_unpacked_within_the_bound() {
        let broken = |error| Err(EncodingError::Body(error));
        let plain = vec![b' '; 100_000];
        let packed = zipped(&plain);
        assert!(packed.len() < 1000);
        assert_eq!(decode("gzip", packed.clone(), plain.len()).unwrap(), plain);
        assert_eq!(decode("GZIP", packed.clone(), plain.len() - 1), broken(BodyError::TooLarge));
        assert_eq!(decode("identity", packed.clone(), 10).unwrap(), packed);
        assert_eq!(decode("gzip", packed.slice(..50), plain.len()), broken(BodyError::Broken));
        assert_eq!(decode("gzip", Bytes::from_static(b"{}"), 10), broken(BodyError::Broken));
        assert_eq!(decode("br", packed, 10), Err(EncodingError::Unknown("br".into())));
        assert_eq!(decoded(&HeaderMap::new(), Bytes::from_static(b"x"), 0).unwrap(), "x");
    }
}
