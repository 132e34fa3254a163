// What `foreshard simulate`, `backtest`, `advise` and `bench` printed with --json, as tables. The file is read
// here and goes nowhere.

import { fill, h } from "../dom";
import { number } from "../format";

type Row = Record<string, unknown>;

export class ResultsPage {
  readonly element = h("div", { class: "page" });
  private readonly shown = h("div", {});
  private readonly said = h("p", { role: "status", class: "dim" });

  constructor() {
    const input = h("input", { type: "file", id: "file", accept: ".json,application/json", onchange: () => void this.open(input.files?.[0]) });
    const drop = h("div", { class: "drop" }, h("label", { for: "file" }, "Open what a command printed with --json: "), input);
    drop.addEventListener("dragover", (e) => e.preventDefault());
    drop.addEventListener("drop", (e) => { e.preventDefault(); void this.open(e.dataTransfer?.files[0]); });
    this.element.append(h("section", { class: "card" }, h("h2", {}, "Results of the simulator, backtests, advice and tuning"),
      h("p", { class: "dim" }, "For example: ", h("code", {}, "foreshard simulate --workload diurnal --json > runs.json"), ", ",
        h("code", {}, "foreshard backtest --rates FILE --json"), ", ", h("code", {}, "foreshard advise --trace FILE --json"), "."), drop, this.said), this.shown);
  }

  look(): void { /* Nothing here depends on the table. */ }

  private async open(file: File | undefined): Promise<void> {
    if (!file) return;
    try {
      const document = JSON.parse(await file.text());
      const sections = describe(document);
      fill(this.shown, ...sections);
      this.said.textContent = `${file.name}: ${sections.length} table${sections.length === 1 ? "" : "s"}.`;
    } catch (error) {
      fill(this.shown);
      this.said.textContent = `${file.name} is not a JSON document: ${error instanceof Error ? error.message : error}`;
    }
  }
}

/** Lists of objects become tables, what is single becomes a list of facts. */
function describe(document: unknown, title = "Summary"): HTMLElement[] {
  if (Array.isArray(document)) return document.length && isRow(document[0]) ? [table(title, document as Row[])] : [];
  if (!isRow(document)) return [];
  const single = Object.entries(document).filter(([, value]) => value == null || typeof value !== "object");
  const nested = Object.entries(document).filter(([, value]) => value != null && typeof value === "object");
  const facts = single.length ? [h("section", { class: "card" }, h("h2", {}, title), h("dl", { class: "facts" },
    ...single.flatMap(([name, value]) => [h("dt", {}, words(name)), h("dd", {}, text(value))])))] : [];
  return [...facts, ...nested.flatMap(([name, value]) => describe(value, words(name)))];
}

const isRow = (value: unknown): value is Row => typeof value === "object" && value !== null && !Array.isArray(value);
const words = (name: string): string => name.replaceAll("_", " ");

function text(value: unknown): string {
  if (typeof value === "number") return number(value, Math.abs(value) < 1 ? 4 : 2);
  if (Array.isArray(value)) return value.map(text).join(", ");
  return value == null ? "–" : String(value);
}

/** Nested objects become columns of their own. */
function flat(row: Row, before = ""): Row {
  return Object.entries(row).reduce<Row>((all, [name, value]) => isRow(value)
    ? { ...all, ...flat(value, `${before}${name} `) } : { ...all, [before + name]: value }, {});
}

function table(title: string, rows: Row[]): HTMLElement {
  const all = rows.map((row) => flat(row));
  const columns = [...new Set(all.flatMap((row) => Object.keys(row)))];
  const numeric = (column: string) => all.every((row) => row[column] == null || typeof row[column] === "number");
  const most = new Map(columns.filter(numeric).map((c) => [c, Math.max(...all.map((row) => Math.abs(Number(row[c] ?? 0))), 1e-12)]));
  const cell = (row: Row, column: string) => {
    const value = row[column];
    if (!most.has(column) || value == null) return h("td", { class: most.has(column) ? "n" : "" }, text(value));
    const bar = h("span", { class: "cell-bar", "aria-hidden": "true" });
    bar.style.width = `${(Math.abs(Number(value)) / most.get(column)!) * 100}%`;
    return h("td", { class: "n" }, bar, text(value));
  };
  return h("section", { class: "card" }, h("h2", {}, title), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title },
    h("table", { class: "grid" }, h("thead", {}, h("tr", {}, ...columns.map((c) => h("th", { scope: "col", class: most.has(c) ? "n" : "" }, words(c))))),
      h("tbody", {}, ...all.map((row) => h("tr", {}, ...columns.map((c) => cell(row, c))))))));
}
