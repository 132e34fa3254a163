// What is looked at, and the address that says so: whoever opens the address sees the same.

export type Page = "overview" | "partition" | "decisions" | "tuning" | "results";
export type Metric = "share" | "read_units" | "write_units" | "bytes" | "throttles";

export interface View {
  page: Page;
  table: string;
  metric: Metric;
  /** Minutes of the past. */
  past: number;
  /** "" for the planner's own. */
  quantile: string;
  scale: "log" | "linear";
  /** What has the ramp's last colour, where the metric has a capacity. */
  full: "capacity" | "highest";
  /** A part of time, in milliseconds; null for all that `past` shows. */
  from: number | null;
  until: number | null;
  /** A part of the key axis, from 0 to 1. */
  low: number;
  high: number;
  /** The cell that is pinned: a time and a place on the axis. */
  pin: { ms: number; at: number } | null;
  as: "map" | "table";
  partition: number | null;
  decision: number | null;
  keys: "shown" | "hashed" | "hidden";
}

export const PASTS = [360, 720, 1440, 4320, 10080, 20160, 40320];
const METRICS: Metric[] = ["share", "read_units", "write_units", "bytes", "throttles"];
const PAGES: Page[] = ["overview", "partition", "decisions", "tuning", "results"];

const DEFAULTS: View = {
  page: "overview", table: "", metric: "share", past: 720, quantile: "", scale: "log", full: "capacity", from: null, until: null,
  low: 0, high: 1, pin: null, as: "map", partition: null, decision: null, keys: "shown",
};

function among<T extends string>(known: T[], text: string | null, otherwise: T): T {
  return known.find((name) => name === text) ?? otherwise;
}

function whole(text: string | null): number | null {
  return text != null && /^-?\d{1,16}$/.test(text) ? Number(text) : null;
}

function part(text: string | null, otherwise: number): number {
  const x = text == null || text === "" ? NaN : Number(text);
  return x >= 0 && x <= 1 ? x : otherwise;
}

export function read(search: string): View {
  const q = new URLSearchParams(search);
  const [ms, at] = (q.get("pin") ?? "").split("_");
  const low = part(q.get("low"), 0), high = part(q.get("high"), 1);
  return {
    page: among(PAGES, q.get("page"), DEFAULTS.page),
    table: q.get("table") ?? "",
    metric: among(METRICS, q.get("metric"), DEFAULTS.metric),
    past: PASTS.find((past) => String(past) === q.get("past")) ?? DEFAULTS.past,
    quantile: among(["", "0.5", "0.9", "0.99"], q.get("q"), ""),
    scale: among(["log", "linear"], q.get("scale"), "log"),
    full: among(["capacity", "highest"], q.get("full"), "capacity"),
    from: whole(q.get("from")),
    until: whole(q.get("until")),
    low: low < high ? low : 0,
    high: low < high ? high : 1,
    pin: whole(ms) != null && at ? { ms: Number(ms), at: part(at, 0) } : null,
    as: among(["map", "table"], q.get("as"), "map"),
    partition: whole(q.get("partition")),
    decision: whole(q.get("decision")),
    keys: among(["shown", "hashed", "hidden"], q.get("keys"), "shown"),
  };
}

export function write(view: View): string {
  const q = new URLSearchParams();
  const put = (name: string, value: unknown, otherwise: unknown) => {
    if (value !== otherwise && value != null) q.set(name, String(value));
  };
  put("page", view.page, DEFAULTS.page);
  put("table", view.table, "");
  put("metric", view.metric, DEFAULTS.metric);
  put("past", view.past, DEFAULTS.past);
  put("q", view.quantile, "");
  put("scale", view.scale, DEFAULTS.scale);
  put("full", view.full, DEFAULTS.full);
  put("from", view.from, null);
  put("until", view.until, null);
  put("low", Number(view.low.toFixed(6)), 0);
  put("high", Number(view.high.toFixed(6)), 1);
  if (view.pin) q.set("pin", `${view.pin.ms}_${view.pin.at.toFixed(6)}`);
  put("as", view.as, "map");
  put("partition", view.partition, null);
  put("decision", view.decision, null);
  put("keys", view.keys, "shown");
  const text = q.toString();
  return text ? "?" + text : "/";
}
