//! Signature Version 4: who signed a request, and whether they know the secret.
//!
//! In three steps, so that nothing large is read or hashed for a stranger: [`Signature::read`] takes
//! a signature in the header or (presigned) in the query apart, [`Signature::check_scope`] judges
//! when and for what it was made, and after the body has come [`Signature::verify`] computes it anew
//! from what was received and compares in constant time. Pure: the time, the body and the key that
//! follows from the secret are given.
//!
//! What is not here: streaming signatures and unsigned payloads, which only S3 has, session tokens,
//! and Signature Version 4a.
//!
//! Source: "AWS Signature Version 4 for API requests" in the IAM User Guide.

mod canonical;
mod key;
mod read;
mod time;
mod verify;

pub use key::SigningKey;

use std::borrow::Cow;

/// The one algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What every credential scope ends with.
const TERMINATOR: &str = "aws4_request";
/// The service that scopes must name.
const SERVICE: &str = "dynamodb";
/// How far a client's clock may be off.
const SKEW_MINUTES_MAX: i64 = 5;
/// How long a presigned request may be valid: a week.
const EXPIRES_S_MAX: i64 = 7 * 24 * 3600;
/// Bytes of a signature.
const SIGNATURE_BYTES: usize = 32;

/// A signature as it came with a request, taken apart and not yet verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature<'a> {
    /// Who says to have signed.
    access_key: Cow<'a, str>,
    /// The day, as in the scope.
    date: Cow<'a, str>,
    region: Cow<'a, str>,
    service: Cow<'a, str>,
    terminator: Cow<'a, str>,
    /// Names of headers, separated by semicolons.
    signed_headers: Cow<'a, str>,
    signature: Cow<'a, str>,
    /// When it was signed, as the request says it, in basic ISO 8601.
    timestamp: Cow<'a, str>,
    /// For how long a presigned request is valid; none if the signature is in the header.
    expires: Option<Cow<'a, str>>,
}

impl Signature<'_> {
    /// The access key id that the request names.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// The day that the signing key is for.
    pub fn date(&self) -> &str {
        &self.date
    }

    /// The region that the signing key is for. Any will do: clients of one endpoint may think that
    /// it is anywhere.
    pub fn region(&self) -> &str {
        &self.region
    }
}

#[cfg(test)]
mod tests;
