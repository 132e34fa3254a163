//! The canonical form of a request: the text that both sides sign.
//!
//! The path is always that of DynamoDB, `/`; anything else is refused before it gets here.

use http::{HeaderMap, HeaderName, Method, Uri};
use std::borrow::Cow;
use std::fmt::Write;

/// The parameter that is not signed, being the signature.
const SIGNATURE: &str = "X-Amz-Signature";

/// The canonical request; `None` if a header that is said to be signed is not there.
pub(super) fn request(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    signed_headers: &str,
    body_sha256: &str,
) -> Option<String> {
    let mut text = String::with_capacity(512);
    text.push_str(method.as_str());
    text.push_str("\n/\n");
    text.push_str(&query(uri.query().unwrap_or_default()));
    text.push('\n');
    let mut names: Vec<&str> = signed_headers.split(';').collect();
    names.sort_unstable();
    for name in &names {
        header(&mut text, headers, name)?;
    }
    text.push('\n');
    text.push_str(&names.join(";"));
    text.push('\n');
    text.push_str(body_sha256);
    Some(text)
}

/// A header's line: its values with runs of spaces made one, in the order of the request.
fn header(text: &mut String, headers: &HeaderMap, name: &str) -> Option<()> {
    // Names are signed in lower case; another spelling would let one header be signed twice.
    let key = HeaderName::from_bytes(name.as_bytes()).ok().filter(|key| key.as_str() == name)?;
    text.push_str(name);
    let mut separator = ':';
    for value in headers.get_all(key) {
        text.push(separator);
        separator = ',';
        let value = String::from_utf8_lossy(value.as_bytes());
        for (index, word) in value.split(' ').filter(|word| !word.is_empty()).enumerate() {
            if index > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
    }
    text.push('\n');
    (separator == ',').then_some(())
}

/// The query's parameters encoded anew and sorted, without the signature.
fn query(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(String, String)> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != SIGNATURE)
        .map(|(name, value)| (encoded(&decoded_bytes(name)), encoded(&decoded_bytes(value))))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// A text of a query with its escapes resolved; a plus is a space, as in forms.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(&decoded_bytes(text)).into_owned())
}

fn decoded_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let escape = match (first, behind) {
            (b'%', [high, low, ..]) => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        match escape {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = &behind[2..];
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = behind;
            }
        }
    }
    bytes
}

/// Everything but letters, digits and `-_.~` escaped.
fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                text.push(char::from(*byte));
            }
            // Writing to a string never fails.
            _ => drop(write!(text, "%{byte:02X}")),
        }
    }
    text
}

/// The value of a hexadecimal digit.
pub(super) fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Bytes in lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
