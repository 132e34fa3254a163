// One partition: what it carried and will carry, what had been forecast, its score in its parts, its keys.

import { ApiError, get, name, type PartitionRow, type Units } from "../api";
import { css, fill, h } from "../dom";
import { bytes, key, keys, number, percent, risk, short, span, when } from "../format";
import { type Neighbour, isolateHash, neighboursOf } from "../keys";
import { Chart, type Line } from "../lines";
import type { View } from "../state";
import { type Hand, askFor, byHand } from "./by_hand";

interface Step { q50: number; q90: number; q99: number }
interface RecentError { pinball: number; seasonal_naive: number | null; climatology: number; coverage: number; bins: number }
interface Forecast { start_ms: number; bin_ms: number; steps: Step[]; model: string; reason: string; recent_error: RecentError }
type Outlook = { forecast: Forecast } | { abstain: { reason: string; level: Step | null } };
interface Foretold { start_ms: number; lead_ms: number; read: number[] | null; write: number[] | null }
interface Term { points: number; because: string }

interface Document {
  table: string; id: number; start: string; end: string; from: number; to: number; strategy: string; now_ms: number;
  capacity: Units; load_now: Units; throttled_per_s: number; credit: Units | null; at_limit_ms: number;
  size_bytes: number; forecast_size_bytes: number; top_key_share: number; created_ms: number; merged_ms: number | null;
  owner: string; epoch: number; state: string;
  score: { total: number; rate: Term; skew: Term; size: Term; degradation_probability: number; crossing_ms: number | null } | null;
  score_threshold: number; read: Outlook; write: Outlook;
  history: { start_ms: number; bin_ms: number; read: (number | null)[]; write: (number | null)[] };
  foretold_next: Foretold[]; foretold_horizon: Foretold[];
  heavy_hitters: { key: string; hash: string; share: number; read_units: number; write_units: number }[];
}

/** A partition that was replaced is no failure of the page. */
function orGone(error: unknown): null {
  if (error instanceof ApiError && error.status === 404) return null;
  throw error;
}

type Kind = "read" | "write";
const KINDS: [Kind, string][] = [["read", "Reads"], ["write", "Writes"]];

export class PartitionPage {
  readonly element = h("div", { class: "page" });
  private readonly head = h("div", { class: "card" });
  private readonly rest = h("div", { class: "page" });
  private readonly facts = h("dl", { class: "facts" });
  private readonly charts = { read: new Chart("Read load with its forecast", "/s", 240), write: new Chart("Write load with its forecast", "/s", 240) };
  private readonly models = { read: h("p", { class: "model" }), write: h("p", { class: "model" }) };
  private readonly score = h("div", {});
  private readonly hot = h("div", {});
  private readonly manual = h("div", { class: "manual" });
  private doc: Document | null = null;
  private neighbours: Neighbour[] = [];

  constructor(private view: View, private readonly change: (changes: Partial<View>) => void) {
    const chart = (kind: Kind, title: string) => h("section", { class: "card", "aria-label": title },
      h("h2", {}, `${title}: what came, what was forecast, what is coming`), this.charts[kind].element, this.models[kind]);
    this.rest.append(chart("read", "Reads"), chart("write", "Writes"),
      h("div", { class: "columns" },
        h("section", { class: "card" }, h("h2", {}, "Score"), this.score),
        h("section", { class: "card" }, h("h2", {}, "Hottest keys of the last hour"), this.hot)),
      h("section", { class: "card" }, h("h2", {}, "By hand"), this.manual));
    this.element.append(this.head, this.rest);
  }

  look(view: View): void {
    const other = this.doc && (this.doc.id !== view.partition || this.doc.table !== view.table);
    this.view = view;
    if (other) this.doc = null;
    fill(this.head,
      h("div", { class: "card-head" },
        h("h2", {}, view.partition == null ? "No partition chosen" : `Partition ${view.partition} of ${view.table}`),
        h("button", { type: "button", class: "link", onclick: () => this.change({ page: "overview", partition: null }) }, "Back to the table")),
      this.facts);
    this.fillManual();
    if (this.doc) this.fillHot(this.doc);
  }

  restyle(): void {
    if (this.doc) this.draw(this.doc);
  }

  async refresh(view: View): Promise<void> {
    if (view.partition == null || !view.table) return;
    const past = Math.min(view.past, 1440);
    const doc = await get<Document>(`tables/${name(view.table)}/partitions/${view.partition}?past_minutes=${past}`).catch(orGone);
    this.rest.hidden = !doc;
    this.doc = doc;
    if (!doc) {
      fill(this.facts, h("dt", {}, "State"), h("dd", {}, "Not there now: a split, merge or shift has replaced it. Its history is on the table's page and under Decisions."));
      return;
    }
    this.draw(doc);
    const { partitions } = await get<{ partitions: PartitionRow[] }>(`tables/${name(view.table)}/partitions`);
    const found = neighboursOf(partitions.map((p) => p.id), view.partition);
    if (JSON.stringify(found) !== JSON.stringify(this.neighbours)) {
      this.neighbours = found;
      this.fillManual();
    }
  }

  private draw(doc: Document): void {
    const fact = (label: string, value: string) => [h("dt", {}, label), h("dd", {}, value)];
    fill(this.facts,
      ...fact("Keys", keys(doc.start, doc.end)), ...fact("Axis", `${number(doc.from * 100, 2)} – ${number(doc.to * 100, 2)} %, ${doc.strategy}`),
      ...fact("Load now", `${short(doc.load_now.read)} reads/s, ${short(doc.load_now.write)} writes/s`),
      ...fact("Capacity", `${short(doc.capacity.read)} reads/s, ${short(doc.capacity.write)} writes/s`),
      ...fact("Throttled", `${short(doc.throttled_per_s)}/s${doc.at_limit_ms > 0 ? `, at the limit for ${span(doc.at_limit_ms)}` : ""}`),
      ...fact("Burst credit", doc.credit ? `${short(doc.credit.read)} read, ${short(doc.credit.write)} write unit-seconds` : "not limited"),
      ...fact("Size", `${bytes(doc.size_bytes)}, in an hour ${bytes(doc.forecast_size_bytes)}`),
      ...fact("Owner", `${doc.owner}, epoch ${doc.epoch}, ${doc.state}`),
      ...fact("Made", when(doc.created_ms) + (doc.merged_ms ? `, merged before at ${when(doc.merged_ms)}` : "")));
    for (const [kind] of KINDS) {
      this.drawLoad(doc, kind);
      this.fillModel(doc, kind);
    }
    this.fillScore(doc);
    this.fillHot(doc);
  }

  private drawLoad(doc: Document, kind: Kind): void {
    const outlook = doc[kind];
    const forecast = "forecast" in outlook ? outlook.forecast : null;
    const { history } = doc;
    const rows = new Map<number, (number | null)[]>();
    const put = (ms: number, place: number, value: number | null) => {
      const row = rows.get(ms) ?? [null, null, null, null, null, null, null];
      row[place] = value;
      rows.set(ms, row);
    };
    history[kind].forEach((value, i) => put(history.start_ms + i * history.bin_ms, 0, value));
    for (const f of doc.foretold_next) if (f.start_ms >= history.start_ms) put(f.start_ms, 1, f[kind]?.[0] ?? null);
    for (const f of doc.foretold_horizon) if (f.start_ms >= history.start_ms && f.start_ms < doc.now_ms) put(f.start_ms, 2, f[kind]?.[1] ?? null);
    forecast?.steps.forEach((step, i) => {
      const ms = forecast.start_ms + i * forecast.bin_ms;
      put(ms, 3, step.q50);
      put(ms, 4, step.q90);
      put(ms, 5, step.q99);
    });
    const times = [...rows.keys()].sort((a, b) => a - b);
    for (const ms of times) put(ms, 6, doc.capacity[kind]);
    const most = Math.max(...times.flatMap((ms) => rows.get(ms)!.slice(0, 6).map((v) => v ?? 0)));
    // A capacity far above would press the load onto the axis; it is shown when it is near.
    const near = most > doc.capacity[kind] * 0.35;
    const of = (place: number) => times.map((ms) => rows.get(ms)![place]);
    const c = (n: string) => css("--line-" + n);
    const lines: Line[] = [
      { label: "came", colour: c("came"), values: of(0), width: 2 },
      { label: "forecast 5 min before (median)", colour: c("next"), values: of(1), dash: [4, 3] },
      { label: "forecast an hour before (.9)", colour: c("hour"), values: of(2), dash: [2, 3] },
      { label: "median", colour: c("ahead"), values: of(3), width: 2 },
      { label: "quantile .9", colour: c("ahead"), values: of(4), bandTo: 3 },
      { label: "quantile .99", colour: c("ahead"), values: of(5), bandTo: 4 },
    ];
    if (near) lines.push({ label: "capacity", colour: c("capacity"), values: of(6), dash: [8, 4] });
    this.charts[kind].show(times, lines, [{ ms: doc.now_ms, colour: css("--heat-now") }]);
  }

  private fillModel(doc: Document, kind: Kind): void {
    const outlook = doc[kind];
    if (!("forecast" in outlook)) {
      fill(this.models[kind], h("strong", {}, "No forecast. "), outlook.abstain.reason);
      return;
    }
    const { model, reason, recent_error: error } = outlook.forecast;
    fill(this.models[kind], h("strong", {}, `Model ${model}. `), reason.replace(`${model}: `, "") + ". ",
      `Over its last ${number(error.bins, 0)} bins: pinball loss ${short(error.pinball)}/s`,
      error.seasonal_naive == null ? "" : ` (seasonal naive ${short(error.seasonal_naive)}, constant ${short(error.climatology)})`,
      `, ${percent(error.coverage)} of the bins at or below the decision quantile. `,
      this.missed(doc, kind));
  }

  /** What had been forecast against what came, over the time that is shown. */
  private missed(doc: Document, kind: Kind): string {
    const { history } = doc;
    let sum = 0, below = 0, count = 0, load = 0;
    for (const f of doc.foretold_next) {
      const value = history[kind][(f.start_ms - history.start_ms) / history.bin_ms];
      const said = f[kind];
      if (value == null || !said) continue;
      sum += Math.abs(value - said[0]);
      below += value <= said[1] ? 1 : 0;
      load += value;
      count++;
    }
    if (!count) return "";
    return `Of the ${count} bins shown that had been forecast, the median was off by ${short(sum / count)}/s on average (${percent(load > 0 ? sum / load : 0)} of the load), `
      + `and ${percent(below / count)} stayed at or below the .9 quantile.`;
  }

  private fillScore({ score, score_threshold: threshold }: Document): void {
    if (!score) {
      fill(this.score, h("p", { class: "dim" }, "Not scored yet."));
      return;
    }
    const row = (label: string, term: Term) => h("tr", { class: term.points > 0 ? "bad" : "" },
      h("th", { scope: "row" }, label), h("td", { class: "n" }, number(term.points, 0)), h("td", {}, term.because));
    fill(this.score, h("table", { class: "grid" }, h("tbody", {},
      row("Rate", score.rate), row("Skew", score.skew), row("Size", score.size),
      h("tr", {}, h("th", { scope: "row" }, "Sum"), h("td", { class: "n" }, number(score.total, 0)), h("td", {}, `acted on from ${number(threshold, 0)}`)))),
      h("p", {}, `Probability that the coming hour exceeds capacity: ${risk(score.degradation_probability)}`
        + (score.crossing_ms ? `; expected from ${when(score.crossing_ms)} on.` : ".")));
  }

  private fillHot(doc: Document): void {
    const shown = (hitter: Document["heavy_hitters"][0]) => ({ shown: key(hitter.key, 32), hashed: hitter.hash, hidden: "hidden" })[this.view.keys];
    const modes: [View["keys"], string][] = [["shown", "keys"], ["hashed", "hashes"], ["hidden", "hidden"]];
    const choice = h("div", { class: "buttons", role: "group", "aria-label": "How keys are shown" }, ...modes.map(([mode, text]) => h("button", {
      type: "button", "data-key": "keys-" + mode, "aria-pressed": this.view.keys === mode ? "true" : "false",
      onclick: () => this.change({ keys: mode }),
    }, text)));
    fill(this.hot, choice, doc.heavy_hitters.length ? h("table", { class: "grid" },
      h("thead", {}, h("tr", {}, ...["Key", "Share", "Reads/s", "Writes/s", "By hand"].map((t, i) => h("th", { scope: "col", class: i ? "n" : "" }, t)))),
      h("tbody", {}, ...doc.heavy_hitters.map((hitter) => h("tr", {}, h("td", { class: "mono" }, shown(hitter)),
        h("td", { class: "n" }, percent(hitter.share)), h("td", { class: "n" }, short(hitter.read_units)), h("td", { class: "n" }, short(hitter.write_units)),
        h("td", { class: "n" }, this.isolateButton(doc, hitter.hash))))))
      : h("p", { class: "dim" }, "No key stands out."));
  }

  /** In range order a hash says nothing about where the key lies: there it has to be written out. */
  private isolateButton(doc: Document, hash: string): HTMLElement | null {
    if (doc.strategy === "range") return null;
    return h("button", { type: "button", class: "link", "data-key": `isolate-${hash}`, onclick: () => askFor(this.hand(doc.table),
      `Isolate a key of partition ${doc.id}`, "All items of this partition key get a partition of their own.", isolateHash(hash)) }, "Isolate …");
  }

  private fillManual(): void {
    const { table, partition } = this.view;
    if (partition == null) {
      fill(this.manual);
      return;
    }
    fill(this.manual, ...byHand(this.hand(table), partition, this.neighbours));
  }

  /** The partition may be gone after an action: the table is then what there is to look at. */
  private hand(table: string): Hand {
    return { table, capacity: () => this.doc?.capacity ?? null, done: () => this.change({ page: "overview", partition: null }) };
  }
}
