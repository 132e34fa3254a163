//! How closed bins are written down: shared by the history's day chunks and the windows' snapshot.
//!
//! Rows name their cells by a number, since long runs of rows share one map. Whatever was read is
//! checked before it is used: a damaged record is an error, never a panic later.

use crate::cells::CellMap;
use crate::row::{Row, STORED};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Adjacent bins, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredRows {
    /// The boundaries of each cell map that rows refer to.
    maps: Vec<Vec<Bytes>>,
    rows: Vec<StoredRow>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct StoredRow {
    map: u32,
    cells: Option<Box<[u16]>>,
    channels: u8,
    values: Box<[f32]>,
    covered_s: u16,
}

impl StoredRows {
    pub(crate) fn of<'a>(rows: impl Iterator<Item = &'a Row>) -> Self {
        let mut stored = Self::default();
        let mut last: Option<&Arc<CellMap>> = None;
        for row in rows {
            if last.is_none_or(|last| !Arc::ptr_eq(last, &row.map) && **last != *row.map) {
                stored.maps.push(row.map.boundaries().to_vec());
            }
            last = Some(&row.map);
            stored.rows.push(StoredRow {
                map: stored.maps.len() as u32 - 1,
                cells: row.cells.clone(),
                channels: row.channels,
                values: row.values.clone(),
                covered_s: row.covered_s,
            });
        }
        stored
    }

    /// The rows again, or what is wrong with them.
    pub(crate) fn into_rows(self) -> Result<Vec<Row>, &'static str> {
        let mut maps = Vec::with_capacity(self.maps.len());
        for boundaries in self.maps {
            let count = boundaries.len();
            let map = CellMap::new(boundaries);
            if map.boundaries().len() != count {
                return Err("its cell boundaries do not rise");
            }
            maps.push(Arc::new(map));
        }
        self.rows.into_iter().map(|row| row.into_row(&maps)).collect()
    }
}

impl StoredRow {
    fn into_row(self, maps: &[Arc<CellMap>]) -> Result<Row, &'static str> {
        let map = maps.get(self.map as usize).ok_or("a row has cells that are not there")?.clone();
        if let Some(cells) = &self.cells {
            let rising = cells.windows(2).all(|pair| pair[0] < pair[1]);
            let inside = cells.last().is_none_or(|last| usize::from(*last) < map.len());
            if !rising || !inside {
                return Err("a row has cells that are not there");
            }
        }
        let active = self.cells.as_ref().map_or(map.len(), |cells| cells.len());
        let channels = self.channels.count_ones() as usize;
        if self.channels >> STORED != 0 || self.values.len() != active * channels {
            return Err("a row has too many or too few values");
        }
        if self.values.iter().any(|value| !value.is_finite() || *value < 0.0) {
            return Err("a row has values that cannot have been counted");
        }
        let Self { cells, channels, values, covered_s, .. } = self;
        Ok(Row { map, cells, channels, values, covered_s })
    }
}
