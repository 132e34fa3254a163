// How a table's thresholds are tuned: what is in force and within which bounds, what is proposed and what
// simulator and shadow say of it, what was done, and pins by hand.

import { get, name } from "../api";
import { fill, h } from "../dom";
import { DASH, date, key, number, percent } from "../format";
import type { View } from "../state";
import { confirmAction } from "./confirm";

type Name = "quantile" | "lead_ms" | "target_utilisation" | "cooldown_ms" | "score_threshold";
type Value = string | number;
type Thresholds = Record<Name, Value>;

interface Proposal { days_played: number; saving: { mean: number; standard_error: number; days: number } }
interface Entry {
  day: number; kind: string; reason: string; proposal: Proposal | null;
  shadow_saving: number | null; cost_ratio: number | null; canary_ratio: number | null;
}
interface Tuning {
  table: string; mode: string; in_force: Thresholds; own: Thresholds; pins: Record<Name, Value | null>;
  bounds: Record<Name, [Value, Value]>; proposed: Thresholds | null; paused_until_day: number | null;
  canary: { thresholds: Thresholds; end: string | null; share: number | null; days: number; days_min: number } | null;
  records: Entry[];
}

const DAY_MS = 86_400_000;
const SHOWN = 60;
const MODES: Record<string, string> = {
  off: "Off: nothing is learnt.",
  shadow: "In the shadow: every day says what it would change; nothing is changed.",
  on: "On: what has proved itself in the shadow goes live, first on a share of the partitions.",
};
const ABOUT: Record<Name, [string, string]> = {
  quantile: ["Quantile", "of the forecast that decisions are made at"],
  lead_ms: ["Lead", "how long before a crossing a forecast is acted on"],
  target_utilisation: ["Target utilisation", "how full new partitions are planned"],
  cooldown_ms: ["Cooldown", "how long the table is left alone after a plan"],
  score_threshold: ["Score threshold", "from how many points on a partition is acted on"],
};
const NAMES = Object.keys(ABOUT) as Name[];
const KINDS: Record<string, string> = { changed: "good", canary: "watch", reverted: "bad", frozen: "watch" };
/** What a threshold is typed in: how many of its own in one, and the word behind the number. */
const TYPED: Partial<Record<Name, [number, string]>> = { lead_ms: [60_000, "min"], cooldown_ms: [60_000, "min"], target_utilisation: [0.01, "%"] };

function shown(of: Name, value: Value | null | undefined): string {
  if (value == null) return DASH;
  const [one, word] = TYPED[of] ?? [1, ""];
  return word ? `${number(Number(value) / one)} ${word}` : String(value);
}

/** One-sided, as the tuner has it: saved with 95 % confidence. */
const least = ({ saving }: Proposal): number => saving.mean - 1.645 * saving.standard_error;

export class TuningPage {
  readonly element = h("div", { class: "page" });
  private readonly state = h("div", {});
  private readonly rows = h("tbody", {});
  private readonly evidence = h("div", { class: "columns" });
  private readonly history = h("tbody", {});
  private last = "";

  constructor(_view: View, private readonly change: (changes: Partial<View>) => void) {
    const head = (...titles: string[]) => h("thead", {}, h("tr", {}, ...titles.map((t) => h("th", { scope: "col" }, t))));
    const scroll = (label: string, table: HTMLElement) => h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, table);
    this.element.append(
      h("section", { class: "card" }, h("h2", {}, "Thresholds that tune themselves"), this.state,
        scroll("Thresholds", h("table", { class: "grid" }, head("Threshold", "In force", "Your own", "Proposed", "Bounds", "Pin"), this.rows))),
      this.evidence,
      h("section", { class: "card" }, h("h2", {}, "What was done, and why"),
        scroll("History", h("table", { class: "grid" }, head("Day", "What", "Why", "Simulator", "Shadow", "Cost"), this.history))));
  }

  look(_view: View): void { /* Filled by the next answer. */ }

  async refresh(view: View): Promise<void> {
    if (!view.table) return;
    const tuning = await get<Tuning>(`tables/${name(view.table)}/tuning`);
    const text = JSON.stringify(tuning);
    // What somebody is reading stays as it is.
    if (text === this.last) return;
    this.last = text;
    this.fillState(tuning);
    fill(this.rows, ...NAMES.map((of) => this.row(tuning, of)));
    this.fillEvidence(tuning);
    fill(this.history, ...(tuning.records.length ? tuning.records.slice(0, SHOWN).map(entry)
      : [h("tr", {}, h("td", { colspan: 6, class: "dim" }, "Nothing yet: the first record comes when a day of data is over."))]));
  }

  private fillState(tuning: Tuning): void {
    const { canary, paused_until_day } = tuning;
    fill(this.state, h("p", {}, MODES[tuning.mode] ?? tuning.mode),
      canary && h("p", { class: "watch" }, canary.share == null
        ? "A canary waits until the table has a boundary to end it at."
        : `A canary: the partitions up to key ${key(canary.end ?? "")}, with ${percent(canary.share)} of the load, go by other thresholds; it has stood ${canary.days} of ${canary.days_min} days.`),
      paused_until_day != null && h("p", { class: "watch" }, `After a revert nothing goes live before ${date(paused_until_day * DAY_MS)}.`));
  }

  private row(tuning: Tuning, of: Name): HTMLElement {
    const [title, about] = ABOUT[of];
    const [now, own, wanted] = [tuning.in_force[of], tuning.own[of], tuning.proposed?.[of]];
    const tried = tuning.canary?.thresholds[of];
    const [low, high] = tuning.bounds[of];
    return h("tr", {},
      h("th", { scope: "row" }, title, h("div", { class: "dim" }, about)),
      h("td", { class: "strong" }, shown(of, now), tried != null && tried !== now && h("div", { class: "watch" }, `canary: ${shown(of, tried)}`)),
      h("td", { class: now === own ? "dim" : "" }, shown(of, own)),
      h("td", { class: wanted == null || wanted === now ? "dim" : "" }, shown(of, wanted)),
      h("td", { class: "dim" }, of === "quantile" ? "0.5, 0.9, 0.99" : `${shown(of, low)} – ${shown(of, high)}`),
      h("td", {}, this.pinning(tuning, of)));
  }

  private pinning(tuning: Tuning, of: Name): HTMLElement {
    const [title] = ABOUT[of];
    const ask = (value: Value | null, heading: string, text: string) => confirmAction({
      title: heading, text, path: `tables/${name(tuning.table)}/tuning`, body: { ...tuning.pins, [of]: value }, done: () => this.change({}),
    });
    const after = " A canary ends, and what was learnt of this table is compared anew.";
    if (tuning.pins[of] != null) {
      return h("span", { class: "buttons" }, h("span", { class: "tag" }, "pinned"), h("button", {
        type: "button", "data-key": `unpin-${of}`,
        onclick: () => ask(null, `Unpin ${title.toLowerCase()}`, `It goes back to what your settings say, and may be tuned again.${after}`),
      }, "Unpin …"));
    }
    const [one, word] = TYPED[of] ?? [1, ""];
    // A hundredth has no exact double: what is typed is rounded as what is shown is.
    const typed = (value: Value) => Number((Number(value) / one).toFixed(6));
    const [low, high] = tuning.bounds[of].map(typed);
    const now = tuning.in_force[of];
    const input = of === "quantile"
      ? h("select", { "aria-label": `Pin ${title}` }, ...["0.5", "0.9", "0.99"].map((q) => h("option", { value: q, selected: q === now }, q)))
      : h("input", { type: "number", "aria-label": `Pin ${title}`, required: true, min: low, max: high, step: "any", value: typed(now), class: "narrow" });
    return h("form", { class: "buttons", onsubmit: (e: Event) => {
      e.preventDefault();
      const given = Number(input.value);
      const value = of === "quantile" ? input.value : of.endsWith("_ms") ? Math.round(given * one) : Number((given * one).toFixed(6));
      ask(value, `Pin ${title.toLowerCase()} to ${shown(of, value)}`, `It is in force at once on all of ${tuning.table} and is not tuned until it is unpinned.${after}`);
    } }, input, word && h("span", { class: "dim" }, word), h("button", { type: "submit", "data-key": `pin-${of}` }, "Pin …"));
  }

  private fillEvidence({ records }: Tuning): void {
    const latest = records.find((record) => record.proposal);
    const shadow = records.filter((record) => record.shadow_saving != null).slice(0, 14).reverse();
    const tile = (title: string, value: string, more: string, kind = "") =>
      h("div", { class: `tile ${kind}` }, h("h3", {}, title), h("div", { class: "value" }, value), h("div", { class: "more" }, more));
    const proposal = latest?.proposal;
    fill(this.evidence, ...(proposal ? [
      tile("The simulator says of the last proposal", percent(proposal.saving.mean),
        `saved on ${proposal.saving.days} days of its own past, at least ${percent(least(proposal))} with 95 % confidence; ${proposal.days_played} days were played`,
        least(proposal) > 0 ? "accent" : ""),
      tile("The shadow says of the days that came", shadow.length ? percent(shadow[shadow.length - 1].shadow_saving) : DASH,
        shadow.length ? `saved on the last of them; by day: ${shadow.map((record) => percent(record.shadow_saving)).join(", ")}` : "no proposal has seen a whole day yet",
        shadow.length && (shadow[shadow.length - 1].shadow_saving ?? 0) > 0 ? "accent" : ""),
    ] : []));
  }
}

function entry(record: Entry): HTMLElement {
  const proposal = record.proposal;
  const ratio = (value: number | null) => (value == null ? DASH : `${number(value, 2)} ×`);
  return h("tr", {}, h("th", { scope: "row", class: "whole" }, date(record.day * DAY_MS)),
    h("td", {}, h("span", { class: `tag ${KINDS[record.kind] ?? ""}` }, record.kind)), h("td", {}, record.reason),
    h("td", {}, proposal ? `${percent(proposal.saving.mean)} (at least ${percent(least(proposal))})` : DASH),
    h("td", {}, percent(record.shadow_saving)),
    h("td", { class: "whole" }, ratio(record.cost_ratio), record.canary_ratio != null && h("div", { class: "watch" }, `canary ${ratio(record.canary_ratio)}`)));
}
