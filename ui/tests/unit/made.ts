// Documents made up for the tests.

import type { Heatmap, Overview, TableSummary } from "../../src/api";

export const NOW = Date.UTC(2024, 4, 1, 9);
export const BIN = 300_000;

/** Two past columns and two forecast ones, of three cells. */
export function heatmap(changes: Partial<Heatmap> = {}): Heatmap {
  const boundary = ["", "40", "80", ""];
  return {
    table: "orders", now_ms: NOW, bin_ms: BIN, forecast_bin_ms: BIN, times_ms: [-2, -1, 0, 1].map((n) => NOW + n * BIN), past_columns: 2,
    cells: [0, 1, 2].map((i) => ({ from: [0, 0.25, 0.5][i], to: [0.25, 0.5, 1][i], start: boundary[i], end: boundary[i + 1], partition: i < 2 ? 1 : 2 })),
    metric: "share", capacity: { read: 3000, write: 1000 },
    share: [[0.5, 0, null], [0.1, 0.2, 0.3], [0.9, null, 0], [1.5, 0.4, 0.0001]],
    maps: [], quantile: 0.9, forecast_note: null,
    ahead: { step_ms: BIN, times_ms: [], planned: [], unchanged: [], unchanged_since_ms: NOW, actions: [] },
    ...changes,
  };
}

export function table(changes: Partial<TableSummary> = {}): TableSummary {
  return {
    name: "orders", strategy: "hash", partitions: 2, epoch: 1, load: { read: 1, write: 1 }, capacity: { read: 6000, write: 2000 },
    requests_per_s: 10, throttled_per_s: 0, hottest: { partition: 1, share: 0.4, load: "writes" },
    peak: { partition: 1, share: 0.6, at_ms: NOW + BIN, probability: 0.01 }, next: null, next_reason: "", running: [], anomalies_open: 0, ...changes,
  };
}

export function overview(service: Partial<Overview["service"]> = {}): Overview {
  return {
    now_ms: NOW, quantile: 0.9, horizon_ms: 3_600_000, paused: false, tables: [],
    service: {
      version: "0", ready: true, why_not: null, uptime_s: 10, limits: "dynamodb", requests: 100, client_errors: 1, server_errors: 0,
      throttled: 2, refused: 0, latency_us: [[1_000, 90], [8_000, 10]], vectors_dropped: 0, ...service,
    },
  };
}
