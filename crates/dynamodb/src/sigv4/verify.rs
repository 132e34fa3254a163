//! Judging a signature: its scope and time before the body is read, itself afterwards.

use super::canonical::{self, hex, hex_digit};
use super::{
    ALGORITHM, EXPIRES_S_MAX, SERVICE, SIGNATURE_BYTES, SKEW_MINUTES_MAX, Signature, SigningKey,
    TERMINATOR, time,
};
use crate::error::{ApiError, ErrorKind};
use http::{HeaderMap, Method, Uri};
use sha2::{Digest, Sha256};

/// Headers that must be signed if the request has them: each changes what is done.
const SIGNED_IF_PRESENT: [&str; 3] = ["x-amz-date", "x-amz-target", "content-encoding"];

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::InvalidSignature, message)
}

impl Signature<'_> {
    /// Whether the signature is for this service, of about now, and over what has to be signed.
    ///
    /// # Errors
    /// AWS's own, saying what is wrong.
    pub fn check_scope(&self, headers: &HeaderMap, now_ms: i64) -> Result<(), ApiError> {
        let mut wrong = String::new();
        if self.service != SERVICE {
            wrong += &format!("Credential should be scoped to correct service: '{SERVICE}'. ");
        }
        if self.terminator != TERMINATOR {
            wrong += &format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{}'. ",
                self.terminator
            );
        }
        if !self.timestamp.starts_with(&*self.date) || self.date.len() != 8 {
            wrong += &format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: '{}' != '{}', from '{}'. ",
                self.date,
                self.timestamp.get(..8).unwrap_or(&self.timestamp),
                self.timestamp
            );
        }
        if !wrong.is_empty() {
            return Err(invalid(wrong.trim_end()));
        }
        self.check_signed_headers(headers)?;
        self.check_time(now_ms)
    }

    fn check_signed_headers(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let signed = |name: &str| self.signed_headers.split(';').any(|signed| signed == name);
        if !signed("host") {
            return Err(invalid(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
            ));
        }
        let unsigned = |name: &&&str| headers.contains_key(**name) && !signed(name);
        match SIGNED_IF_PRESENT.iter().find(unsigned) {
            None => Ok(()),
            Some(name) => Err(invalid(format!(
                "There were headers present in the request which were not signed: {name}"
            ))),
        }
    }

    fn check_time(&self, now_ms: i64) -> Result<(), ApiError> {
        let timestamp = &self.timestamp;
        let Some(signed_ms) = time::parse_ms(timestamp) else {
            return Err(invalid(format!(
                "Date must be in ISO-8601 'basic format'. Got '{timestamp}'. See \
                 http://en.wikipedia.org/wiki/ISO_8601"
            )));
        };
        let skew_ms = SKEW_MINUTES_MAX * 60_000;
        let now = time::format(now_ms);
        if signed_ms > now_ms + skew_ms {
            let latest = time::format(now_ms + skew_ms);
            return Err(invalid(format!(
                "Signature not yet current: {timestamp} is still later than {latest} ({now} + \
                 {SKEW_MINUTES_MAX} min.)"
            )));
        }
        let valid_ms = match &self.expires {
            None => skew_ms,
            Some(expires) => expires_s(expires)? * 1000,
        };
        if signed_ms + valid_ms < now_ms {
            let earliest = time::format(now_ms - valid_ms);
            let minutes = valid_ms / 60_000;
            return Err(invalid(format!(
                "Signature expired: {timestamp} is now earlier than {earliest} ({now} - {minutes} \
                 min.)"
            )));
        }
        Ok(())
    }

    /// Whether `key` has made the signature, over this request with this body.
    ///
    /// # Errors
    /// If not; the message has what should have been signed, which is no secret.
    pub fn verify(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
        key: &SigningKey,
    ) -> Result<(), ApiError> {
        let body_sha256 = hex(&Sha256::digest(body));
        if let Some(claimed) = headers.get("x-amz-content-sha256")
            && claimed.as_bytes() != body_sha256.as_bytes()
        {
            return Err(invalid(
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            ));
        }
        let canonical =
            canonical::request(method, uri, headers, &self.signed_headers, &body_sha256);
        let canonical = canonical.unwrap_or_default();
        let text = format!(
            "{ALGORITHM}\n{}\n{}/{}/{}/{}\n{}",
            self.timestamp,
            self.date,
            self.region,
            self.service,
            self.terminator,
            hex(&Sha256::digest(&canonical))
        );
        let signature = signature_bytes(&self.signature).unwrap_or([0; SIGNATURE_BYTES]);
        if !canonical.is_empty() && key.signed(&text, &signature) {
            return Ok(());
        }
        Err(invalid(format!(
            "The request signature we calculated does not match the signature you provided. Check \
             your AWS Secret Access Key and signing method. Consult the service documentation for \
             details.\n\nThe Canonical String for this request should have been\n'{canonical}'\n\n\
             The String-to-Sign should have been\n'{text}'\n"
        )))
    }
}

fn expires_s(text: &str) -> Result<i64, ApiError> {
    let seconds = text.parse::<i64>().ok().filter(|seconds| (1..=EXPIRES_S_MAX).contains(seconds));
    seconds.ok_or_else(|| {
        invalid(format!("X-Amz-Expires must be a number between 1 and {EXPIRES_S_MAX} seconds"))
    })
}

/// The bytes of a signature in lower-case hexadecimal.
fn signature_bytes(text: &str) -> Option<[u8; SIGNATURE_BYTES]> {
    let lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let digits = text.as_bytes();
    if digits.len() != SIGNATURE_BYTES * 2 || !digits.iter().all(lower) {
        return None;
    }
    let mut bytes = [0; SIGNATURE_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(bytes)
}
