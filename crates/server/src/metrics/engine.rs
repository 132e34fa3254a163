//! The engine on `/metrics`: what SlateDB counts, over all partitions.

use std::fmt::Error;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use storage::EngineCounter;

/// Writes all of it; `counters` are sorted by name.
pub(super) fn encode(
    encoder: &mut DescriptorEncoder,
    counters: &[EngineCounter],
) -> Result<(), Error> {
    for family in counters.chunk_by(|one, next| one.name == next.name) {
        let Some(first) = family.first() else { continue };
        let name = metric_name(&first.name);
        let help = first.description.trim_end_matches('.');
        let mut encoded = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
        for counter in family {
            encoded
                .encode_family(&counter.labels)?
                .encode_counter::<NoLabelSet, u64, f64>(&counter.value, None)?;
        }
    }
    Ok(())
}

/// `slatedb.db.get-requests` as Prometheus can have it; the ending `_total` is added by the encoder.
fn metric_name(name: &str) -> String {
    let clean = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = name.chars().map(clean).collect();
    name.strip_suffix("_total").unwrap_or(&name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_prometheus_names() {
        assert_eq!(metric_name("slatedb.db.get-requests"), "slatedb_db_get_requests");
        assert_eq!(metric_name("a_total"), "a");
    }
}
