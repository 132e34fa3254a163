//! Cross-origin requests: which web pages may read what this server answers.
//!
//! With credentials any page may ask, as with DynamoDB: it must know a secret. Without them a page
//! from anywhere could use whatever runs on its visitor's machine, so only pages from that machine
//! may, unless the settings say otherwise.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    HeaderMap, HeaderValue, ORIGIN, VARY,
};
use http::uri::Authority;

/// How long a browser may remember the answer.
const MAX_AGE_S: u32 = 172_800;
/// What a page may read beside the body.
const EXPOSED: &str = "x-amzn-RequestId, x-amz-crc32, Date";

/// The rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cors {
    /// Every page.
    Any,
    /// Pages of these origins.
    Origins(Vec<String>),
    /// Pages that this machine serves.
    Loopback,
}

impl Cors {
    /// The rule of the settings: what they name, or what is safe.
    pub(crate) fn new(origins: Option<&[String]>, with_credentials: bool) -> Self {
        match origins {
            Some(origins) if origins.iter().any(|origin| origin == "*") => Self::Any,
            Some(origins) => Self::Origins(origins.to_vec()),
            None if with_credentials => Self::Any,
            None => Self::Loopback,
        }
    }

    /// Whether a request may be served: one that no page sent, or one that may. Browsers keep the
    /// reply from other pages, but not the request from being carried out, if its page has made its
    /// own name mean this machine.
    pub(crate) fn admits(&self, request: &HeaderMap) -> bool {
        request.get(ORIGIN).is_none_or(|origin| self.knows(origin.to_str().unwrap_or_default()))
    }

    /// Adds what allows the page that sent `request` to read the response.
    pub(crate) fn allow(&self, request: &HeaderMap, response: &mut HeaderMap) {
        let Some(origin) = request.get(ORIGIN) else {
            return;
        };
        let allowed = match self {
            Self::Any => HeaderValue::from_static("*"),
            _ => {
                response.insert(VARY, HeaderValue::from_static("Origin"));
                if !self.knows(origin.to_str().unwrap_or_default()) {
                    return;
                }
                origin.clone()
            }
        };
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }

    /// Adds what answers a browser that asks beforehand.
    pub(crate) fn allow_beforehand(&self, request: &HeaderMap, response: &mut HeaderMap) {
        self.allow(request, response);
        if !response.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        response
            .insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, GET, OPTIONS"));
        if let Some(headers) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            response.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
        }
        response.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(MAX_AGE_S));
    }

    fn knows(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Origins(origins) => origins.iter().any(|known| known == origin),
            Self::Loopback => is_loopback(origin),
        }
    }
}

/// Whether an origin is on this machine.
fn is_loopback(origin: &str) -> bool {
    let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
    let Ok(authority) = authority.parse::<Authority>() else {
        return false;
    };
    matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(cors: &Cors, origin: &str) -> Option<String> {
        let mut request = HeaderMap::new();
        request.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
        request.insert(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static("x-amz-target"));
        let mut response = HeaderMap::new();
        let admitted = cors.admits(&request);
        cors.allow_beforehand(&request, &mut response);
        assert_eq!(admitted, response.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
        let value = response.get(ACCESS_CONTROL_ALLOW_ORIGIN)?;
        assert_eq!(response[ACCESS_CONTROL_ALLOW_HEADERS], "x-amz-target");
        Some(value.to_str().unwrap().to_owned())
    }

    #[test]
    fn without_credentials_only_pages_of_this_machine_may_ask() {
        let cors = Cors::new(None, false);
        assert!(cors.admits(&HeaderMap::new()), "no page at all");
        for origin in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:8080"] {
            assert_eq!(allowed(&cors, origin).as_deref(), Some(origin));
        }
        for origin in ["http://example.com", "http://localhost.example.com", "null", "localhost"] {
            assert_eq!(allowed(&cors, origin), None, "{origin}");
        }
    }

    #[test]
    fn with_credentials_or_a_star_any_page_may() {
        let star = ["*".to_owned()];
        for cors in [Cors::new(None, true), Cors::new(Some(&star), false)] {
            assert_eq!(allowed(&cors, "http://example.com").as_deref(), Some("*"));
        }
    }

    #[test]
    fn named_origins_are_the_only_ones() {
        let names = ["https://app.example.com".to_owned()];
        let cors = Cors::new(Some(&names), true);
        assert!(allowed(&cors, "https://app.example.com").is_some());
        assert_eq!(allowed(&cors, "http://app.example.com"), None);
    }
}
