// The tiles of the first screen: one number each, what it is, and a line of the last minutes.

import type { Overview, TableSummary } from "../api";
import { h } from "../dom";
import { DASH, clock, milliseconds, number, percent, risk, short, span } from "../format";
import { sparkline } from "../lines";
import type { Counters, Rates } from "../counters";

interface Tile { name: string; value: string; more: (string | Node)[]; level?: string; spark?: SVGElement; wide?: boolean }

function meter(share: number, label: string): HTMLElement {
  const bar = h("span", { class: "bar" });
  bar.style.width = `${Math.min(share, 1) * 100}%`;
  return h("span", { class: share >= 1 ? "meter over" : share >= 0.8 ? "meter high" : "meter" },
    h("span", { class: "meter-name" }, label), h("span", { class: "track", "aria-hidden": "true" }, bar),
    h("span", { class: "meter-share" }, percent(share)));
}

function tile({ name, value, more, level, spark, wide }: Tile): HTMLElement {
  return h("div", { class: `tile ${level ?? ""} ${wide ? "wide" : ""}`, role: "group", "aria-label": name },
    h("h3", {}, name), h("div", { class: "value" }, value), h("div", { class: "more" }, ...more), spark ?? null);
}

export function tiles(overview: Overview, table: TableSummary | undefined, rates: Rates | null, counters: Counters): HTMLElement[] {
  const now = overview.now_ms;
  const rate = (x: number | undefined) => (x == null ? DASH : short(x));
  return [
    tile({ name: "Requests", value: `${rate(rates?.requests)}/s`, more: ["all tables, real time"], spark: sparkline(counters.requests, "") }),
    tile({
      name: "Throttled", value: `${rate(rates?.throttled)}/s`, more: ["refused for want of capacity"],
      level: rates && rates.throttled > 0 ? "bad" : "", spark: sparkline(counters.throttled, "bad"),
    }),
    tile({
      name: "Errors", value: `${rate(rates?.errors)}/s`,
      more: [rates && rates.serverErrors > 0 ? `${short(rates.serverErrors)}/s ours` : "clients' and ours"],
      level: rates && rates.serverErrors > 0 ? "bad" : "", spark: sparkline(counters.errors, "watch"),
    }),
    tile({
      name: "Latency", value: milliseconds(rates?.p50_ms), more: [`half below; p99 ${milliseconds(rates?.p99_ms)}`],
      spark: sparkline(counters.p99, ""),
    }),
    consumed(table),
    hottest(table, now),
    workflow(table, now),
    next(table, now),
    anomalies(table),
  ];
}

function consumed(table: TableSummary | undefined): HTMLElement {
  if (!table) return tile({ name: "Consumed of capacity", value: DASH, more: [] });
  const share = (load: number, capacity: number) => (capacity > 0 ? load / capacity : 0);
  const read = share(table.load.read, table.capacity.read), write = share(table.load.write, table.capacity.write);
  return tile({
    name: "Consumed of capacity", value: percent(Math.max(read, write)),
    more: [meter(read, "reads"), meter(write, "writes")],
  });
}

function hottest(table: TableSummary | undefined, now: number): HTMLElement {
  const hot = table?.hottest, peak = table?.peak;
  return tile({
    name: "Hottest partition", value: hot ? `p${hot.partition} ${percent(hot.share)}` : DASH,
    more: [peak ? `forecast: p${peak.partition} ${percent(peak.share)} ${peak.at_ms <= now ? "now" : `at ${clock(peak.at_ms)}`}, risk ${risk(peak.probability)}` : "nothing forecast yet"],
    level: (hot?.share ?? 0) >= 1 ? "bad" : (hot?.share ?? 0) >= 0.8 || (peak?.share ?? 0) > 1 ? "watch" : "",
  });
}

function workflow(table: TableSummary | undefined, now: number): HTMLElement {
  const running = table?.running[0];
  return tile({
    name: "Running workflow", value: running ? running.action : "none",
    more: [running ? `number ${running.id}, for ${span(now - running.started_ms)}` : "no re-partitioning under way"],
    level: running ? "accent" : "",
  });
}

function next(table: TableSummary | undefined, now: number): HTMLElement {
  const action = table?.next;
  return tile({
    name: "Next planned action",
    value: action ? `${action.action}${action.held ? ", held up" : action.when_ms <= now ? " now" : ` in ${span(action.when_ms - now)}`}` : "none",
    more: [h("span", { class: "clamp", title: action?.reason ?? table?.next_reason ?? "" },
      action ? (action.held ? `${action.held}. ` : "") + (action.crossing_ms ? `before ${clock(action.crossing_ms)}: ` : "") + action.reason : table?.next_reason ?? "")],
    level: action ? "accent" : "", wide: true,
  });
}

function anomalies(table: TableSummary | undefined): HTMLElement {
  const open = table?.anomalies_open ?? 0;
  return tile({
    name: "Anomalies", value: number(open, 0), more: [open ? "flash crowds or drops that go on" : "none going on"],
    level: open ? "watch" : "",
  });
}
