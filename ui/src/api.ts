// The admin API as the page uses it: documents by path, with the operator's token if one is needed.
// The fields are described in docs/admin-api.md.

import type { Metric } from "./state";

export interface Units { read: number; write: number }

export interface TableSummary {
  name: string; strategy: string; partitions: number; epoch: number;
  load: Units; capacity: Units; requests_per_s: number; throttled_per_s: number;
  hottest: { partition: number; share: number; load: "reads" | "writes" } | null;
  peak: { partition: number; share: number; at_ms: number; probability: number } | null;
  next: { action: string; trigger: string; reason: string; when_ms: number; held: string | null; crossing_ms: number | null } | null;
  next_reason: string;
  running: Workflow[];
  anomalies_open: number;
}

export interface Workflow {
  id: number; table: string; action: string; kind: string; started_ms: number; state: string;
  step: string; attempt: number; waits_for: string | null; cancellable: boolean; reason: string;
}

export interface Rekey {
  id: number; table: string; from: string; to: string; started_ms: number; state: string; failure: string | null;
  progress: { phase: string; items: number; bytes: number; bytes_total: number; left_s: number | null } | null;
}

export interface Overview {
  now_ms: number;
  quantile: number;
  horizon_ms: number;
  paused: boolean;
  service: {
    version: string; ready: boolean; why_not: string | null; uptime_s: number; limits: string;
    requests: number; client_errors: number; server_errors: number; throttled: number; refused: number;
    /** The end of a bucket in microseconds, and what fell into it. */
    latency_us: [number, number][];
    vectors_dropped: number;
  };
  tables: TableSummary[];
}

export interface AheadPartition {
  id: number | null; from: number; to: number; share: (number | null)[];
  /** The part of its load that would be refused. */
  refused: (number | null)[];
}

export interface Heatmap {
  table: string; now_ms: number; bin_ms: number; forecast_bin_ms: number; times_ms: number[]; past_columns: number;
  cells: { from: number; to: number; start: string; end: string; partition: number | null }[];
  metric: Metric; capacity: Units; share?: (number | null)[][]; values?: (number | null)[][];
  maps: { at_ms: number; boundaries: number[] }[];
  quantile: number;
  /** How the forecast columns came about, where that does not go without saying. */
  forecast_note: string | null;
  ahead: {
    step_ms: number; times_ms: number[]; planned: AheadPartition[]; unchanged: AheadPartition[];
    unchanged_since_ms: number;
    actions: {
      kind: string; trigger: string; sources: number[]; boundaries: number[]; running: boolean;
      crossing_ms: number | null; reason: string;
    }[];
  };
}

export interface PartitionRow {
  id: number; start: string; end: string; strategy: string;
  capacity_read_units: number; capacity_write_units: number;
  load_read_units: number | null; load_write_units: number | null;
  score: number | null; score_threshold: number; score_reasons: string[];
  degradation_probability: number | null; forecast_summary: string; size_bytes: number | null;
  created_ms: number; owner: string; epoch: number; state: string;
}

export interface Anomaly {
  id: number; table: string; partition: number | null; peer: { client: string } | { cell: { start: string; end: string } } | null;
  load: string; kind: string;
  start_ms: number; end_ms: number | null; level: number; extreme: number;
  keys: { name: string; share: number }[]; clients: { name: string; share: number }[];
}

/** A key that alone asks for much of what its partition has. */
export interface HotKey {
  partition: number; key: string; client: string | null; read_units: number; write_units: number; capacity_share: number; refused: number;
}

export interface Reported {
  name: string; table: string | null; start_ms: number; end_ms: number | null;
  labels: Record<string, string>; annotations: Record<string, string>;
}

export class ApiError extends Error {
  constructor(readonly status: number, message: string) { super(message); }
}

const TOKEN = "foreshard-token";
let token = sessionStorage.getItem(TOKEN) ?? "";

export function setToken(text: string): void {
  token = text;
  if (text) sessionStorage.setItem(TOKEN, text);
  else sessionStorage.removeItem(TOKEN);
}

export const hasToken = (): boolean => token !== "";

async function call<T>(path: string, init: RequestInit): Promise<T> {
  const headers = new Headers(init.headers);
  if (token) headers.set("authorization", `Bearer ${token}`);
  const reply = await fetch("/api/v1/" + path, { ...init, headers, signal: AbortSignal.timeout(20_000) });
  if (reply.ok) return reply.json();
  const text = await reply.text();
  let reason = text;
  try { reason = JSON.parse(text).error ?? text; } catch { /* not ours: as it stands */ }
  throw new ApiError(reply.status, reason || `${reply.status} ${reply.statusText}`);
}

export const get = <T>(path: string): Promise<T> => call(path, {});

export const post = <T>(path: string, body: unknown): Promise<T> =>
  call(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

export const name = encodeURIComponent;
