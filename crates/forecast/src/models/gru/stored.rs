//! A network as bytes.
//!
//! ```text
//!   "FSGRU"  version u8 = 1  steps u16  bin_ms i64  weights u32 × f32  crc32 of all before
//! ```
//!
//! Little-endian. A network of another shape (more inputs, another state) has another version; what
//! cannot be read is refused with a reason, and whoever stored it trains anew.

use super::network::{Layout, Network};
use crate::ForecastError;

const MAGIC: &[u8; 5] = b"FSGRU";
const VERSION: u8 = 1;
const HEADER: usize = 5 + 1 + 2 + 8 + 4;
const CHECKSUM: usize = 4;

impl Network {
    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + 4 * self.weights.len() + CHECKSUM);
        bytes.extend(MAGIC);
        bytes.push(VERSION);
        bytes.extend((self.layout.steps as u16).to_le_bytes());
        bytes.extend(self.bin_ms.to_le_bytes());
        bytes.extend((self.weights.len() as u32).to_le_bytes());
        self.weights.iter().for_each(|weight| bytes.extend(weight.to_le_bytes()));
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ForecastError> {
        let refused = |reason: &str| ForecastError::StoredNetwork { reason: reason.into() };
        let (body, checksum) =
            bytes.split_last_chunk::<CHECKSUM>().ok_or_else(|| refused("it is too short"))?;
        if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
            return Err(refused("its checksum is wrong"));
        }
        let mut rest = body;
        if take::<5>(&mut rest) != Some(*MAGIC) {
            return Err(refused("it is something else"));
        }
        if take(&mut rest) != Some([VERSION]) {
            return Err(refused("its version is not known"));
        }
        let short = || refused("it is too short");
        let steps = u16::from_le_bytes(take(&mut rest).ok_or_else(short)?);
        let bin_ms = i64::from_le_bytes(take(&mut rest).ok_or_else(short)?);
        let count = u32::from_le_bytes(take(&mut rest).ok_or_else(short)?) as usize;
        let layout = Layout { steps: steps.into() };
        if count != layout.len() || rest.len() != 4 * count {
            return Err(refused("its number of weights does not fit its shape"));
        }
        let weights: Vec<f32> = rest
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
            .collect();
        if !weights.iter().all(|weight| weight.is_finite()) {
            return Err(refused("a weight is not a number"));
        }
        Ok(Self { layout, weights, bin_ms })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}
