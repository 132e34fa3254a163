// One cell in words: what the tooltip, the pinned cell and the screen reader say. Exact: the interval of
// time, the keys, the value and what it is a share of.

import { clock, date, keys, number, percent, short, span } from "../format";
import type { Metric } from "../state";
import type { Heat, Shade } from "./data";
import { valueAt } from "./data";

export interface Cell { column: number; row: number }

export const METRIC_NAMES: Record<Metric, string> = {
  share: "load, % of a partition", read_units: "read units/s", write_units: "write units/s",
  bytes: "bytes/s", throttles: "throttled requests/s",
};

export function interval(heat: Heat, column: number): string {
  const from = heat.starts[column], until = heat.ends[column];
  const end = date(from) === date(until) ? clock(until) : `${date(until)} ${clock(until)}`;
  return `${date(from)} ${clock(from)} – ${end} UTC`;
}

/** The value as exactly as the API gives it: four digits. */
export function exact(heat: Heat, value: number | null): string {
  if (value == null) return "no data";
  if (heat.doc.metric === "share") return value === 0 ? "0 %" : `${number(value * 100, 6)} %`;
  const text = heat.doc.metric === "bytes" ? `${number(value, 4)} B/s` : `${number(value, 6)}/s`;
  return heat.capacity ? `${text} (${percent(value / heat.capacity)} of a partition)` : text;
}

export function lines(heat: Heat, { column, row }: Cell): string[] {
  const cell = heat.doc.cells[row];
  const value = valueAt(heat, column, row);
  const ahead = column >= heat.doc.past_columns;
  const said = [interval(heat, column)];
  said.push(exact(heat, value) + (value === 0 ? ": no load" : ""));
  if (ahead) {
    said.push(value == null ? "nothing is forecast here"
      : `forecast, exceeded with probability ${number(1 - heat.doc.quantile, 2)}`);
    if (heat.doc.forecast_note) said.push(heat.doc.forecast_note);
  } else if (value != null && heat.doc.bin_ms > 300_000) {
    said.push(`the highest five minutes of ${span(heat.doc.bin_ms)}`);
  }
  said.push(`keys ${keys(cell.start, cell.end)}`);
  said.push(`axis ${number(cell.from * 100, 3)} – ${number(cell.to * 100, 3)} %`
    + (cell.partition == null ? "" : `, now in partition ${cell.partition}`));
  return said;
}

/** The metric's whole in words, for the legend. */
export function whole(heat: Heat, shade: Shade): string {
  if (!shade.capacity) return "up to the highest cell shown";
  if (heat.doc.metric === "share") return "100 % = one partition's capacity";
  return `${short(shade.capacity)}/s = one partition's capacity`;
}
