//! Compressed request bodies: `Content-Encoding: gzip`.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

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

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use http::HeaderValue;
    use std::io::Write;

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
