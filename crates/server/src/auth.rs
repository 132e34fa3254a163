//! Who is let in: signatures verified against the credentials of the settings.
//!
//! Without credentials every well-formed signature passes, which is why such a server listens on
//! loopback only. With them a request is judged twice: its key, scope and time before the body is
//! read, the signature itself afterwards.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use dynamodb::sigv4::{Signature, SigningKey};
use dynamodb::{ApiError, ErrorKind};
use http::{HeaderMap, Uri};

use crate::settings::{Credentials, Secret};

/// Knows the credentials.
#[derive(Debug)]
pub(crate) struct Doorkeeper {
    known: HashMap<String, Known>,
}

/// One credential, with the signing key that was used last: it takes five hashes to make and holds
/// for a day.
#[derive(Debug)]
struct Known {
    secret: Secret,
    key: ArcSwapOption<DayKey>,
}

#[derive(Debug)]
struct DayKey {
    date: String,
    region: String,
    key: SigningKey,
}

impl Doorkeeper {
    /// One who lets everybody in that `credentials` know; without any, everybody.
    pub(crate) fn new(credentials: &Credentials) -> Self {
        let known = |(id, secret): (&str, &Secret)| {
            (id.to_owned(), Known { secret: secret.clone(), key: ArcSwapOption::empty() })
        };
        Self { known: credentials.iter().map(known).collect() }
    }

    /// Judges all but the signature itself; returns the key to verify it with, or none if it need
    /// not be verified.
    pub(crate) fn key(
        &self,
        signature: &Signature<'_>,
        uri: &Uri,
        headers: &HeaderMap,
        now_ms: i64,
    ) -> Result<Option<SigningKey>, ApiError> {
        if self.known.is_empty() {
            return Ok(None);
        }
        let unknown = || {
            let message = "The security token included in the request is invalid.";
            ApiError::new(ErrorKind::UnrecognizedClient, message)
        };
        let known = self.known.get(signature.access_key()).ok_or_else(unknown)?;
        if has_session_token(uri, headers) {
            return Err(unknown());
        }
        signature.check_scope(headers, now_ms)?;
        Ok(Some(known.key(signature.date(), signature.region())))
    }
}

impl Known {
    fn key(&self, date: &str, region: &str) -> SigningKey {
        let last = self.key.load();
        if let Some(last) = last.as_ref().filter(|key| key.date == date && key.region == region) {
            return last.key.clone();
        }
        let key = SigningKey::derive(self.secret.reveal(), date, region);
        let (date, region) = (date.to_owned(), region.to_owned());
        self.key.store(Some(Arc::new(DayKey { date, region, key: key.clone() })));
        key
    }
}

/// Nobody here hands out temporary credentials, so a token for one was not ours.
fn has_session_token(uri: &Uri, headers: &HeaderMap) -> bool {
    let query = uri.query().unwrap_or_default();
    headers.contains_key("x-amz-security-token")
        || query.split('&').any(|pair| pair.starts_with("X-Amz-Security-Token="))
}
