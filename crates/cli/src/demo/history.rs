//! The imported weeks: the trace's past as workload vectors, straight into the collector.

use crate::service::Service;
use manager::ManagerError;
use simulator::Scenario;
use workload::Vector;

/// Imports everything before the scenario's start.
pub(crate) async fn import(
    service: &Service,
    name: &str,
    scenario: &Scenario,
) -> Result<(), ManagerError> {
    let table =
        service.storage().table(name).ok_or_else(|| ManagerError::NoSuchTable(name.to_owned()))?;
    let map = table.partition_map();
    let start_ms = scenario.parameters.start_ms;
    let events = scenario.workload.between(scenario.history_start_ms(), start_ms);
    service
        .manager()
        .import(name, |collector| {
            for event in events {
                let key = scenario.workload.key(event.key);
                let partition = map.partition_of(key.storage_key.as_bytes()).id;
                let vector = scenario.workload.vector(event, table.id(), event.at_ms);
                collector.ingest(&Vector { partition, ..vector });
            }
            collector.advance(start_ms);
        })
        .await
}
