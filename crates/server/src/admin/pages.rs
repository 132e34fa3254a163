//! The dashboard's files, as far as they were built into this binary, and what browsers may do with
//! them.

use http::header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY};
use http::header::{HeaderMap, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};

use super::answer::{Document, HTML};

/// What `ui/dist` held when this was built: names and contents.
const BUILT: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));

/// Stands in for a dashboard that was not built.
const NOT_BUILT: &str = include_str!("../../assets/index.html");

/// Only what comes from here: no other host, nothing inline, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The file at a path.
pub(super) fn page(path: &str) -> Option<Document> {
    let name = match path.trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    let built = BUILT.iter().find(|(known, _)| *known == name);
    match (built, name) {
        (Some((_, content)), _) => Some(Document::new(content_type(name), *content)),
        (None, "index.html") => Some(Document::new(HTML, NOT_BUILT)),
        (None, _) => None,
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        _ => HTML,
    }
}

/// Tells browsers what the admin listener's answers may be used for.
pub(super) fn protect(headers: &mut HeaderMap) {
    let same_origin: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (same_origin, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_whether_the_dashboard_was_built_or_not() {
        for path in ["/", "/index.html"] {
            assert!(page(path).is_some(), "{path}");
        }
        for path in ["/nonsense.js", "/../Cargo.toml", "//"] {
            assert_eq!(page(path).is_some(), path == "//", "{path}");
        }
    }

    #[test]
    fn nothing_inline_and_nothing_from_elsewhere_is_needed() {
        let pages = BUILT.iter().filter(|(name, _)| name.ends_with(".html"));
        let pages = pages.map(|(_, content)| String::from_utf8_lossy(content).into_owned());
        for page in pages.chain([NOT_BUILT.to_owned()]) {
            for inline in ["<style", "style=", "<script>", "onclick", "http:", "https:"] {
                let found = page.replace("http://www.w3.org/2000/svg", "").contains(inline);
                assert!(!found, "{inline} in {page}");
            }
        }
    }
}
