//! Replies as DynamoDB sends them: with a request id, and a checksum that SDKs verify.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;

use crate::wire::encoding::{PACKED_BYTES_MIN, packed};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const CRC32: HeaderName = HeaderName::from_static("x-amz-crc32");

/// A reply before it gets its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// What the body is.
    pub(crate) content_type: &'static str,
    /// The body, as it is sent.
    pub(crate) body: Bytes,
    /// Whether the body is compressed.
    pub(crate) is_packed: bool,
}

impl Reply {
    /// A JSON document of the DynamoDB API.
    pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type: "application/x-amz-json-1.0",
            body: body.into(),
            is_packed: false,
        }
    }

    /// Plain text.
    pub(crate) fn text(status: StatusCode, body: String) -> Self {
        Self { status, content_type: "text/plain", body: body.into(), is_packed: false }
    }

    /// The reply for a client that asks for compressed ones.
    pub(crate) async fn packed(mut self) -> Self {
        if self.body.len() >= PACKED_BYTES_MIN
            && let Some(smaller) = packed(self.body.clone()).await
        {
            self.body = smaller;
            self.is_packed = true;
        }
        self
    }

    /// The HTTP response, with the id of the request it answers.
    pub(crate) fn into_response(self, request_id: HeaderValue) -> Response<Full<Bytes>> {
        // Of what is sent, compressed or not: so SDKs check it.
        let crc32 = crc32fast::hash(&self.body);
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if self.is_packed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.insert(CRC32, HeaderValue::from(crc32));
        headers.insert(REQUEST_ID, request_id);
        response
    }
}
