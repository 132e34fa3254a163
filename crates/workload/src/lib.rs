//! Workload vectors, recorder, collector, windows, cells, history and trace files.
//!
//! A request leaves one [`Vector`] in the [`Recorder`], after [`Demand`] has told whether it is new or
//! a retry. Once a second the [`Collector`]'s owner drains the recorder: vectors are counted per cell
//! of the key axis and second, seconds add up to the bins of the three [`Window`]s and of 28 days of
//! history. Each is a [`Timeline`], which answers for any range of keys. In reading order:
//!
//! - `vector`, `recorder`, `demand`, `clients`: the path of a request; no locks, no allocation
//! - `axis`, `cells`, `shape`, `overlap`: arithmetic on the key axis
//! - `row`, `bins`, `timeline`, `series`: counting over time
//! - `adapt`: which cells to have (a pure decision); `sketch`, `window`: what sums do not show
//! - `table`, `collector`: all of it for one table, and for all
//! - `view`, `matrix`, `export`: as documents and files; `envelope`, `stored`, `chunk`, `snapshot`: as stored bytes
//! - `tabular`, `trace`, `rates`: files with recorded workloads
//!
//! Time and randomness come from the caller, and there is no I/O but reading trace files: the service,
//! the simulator and an import of history run the same code.

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
mod export;
mod matrix;
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
pub use matrix::{MatrixBin, MatrixPage, RecordedMatrix, read_matrix, write_head};
pub use rates::{Rates, read_rate_series, read_rates};
pub use recorder::Recorder;
pub use series::RateSeries;
pub use settings::{CollectorSettings, DemandSettings, RecorderSettings, WorkloadSettings};
pub use timeline::Timeline;
pub use trace::{TraceEvent, TraceOp, TraceReader};
pub(crate) use vector::KeyHex;
pub use vector::{
    KeyPrefix, Outcome, RANGE_KEY_PREFIX_BYTES, RangeKeyPrefix, Reach, RequestType,
    STORAGE_KEY_PREFIX_BYTES, StorageKeyPrefix, Vector,
};
pub use view::{CellView, HotKeyView, KeyQuantileView, VectorView, ViewSize, WindowView};
pub use window::Window;
