// A table's key order (its strategy): what its requests would cost under each, and the change by hand.

import { type PartitionRow, type TableSummary, get, name } from "../api";
import { fill, h } from "../dom";
import { bytes, short } from "../format";
import { confirmAction } from "./confirm";

interface Estimate {
  strategy: string; range_queries: number; collection_queries: number; hot_collection: number; large_collection: number;
  monotonic_inserts: number; total: number;
}
/** What `GET tables/{t}/plan` says under `strategy`. */
export interface Choice { current: string; estimates: Estimate[]; proposal: { to: string } | null; reason: string }

const ORDERS: [string, string][] = [
  ["hash", "by the hash of the partition key; a collection stays whole"],
  ["composite", "the same, and a collection may be divided by its sort key"],
  ["range", "by the partition key itself: ranges of it can be asked for"],
];
const TERMS: [keyof Estimate, string][] = [
  ["range_queries", "Range queries"], ["collection_queries", "Divided collections"], ["hot_collection", "Hot collection"],
  ["large_collection", "Large collection"], ["monotonic_inserts", "Rising keys"], ["total", "Sum"],
];

/** Whether a change moves every item: hash and composite are the same order. */
export const movesItems = (from: string, to: string): boolean => (from === "range") !== (to === "range");

export class RekeyCard {
  private readonly choice = h("div", { class: "stack" });
  private readonly form = h("div", {});
  readonly element = h("section", { class: "card" }, h("h2", {}, "Key order"), this.choice, this.form);
  private shownFor = "";

  constructor(private readonly done: () => void) {}

  show(table: TableSummary | undefined, choice: Choice | null): void {
    this.element.hidden = !table;
    if (!table) return;
    fill(this.choice, ...(choice ? [h("p", {}, choice.reason), estimates(choice)] : []));
    // The form stays as it is while somebody chooses.
    const shownFor = `${table.name}\n${table.strategy}`;
    if (shownFor === this.shownFor) return;
    this.shownFor = shownFor;
    fill(this.form, this.asking(table));
  }

  private asking({ name: table, strategy }: TableSummary): HTMLElement {
    const to = h("select", { id: "strategy" }, ...ORDERS.filter(([order]) => order !== strategy)
      .map(([order, about]) => h("option", { value: order }, `${order}: ${about}`)));
    return h("form", { class: "buttons", onsubmit: (e: Event) => {
      e.preventDefault();
      confirmAction({
        title: `Change ${table} from ${strategy} to ${to.value}`,
        text: movesItems(strategy, to.value)
          ? "Every item is copied under its new key while requests go on; then writes wait for a moment, and all requests go to the new order. Until then it can be cancelled."
          : "Only the definition changes, at once.",
        path: `tables/${name(table)}/rekey`, body: { strategy: to.value }, preview: () => preview(table, strategy, to.value), done: this.done,
      });
    } }, h("label", { for: "strategy" }, `Now ${strategy}; change to `), to, h("button", { type: "submit", "data-key": "rekey" }, "Rekey …"));
  }
}

async function preview(table: string, from: string, to: string): Promise<Node> {
  if (!movesItems(from, to)) return h("p", {}, "Dry run: nothing is copied, and every partition stays.");
  const { partitions } = await get<{ partitions: PartitionRow[] }>(`tables/${name(table)}/partitions`);
  const size = partitions.reduce((sum, p) => sum + (p.size_bytes ?? 0), 0);
  return h("p", {}, `Dry run: ${bytes(size)} of ${partitions.length} partition${partitions.length === 1 ? "" : "s"} are copied into as many new ones, `
    + "whose boundaries come from a sample of the keys. Partitions are not split or merged meanwhile.");
}

function estimates(choice: Choice): HTMLElement {
  const head = ["Order", ...TERMS.map(([, title]) => title)].map((text, i) => h("th", { scope: "col", class: i ? "n" : "" }, text));
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "What the orders cost" }, h("table", { class: "grid" },
    h("caption", {}, "What the table's requests cost beyond their own units, in units/s, the cheapest order first"),
    h("thead", {}, h("tr", {}, ...head)),
    h("tbody", {}, ...choice.estimates.map((estimate) => h("tr", {},
      h("th", { scope: "row" }, estimate.strategy, estimate.strategy === choice.current && h("span", { class: "dim" }, " (now)")),
      ...TERMS.map(([term]) => h("td", { class: "n" }, short(Number(estimate[term])))))))));
}
