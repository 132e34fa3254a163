//! Names that tell nothing: salted hashes, the salt of which nobody keeps.
//!
//! The same name is hidden in the same way within one export, so that hot keys stay hot; another export
//! has another salt, so that two cannot be laid side by side, and nobody can try out names.

use sha2::{Digest, Sha256};

/// Digits of a hidden name: enough that no two keys are taken for one.
const DIGITS: usize = 24;

/// Hides names.
pub(super) struct Hidden {
    salt: [u8; 32],
}

impl Hidden {
    /// With a salt of its own.
    #[allow(clippy::disallowed_methods)] // The binary may; and a salt from a seed would hide nothing.
    pub(super) fn new() -> Self {
        Self { salt: rand::random() }
    }

    /// What a name is called in this export; nothing stays nothing.
    pub(super) fn name(&self, name: &str) -> String {
        if name.is_empty() {
            return String::new();
        }
        let digest = Sha256::new().chain_update(self.salt).chain_update(name).finalize();
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        digits[..DIGITS].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hidden_alike_within_one_export_only() {
        let (one, other) = (Hidden { salt: [1; 32] }, Hidden { salt: [2; 32] });
        assert_eq!(one.name("orders/7"), one.name("orders/7"));
        assert_ne!(one.name("orders/7"), one.name("orders/8"));
        assert_ne!(one.name("orders/7"), other.name("orders/7"));
        assert_eq!((one.name("k").len(), one.name("")), (DIGITS, String::new()));
    }
}
