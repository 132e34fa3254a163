//! Who sends a request: the access key of its signature, the application id, the address.
//!
//! Whether the signature is good is `auth`'s business; here it is a name.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use dynamodb::sigv4::Signature;
use http::header::{HeaderMap, USER_AGENT};
use workload::ClientNames;

/// The longest client name that is told apart: an access key, an application id, an address.
const NAME_BYTES_MAX: usize = 256;

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
    /// Who sent a request with this signature.
    pub(crate) fn of(
        signature: &'a Signature<'_>,
        headers: &'a HeaderMap,
        peer: SocketAddr,
    ) -> Self {
        Self { access_key: signature.access_key(), app_id: app_id(headers), address: peer.ip() }
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

/// The application id that SDKs put into the user agent as `app/NAME`.
fn app_id(headers: &HeaderMap) -> &str {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    agent.split(' ').find_map(|part| part.strip_prefix("app/")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
