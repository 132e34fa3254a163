//! Who may ask what of the admin listener.
//!
//! Without tokens everybody on this machine may do everything, and nobody else anything: the listener
//! is on loopback, and a request must name a loopback host, so that a web page whose name was made to
//! mean this machine gets nothing. With tokens every request needs one, of a role that may do what is
//! asked. Either way a page of another origin is refused, and a change must say that it is JSON, which
//! no page can do without the browser asking first; that question is not answered here.

use std::collections::BTreeMap;
use std::net::IpAddr;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::answer::{JSON, Refusal};
use crate::settings::Secret;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Look at everything.
    ReadOnly,
    /// Change things, too.
    Operator,
}

/// Somebody who may use the admin API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminToken {
    /// What they may do.
    pub role: Role,
    /// What they send as `Authorization: Bearer ...`; at least [`Tokens::BYTES_MIN`] bytes.
    pub token: Secret,
}

/// Who may use the admin API, by name. Without anybody, whoever is on this machine may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tokens(BTreeMap<String, AdminToken>);

impl Tokens {
    /// The shortest token: shorter ones can be guessed.
    pub const BYTES_MIN: usize = 16;

    /// Tokens by name.
    pub fn new(tokens: impl IntoIterator<Item = (String, AdminToken)>) -> Self {
        Self(tokens.into_iter().collect())
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name of a token that can be guessed.
    pub(crate) fn weak_one(&self) -> Option<&str> {
        let weak = |(_, t): &(&String, &AdminToken)| t.token.reveal().len() < Self::BYTES_MIN;
        self.0.iter().find(weak).map(|(name, _)| name.as_str())
    }

    /// Whose token this is. Every token is compared as a whole, however early it differs.
    fn owner(&self, given: &str) -> Option<(&str, Role)> {
        let mut found = None;
        for (name, token) in &self.0 {
            if same(token.token.reveal().as_bytes(), given.as_bytes()) {
                found = Some((name.as_str(), token.role));
            }
        }
        found
    }

    /// Lets a request in that needs `role`, and says who it is from.
    pub(super) fn admit(&self, headers: &HeaderMap, role: Role) -> Result<String, Refusal> {
        own_origin(headers)?;
        if self.is_empty() {
            loopback_host(headers)?;
            return Ok("local".to_owned());
        }
        let given = text(headers, AUTHORIZATION.as_str());
        let token = given.split_once(' ').filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
        let Some((name, has)) = token.and_then(|(_, token)| self.owner(token.trim())) else {
            return Err(Refusal::unauthorized());
        };
        if has < role {
            let reason = format!("the token of {name:?} is read-only; use an operator's");
            return Err(Refusal::new(StatusCode::FORBIDDEN, reason));
        }
        Ok(name.to_owned())
    }
}

/// Whether a request that changes something says that it is JSON.
pub(super) fn says_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let kind = text(headers, CONTENT_TYPE.as_str());
    if kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(JSON)) {
        return Ok(());
    }
    let reason = format!("send the request with content-type: {JSON}");
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason))
}

/// A page's origin, if the request has one, must be this listener as the request names it.
fn own_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let authority = origin.to_str().unwrap_or_default().split_once("://").map(|(_, rest)| rest);
    if authority.is_some_and(|authority| authority.eq_ignore_ascii_case(text(headers, "host"))) {
        return Ok(());
    }
    let reason = "web pages of other origins may not use the admin API";
    Err(Refusal::new(StatusCode::FORBIDDEN, reason))
}

fn loopback_host(headers: &HeaderMap) -> Result<(), Refusal> {
    let host = text(headers, HOST.as_str());
    if is_loopback(host) {
        return Ok(());
    }
    let reason = format!("this service is on a loopback address, not on {host:?}");
    Err(Refusal::new(StatusCode::FORBIDDEN, reason))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Whether a `Host` header names this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Compares in a time that depends on the lengths alone.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |found, (a, b)| found | (a ^ b));
    one.len() == other.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn tokens() -> Tokens {
        let text = r#"{"ann": {"role": "operator", "token": "0123456789abcdef"},
                       "bob": {"role": "read-only", "token": "fedcba9876543210"}}"#;
        serde_json::from_str(text).unwrap()
    }

    fn status(result: Result<String, Refusal>) -> Result<String, u16> {
        result.map_err(|refusal| refusal.status().as_u16())
    }

    #[test]
    fn without_tokens_only_this_machine_may_ask() {
        let none = Tokens::default();
        for host in ["localhost", "localhost:8001", "127.0.0.1:8001", "[::1]:8001", "127.9.9.9"] {
            let admitted = none.admit(&headers(&[("host", host)]), Role::Operator);
            assert_eq!(status(admitted), Ok("local".into()), "{host}");
        }
        for host in ["", "example.com", "example.com:8001", "localhost.example.com", "10.0.0.1:1"] {
            let refused = none.admit(&headers(&[("host", host)]), Role::ReadOnly);
            assert_eq!(status(refused), Err(403), "{host}");
        }
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let ask = |origin| {
            let all = headers(&[("host", "localhost:8001"), ("origin", origin)]);
            status(Tokens::default().admit(&all, Role::ReadOnly))
        };
        assert!(ask("http://localhost:8001").is_ok());
        for origin in ["http://localhost:3000", "https://example.com", "null", "localhost:8001"] {
            assert_eq!(ask(origin), Err(403), "{origin}");
        }
    }

    #[test]
    fn a_token_lets_in_whom_it_belongs_to_as_far_as_their_role_goes() {
        let ask =
            |value: &str, role| status(tokens().admit(&headers(&[("authorization", value)]), role));
        assert_eq!(ask("Bearer 0123456789abcdef", Role::Operator), Ok("ann".into()));
        assert_eq!(ask("bearer fedcba9876543210", Role::ReadOnly), Ok("bob".into()));
        assert_eq!(ask("Bearer fedcba9876543210", Role::Operator), Err(403));
        for bad in ["", "Bearer", "Bearer ", "Bearer 0123456789abcde", "Basic 0123456789abcdef"] {
            assert_eq!(ask(bad, Role::ReadOnly), Err(401), "{bad}");
        }
    }

    #[test]
    fn tokens_are_neither_shown_nor_weak() {
        assert_eq!(tokens().weak_one(), None);
        assert!(!format!("{:?}", tokens()).contains("0123456789abcdef"));
        let weak = r#"{"eve": {"role": "operator", "token": "short"}}"#;
        assert_eq!(serde_json::from_str::<Tokens>(weak).unwrap().weak_one(), Some("eve"));
    }

    #[test]
    fn a_change_is_json_and_says_so() {
        for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
            assert!(says_json(&headers(&[("content-type", kind)])).is_ok(), "{kind}");
        }
        for kind in ["", "text/plain", "application/jsonp"] {
            assert!(says_json(&headers(&[("content-type", kind)])).is_err(), "{kind}");
        }
    }
}
