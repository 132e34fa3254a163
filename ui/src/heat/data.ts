// A heat map document as the picture needs it: flat arrays, and what lies where.

import type { Heatmap } from "../api";

export interface Heat {
  doc: Heatmap;
  columns: number;
  rows: number;
  /** By column, then row; not a number where nothing is known. */
  values: Float32Array;
  starts: Float64Array;
  ends: Float64Array;
  /** When the first column begins, where past and forecast meet, and when the last column ends. */
  first: number;
  now: number;
  last: number;
  max: number;
  /** Whether anything at all is known to the right of now. */
  foretold: boolean;
  /** What counts as 100 %, if the metric has a capacity. */
  capacity: number | null;
}

export function prepare(doc: Heatmap): Heat {
  const matrix = doc.share ?? doc.values ?? [];
  const columns = doc.times_ms.length;
  const rows = doc.cells.length;
  const values = new Float32Array(columns * rows).fill(NaN);
  let max = 0, foretold = false;
  for (let column = 0; column < columns; column++) {
    const from = matrix[column];
    const base = column * rows;
    for (let row = 0; row < rows; row++) {
      const value = from[row];
      if (value === null) continue;
      values[base + row] = value;
      foretold ||= column >= doc.past_columns;
      if (value > max) max = value;
    }
  }
  const starts = Float64Array.from(doc.times_ms);
  const ends = starts.map((start, column) => {
    const length = column < doc.past_columns ? doc.bin_ms : doc.forecast_bin_ms;
    return column + 1 < columns ? Math.min(starts[column + 1], start + length) : start + length;
  });
  const past = doc.past_columns;
  // The bin that is not over yet belongs to the forecast: the line lies where its column begins.
  const seam = past < columns ? starts[past] : columns ? ends[columns - 1] : doc.now_ms;
  return {
    doc, columns, rows, values, starts, ends, max, foretold,
    first: columns ? starts[0] : doc.now_ms - 3_600_000,
    now: seam,
    last: columns ? ends[columns - 1] : doc.now_ms,
    capacity: doc.metric === "share" ? 1 : doc.metric === "read_units" ? doc.capacity.read
      : doc.metric === "write_units" ? doc.capacity.write : null,
  };
}

/** The column of a moment; -1 where there is none. */
export function columnAt(heat: Heat, ms: number): number {
  let low = 0, high = heat.columns - 1;
  while (low <= high) {
    const mid = (low + high) >> 1;
    if (heat.starts[mid] <= ms) low = mid + 1; else high = mid - 1;
  }
  return high >= 0 && ms < heat.ends[high] ? high : -1;
}

/** The row of a place on the key axis; -1 where there is none. */
export function rowAt(heat: Heat, at: number): number {
  const { cells } = heat.doc;
  let low = 0, high = cells.length - 1;
  while (low <= high) {
    const mid = (low + high) >> 1;
    if (cells[mid].from <= at) low = mid + 1; else high = mid - 1;
  }
  return high >= 0 && at <= cells[high].to ? high : -1;
}

export const valueAt = (heat: Heat, column: number, row: number): number | null => {
  const value = heat.values[column * heat.rows + row];
  return Number.isNaN(value) ? null : value;
};

/** Where a value lies on the ramp, from 0 to 1. */
export interface Shade {
  low: number; high: number; log: boolean;
  /** What counts as 100 %, if the ramp ends there. */
  capacity: number | null;
}

/** So many times less than what is full is where a logarithmic ramp begins. */
const LOG_SPAN = 2000;

/** A ramp up to a partition's capacity, or (`relative`, or where there is no such thing) to the highest cell. */
export function shade(heat: Heat, log: boolean, relative: boolean): Shade {
  const capacity = relative ? null : heat.capacity;
  const high = capacity ?? (heat.max > 0 ? heat.max : 1);
  return { low: log ? high / LOG_SPAN : 0, high, log, capacity };
}

export function place(value: number, { low, high, log }: Shade): number {
  if (log) return value <= low ? 0 : Math.min(Math.log(value / low) / Math.log(high / low), 1);
  return Math.min(value / high, 1);
}

export function unplace(t: number, { low, high, log }: Shade): number {
  return log ? low * (high / low) ** t : t * high;
}
