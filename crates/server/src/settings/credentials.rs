//! Who may use the DynamoDB API: access key ids with their secrets.
//!
//! Secrets are read and compared with, never shown: neither debug output nor a written configuration
//! has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

/// What stands for a secret wherever settings are shown.
const HIDDEN: &str = "(hidden)";

/// Access key ids with their secrets. Without any, nobody is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Credentials(BTreeMap<String, Secret>);

/// A secret access key.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl Secret {
    /// The secret itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl Credentials {
    /// Credentials from pairs of access key id and secret.
    pub fn new<K: Into<String>, S: Into<String>>(pairs: impl IntoIterator<Item = (K, S)>) -> Self {
        Self(pairs.into_iter().map(|(id, secret)| (id.into(), Secret(secret.into()))).collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The access key ids.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The id of a credential that protects nothing, its id or its secret being empty.
    pub(crate) fn empty_one(&self) -> Option<&str> {
        let empty = |(id, secret): &(&String, &Secret)| id.is_empty() || secret.0.is_empty();
        self.0.iter().find(empty).map(|(id, _)| id.as_str())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(id, secret)| (id.as_str(), secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_never_shown() {
        let credentials = Credentials::new([("AKID", "tiger")]);
        let shown = format!("{credentials:?} {}", serde_json::to_string(&credentials).unwrap());
        assert!(shown.contains("AKID") && !shown.contains("tiger"), "{shown}");
        let read: Credentials = serde_json::from_str(r#"{"AKID": "tiger"}"#).unwrap();
        assert_eq!(read, credentials);
        assert_eq!(Credentials::new([("", "x")]).empty_one(), Some(""));
        assert_eq!(Credentials::new([("a", "")]).empty_one(), Some("a"));
        assert_eq!(credentials.empty_one(), None);
    }
}
