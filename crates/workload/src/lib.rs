//! Workload vectors, recorder, collector, windows, cells, history and trace files.

mod adapt;
mod axis;
mod bins;
mod cells;
mod channel;
mod chunk;
mod clients;
mod collector;
mod demand;
mod envelope;
mod error;
mod overlap;
mod rates;
mod recorder;
mod row;
mod series;
mod settings;
mod shape;
mod sketch;
mod snapshot;
mod stored;
mod table;
mod tabular;
#[cfg(test)]
mod testing;
mod timeline;
mod trace;
mod vector;
mod view;
mod window;

pub use bins::{HISTORY_BIN_MS, HISTORY_BINS, HISTORY_DAYS};
pub use cells::{CELLS_PER_TABLE_LIMIT, CellMap};
pub use channel::Channel;
pub use chunk::DayRef;
pub use clients::{ClientNames, client_hash};
pub use collector::{Collector, CollectorStats, HotKey};
pub use demand::{Attempt, Demand};
pub use error::WorkloadError;
pub use rates::{Rates, read_rates};
pub use recorder::Recorder;
pub use series::RateSeries;
pub use settings::{CollectorSettings, DemandSettings, RecorderSettings, WorkloadSettings};
pub use timeline::Timeline;
pub use trace::{TraceEvent, TraceOp, TraceReader};
pub use vector::{
    KeyPrefix, Outcome, RANGE_KEY_PREFIX_BYTES, RangeKeyPrefix, RequestType,
    STORAGE_KEY_PREFIX_BYTES, StorageKeyPrefix, Vector,
};
pub use view::{CellView, HotKeyView, KeyQuantileView, VectorView, ViewSize, WindowView};
pub use window::Window;
