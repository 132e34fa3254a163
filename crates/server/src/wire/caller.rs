//! Who sends a request: the access key of its signature, the application id, the address.
//!
//! On loopback without configured credentials every well-formed signature passes: it is read for
//! the identity, not verified. What is malformed is refused as DynamoDB refuses it.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use http::header::{AUTHORIZATION, HeaderMap, USER_AGENT};
use http::{Request, Uri};
use workload::ClientNames;

/// What every signature of version 4 begins with.
const SCHEME: &str = "AWS4-";

/// The longest client name that is told apart: an access key, an application id, an address.
const NAME_BYTES_MAX: usize = 256;

/// Why a request's signature is refused before anybody verifies it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AuthError {
    /// No signature at all.
    Missing,
    /// Two signatures, in the header and in the query.
    Twice,
    /// A signature without all of its parts; says which are missing.
    Incomplete(String),
}

/// Who sent a request, as far as it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller<'a> {
    /// The access key id that signed it.
    pub(crate) access_key: &'a str,
    /// The application id in the user agent; empty if it has none.
    pub(crate) app_id: &'a str,
    /// The address it came from. Not the port: that changes with every connection.
    pub(crate) address: IpAddr,
}

impl<'a> Caller<'a> {
    /// Reads the identity from a request's headers, or from its query if it is presigned.
    pub(crate) fn of<B>(request: &'a Request<B>, peer: SocketAddr) -> Result<Self, AuthError> {
        let access_key = match (authorization(request.headers()), presigned(request.uri())) {
            (Some(_), Some(_)) => return Err(AuthError::Twice),
            (Some(header), None) => from_header(header, request.headers())?,
            (None, Some(query)) => from_query(query)?,
            (None, None) => return Err(AuthError::Missing),
        };
        let app_id = app_id(request.headers());
        Ok(Self { access_key, app_id, address: peer.ip() })
    }

    /// The number that stands for this client in workload vectors; its name is registered once.
    pub(crate) fn register(&self, names: &ClientNames) -> u64 {
        let mut name = Name { bytes: [0; NAME_BYTES_MAX], len: 0 };
        let app = if self.app_id.is_empty() { "-" } else { self.app_id };
        // What does not fit is cut off by `Name`, which therefore never fails.
        let _ = write!(name, "{} {} {}", self.access_key, app, self.address);
        names.register(name.as_str())
    }
}

/// Text on the stack: a client's name is made for every request and rarely kept.
struct Name {
    bytes: [u8; NAME_BYTES_MAX],
    len: usize,
}

impl Name {
    fn as_str(&self) -> &str {
        // Only whole pieces or ASCII are written, so this is what was written.
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl Write for Name {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = &mut self.bytes[self.len..];
        let fits = text.floor_char_boundary(room.len());
        room[..fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.len += fits;
        Ok(())
    }
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()
}

/// The query of a presigned request.
fn presigned(uri: &Uri) -> Option<&str> {
    uri.query().filter(|query| parameter(query, "X-Amz-Algorithm").is_some())
}

/// A parameter of a query, as it stands there.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(n, _)| *n == name).map(|p| p.1)
}

/// The access key of `AWS4-HMAC-SHA256 Credential=…/…, SignedHeaders=…, Signature=…`.
fn from_header<'a>(header: &'a str, headers: &HeaderMap) -> Result<&'a str, AuthError> {
    let Some(parts) = header.trim_start().strip_prefix(SCHEME) else {
        return Err(AuthError::Missing);
    };
    let parts = parts.split_once(' ').map_or("", |(_algorithm, parts)| parts);
    let part = |name: &str| {
        let pairs = parts.split(',').filter_map(|pair| pair.trim().split_once('='));
        pairs.filter(|(n, value)| *n == name && !value.is_empty()).map(|(_, value)| value).next()
    };
    let mut missing = String::new();
    for name in ["Credential", "Signature", "SignedHeaders"] {
        if part(name).is_none() {
            missing += &format!("Authorization header requires '{name}' parameter. ");
        }
    }
    if !headers.contains_key("x-amz-date") && !headers.contains_key("date") {
        missing += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' \
                    header. ";
    }
    match part("Credential") {
        Some(credential) if missing.is_empty() => Ok(access_key(credential, '/')),
        _ => Err(AuthError::Incomplete(format!("{missing}Authorization={header}"))),
    }
}

/// The access key of a presigned request's query.
fn from_query(query: &str) -> Result<&str, AuthError> {
    let mut missing = String::new();
    for name in ["X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"] {
        if parameter(query, name).is_none_or(str::is_empty) {
            missing += &format!("AWS query-string parameters must include '{name}'. ");
        }
    }
    match parameter(query, "X-Amz-Credential") {
        // The slashes of the credential scope may be escaped.
        Some(credential) if missing.is_empty() => Ok(access_key(access_key(credential, '%'), '/')),
        _ => {
            Err(AuthError::Incomplete(format!("{missing}Re-examine the query-string parameters.")))
        }
    }
}

/// What stands before the credential's scope.
fn access_key(credential: &str, separator: char) -> &str {
    credential.split(separator).next().unwrap_or_default()
}

/// The application id that SDKs put into the user agent as `app/NAME`.
fn app_id(headers: &HeaderMap) -> &str {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    agent.split(' ').find_map(|part| part.strip_prefix("app/")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
