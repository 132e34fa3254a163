// The heat map as a table, for screen readers and for whoever wants numbers: one row per partition,
// one column per time, each cell the highest and the sum of what the partition's cells show.

import { h } from "../dom";
import { clock, date, keys, percent, short } from "../format";
import type { Heat } from "./data";
import type { Window } from "./scale";

const PAST_COLUMNS = 8;
const AHEAD_COLUMNS = 6;

interface Group { name: string; rows: number[]; keys: string }

function groups(heat: Heat, window: Window): Group[] {
  const found = new Map<string, Group>();
  heat.doc.cells.forEach((cell, row) => {
    if (cell.to <= window.low || cell.from >= window.high) return;
    const name = cell.partition == null ? "all keys" : `partition ${cell.partition}`;
    const group = found.get(name) ?? { name, rows: [], keys: "" };
    group.rows.push(row);
    found.set(name, group);
  });
  for (const group of found.values()) {
    const first = heat.doc.cells[group.rows[0]], last = heat.doc.cells[group.rows[group.rows.length - 1]];
    group.keys = keys(first.start, last.end, 10);
  }
  return [...found.values()];
}

interface Part { columns: number[]; from: number; until: number; ahead: boolean }

function parts(heat: Heat, window: Window): Part[] {
  const seen = [...heat.starts.keys()].filter((c) => heat.ends[c] > window.from && heat.starts[c] < window.until);
  const split = (columns: number[], most: number, ahead: boolean): Part[] => {
    const size = Math.max(Math.ceil(columns.length / most), 1);
    const found: Part[] = [];
    for (let at = 0; at < columns.length; at += size) {
      const some = columns.slice(at, at + size);
      found.push({ columns: some, from: heat.starts[some[0]], until: heat.ends[some[some.length - 1]], ahead });
    }
    return found;
  };
  const past = heat.doc.past_columns;
  return [
    ...split(seen.filter((c) => c < past), PAST_COLUMNS, false),
    ...split(seen.filter((c) => c >= past), AHEAD_COLUMNS, true),
  ];
}

/** The fullest moment of some rows in some columns; null where nothing is known. */
function most(heat: Heat, rows: number[], columns: number[]): number | null {
  let best: number | null = null;
  for (const column of columns) {
    let sum = 0, known = false;
    for (const row of rows) {
      const value = heat.values[column * heat.rows + row];
      if (Number.isNaN(value)) continue;
      sum += value;
      known = true;
    }
    if (known && (best == null || sum > best)) best = sum;
  }
  return best;
}

export function heatTable(heat: Heat, window: Window): HTMLElement {
  const columns = parts(heat, window);
  const text = (value: number | null) =>
    value == null ? "no data" : heat.doc.metric === "share" ? percent(value) : short(value);
  const head = h("tr", {}, h("th", { scope: "col" }, "Keys"), ...columns.map((part) =>
    h("th", { scope: "col", class: part.ahead ? "n ahead" : "n" },
      `${part.ahead ? "forecast " : ""}${date(part.from).slice(5)} ${clock(part.from)}–${clock(part.until)}`)));
  const body = groups(heat, window).map((group) => h("tr", {},
    h("th", { scope: "row" }, group.name, h("br"), h("span", { class: "dim mono" }, group.keys)),
    ...columns.map((part) => h("td", { class: part.ahead ? "n ahead" : "n" }, text(most(heat, group.rows, part.columns))))));
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Heat map as a table" },
    h("table", { class: "grid" },
      h("caption", {}, `The fullest moment of each partition in each span of time (UTC), ${
        heat.doc.metric === "share" ? "as a share of one partition's capacity" : "per second"}; forecast at quantile ${heat.doc.quantile}.`),
      h("thead", {}, head), h("tbody", {}, ...body)));
}
