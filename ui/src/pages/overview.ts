// The first screen, and the heat map under it.

import type { Anomaly, Heatmap, Overview, PartitionRow } from "../api";
import { get, name } from "../api";
import { fill, h, say } from "../dom";
import { bytes, keys, number, percent, risk } from "../format";
import { HeatMap } from "../heat/heatmap";
import type { Counters, Rates } from "../counters";
import { PASTS, type View } from "../state";
import { type Odd, fillAnomalies } from "./anomaly_list";
import { tiles } from "./tiles";
import { verdict } from "./verdict";
import { type Decision, decisionItem } from "./decision_item";

type Change = (changes: Partial<View>) => void;
const PAST_NAMES: Record<number, string> = {
  360: "6 hours", 720: "12 hours", 1440: "1 day", 4320: "3 days", 10080: "7 days", 20160: "14 days", 40320: "28 days",
};
const METRIC_LABELS: [View["metric"], string][] = [
  ["share", "Load, % of capacity"], ["read_units", "Read units"], ["write_units", "Write units"], ["bytes", "Bytes"],
  ["throttles", "Throttles"],
];

export class OverviewPage {
  readonly element: HTMLElement;
  readonly heat: HeatMap;
  private readonly banner = h("div", { class: "verdict", role: "status" });
  private readonly tileBox = h("div", { class: "tiles" });
  private readonly controls = h("div", { class: "controls" });
  private readonly heatSection: HTMLElement;
  private readonly partitions = h("tbody");
  private readonly decisions = h("ol", { class: "decisions" });
  private readonly anomalyList = h("ul", { class: "anomalies" });
  private doc: Heatmap | null = null;
  private shownFor = "";
  private anomalies: Anomaly[] = [];

  constructor(private view: View, private readonly change: Change) {
    this.heat = new HeatMap(view, change);
    this.heatSection = h("section", { class: "card", "aria-labelledby": "heat-title" },
      h("div", { class: "card-head" }, h("h2", { id: "heat-title" }, "Where the heat is, and what is coming"), this.controls),
      this.heat.element);
    const head = ["Partition", "Keys", "Reads/s", "Writes/s", "Full now", "Score", "Risk", "Size", "Forecast"];
    this.element = h("div", { class: "page" }, this.banner, this.tileBox, this.heatSection,
      h("section", { class: "card", "aria-labelledby": "partitions-title" }, h("h2", { id: "partitions-title" }, "Partitions"),
        h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Partitions" }, h("table", { class: "grid" },
          h("thead", {}, h("tr", {}, ...head.map((text, i) => h("th", { scope: "col", class: i > 1 && i < 8 ? "n" : "" }, text)))),
          this.partitions))),
      h("div", { class: "columns" },
        h("section", { class: "card", "aria-labelledby": "latest-title" },
          h("div", { class: "card-head" }, h("h2", { id: "latest-title" }, "Latest decisions"),
            h("button", { type: "button", class: "link", onclick: () => change({ page: "decisions" }) }, "All decisions")),
          this.decisions),
        h("section", { class: "card", "aria-labelledby": "anomalies-title" }, h("h2", { id: "anomalies-title" }, "Anomalies"), this.anomalyList)));
  }

  /** Fetches what is shown for the view's table. */
  async refresh(view: View, fresh: boolean): Promise<void> {
    const table = name(view.table);
    const wanted = this.heatPath(view);
    const [doc, partitions, decisions, anomalies] = await Promise.all([
      fresh || wanted !== this.shownFor || this.isDue() ? get<Heatmap>(wanted) : null,
      get<{ partitions: PartitionRow[] }>(`tables/${table}/partitions`),
      get<{ decisions: Decision[] }>(`decisions?table=${table}&limit=6&brief=true`),
      get<Odd>(`anomalies?table=${table}`),
    ]);
    if (doc) {
      this.doc = doc;
      this.shownFor = wanted;
    }
    this.anomalies = anomalies.anomalies;
    if (doc || fresh) this.heat.show(doc, this.anomalies, this.view);
    this.fillPartitions(partitions.partitions);
    this.fillDecisions(decisions.decisions);
    fillAnomalies(this.anomalyList, anomalies, view.keys === "shown");
  }

  /** A long view changes once in a while, a short one with every step. */
  private asked = 0;
  private isDue(): boolean {
    const every = this.view.past > 4320 ? 15 : this.view.past > 1440 ? 5 : 2;
    this.asked = (this.asked + 1) % every;
    return this.asked === 0;
  }

  private heatPath(view: View): string {
    const part = view.from != null && view.until != null ? `&from_ms=${view.from}&until_ms=${view.until}` : "";
    const quantile = view.quantile ? `&quantile=${view.quantile}` : "";
    return `tables/${name(view.table)}/heatmap?metric=${view.metric}&past_minutes=${view.past}${quantile}${part}`;
  }

  /** The same data in another view, at once. */
  look(view: View): void {
    const before = this.view;
    this.view = view;
    this.fillControls();
    this.heatSection.hidden = !view.table;
    if (this.doc && before.table === view.table) this.heat.show(null, this.anomalies, view);
  }

  show(overview: Overview, rates: Rates | null, counters: Counters): void {
    const table = overview.tables.find((t) => t.name === this.view.table);
    const found = verdict(overview, table, rates);
    if (this.banner.dataset.text !== found.word + found.text) {
      this.banner.dataset.text = found.word + found.text;
      this.banner.className = "verdict " + found.level;
      fill(this.banner, h("strong", {}, found.word), h("span", {}, found.text));
    }
    fill(this.tileBox, ...tiles(overview, table, rates, counters));
  }

  private fillControls(): void {
    const { view, change } = this;
    const choice = (label: string, options: [string, string][], now: string, then: (value: string) => void) =>
      h("label", {}, label, select(label, options, now, then));
    const zoomed = view.from != null || view.low > 0 || view.high < 1;
    fill(this.controls,
      choice("Show", METRIC_LABELS, view.metric, (value) => change({ metric: value as View["metric"] })),
      choice("Past", PASTS.map((p) => [String(p), PAST_NAMES[p]]), String(view.past), (value) => change({ past: Number(value), from: null, until: null })),
      choice("Forecast", [["", "as planned with"], ["0.5", "median"], ["0.9", "quantile .9"], ["0.99", "quantile .99"]], view.quantile, (value) => change({ quantile: value })),
      choice("Scale", [["log", "logarithmic"], ["linear", "linear"]], view.scale, (value) => change({ scale: value as View["scale"] })),
      choice("Full is", [["capacity", "capacity"], ["highest", "highest cell"]], view.full, (value) => change({ full: value as View["full"] })),
      h("span", { class: "buttons" },
        zoomed ? h("button", { type: "button", "data-key": "whole", onclick: () => change({ from: null, until: null, low: 0, high: 1 }) }, "Whole view") : null,
        h("button", {
          type: "button", "data-key": "as", "aria-pressed": view.as === "table" ? "true" : "false",
          onclick: () => change({ as: view.as === "map" ? "table" : "map" }),
        }, "Table"),
        h("button", { type: "button", "data-key": "png", onclick: () => void this.heat.savePng() }, "PNG"),
        h("button", { type: "button", "data-key": "csv", onclick: () => this.heat.saveCsv() }, "CSV")));
  }

  private fillPartitions(rows: PartitionRow[]): void {
    const full = (p: PartitionRow) => Math.max((p.load_read_units ?? 0) / p.capacity_read_units, (p.load_write_units ?? 0) / p.capacity_write_units);
    fill(this.partitions, ...rows.map((p) => h("tr", { class: p.state === "changing" ? "changing" : "" },
      h("th", { scope: "row" }, h("button", {
        type: "button", class: "link", "data-key": `p${p.id}`, onclick: () => this.change({ page: "partition", partition: p.id }),
      }, `p${p.id}`)),
      h("td", { class: "mono" }, keys(p.start, p.end, 12)),
      h("td", { class: "n" }, number(p.load_read_units)), h("td", { class: "n" }, number(p.load_write_units)),
      h("td", { class: "n" }, percent(full(p))),
      h("td", { class: (p.score ?? 0) >= p.score_threshold ? "n bad" : "n", title: p.score_reasons.join("\n") },
        p.score == null ? "–" : `${number(p.score, 0)} of ${number(p.score_threshold, 0)}`),
      h("td", { class: "n" }, risk(p.degradation_probability)),
      h("td", { class: "n" }, bytes(p.size_bytes)),
      h("td", { class: "dim summary" }, p.forecast_summary))));
  }

  private fillDecisions(list: Decision[]): void {
    fill(this.decisions, ...(list.length ? list.map((decision) => decisionItem(decision, this.change)) : [h("li", { class: "dim" },
      "None yet. Every re-partitioning, by forecast, by the reactive floor or by hand, is listed here with its reasons and, an hour later, with its outcome.")]));
  }

  /** Says that there is no table. */
  empty(): void {
    this.heatSection.hidden = true;
    fill(this.partitions);
    say(this.decisions, "");
  }
}

function select(label: string, options: [string, string][], now: string, then: (value: string) => void): HTMLSelectElement {
  const element = h("select", { "data-key": label, onchange: (e: Event) => then((e.target as HTMLSelectElement).value) },
    ...options.map(([value, text]) => h("option", { value, selected: value === now }, text)));
  element.value = now;
  return element;
}
