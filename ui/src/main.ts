// The page: header, one of the views, and what keeps it up to date.

import { ApiError, type Overview, get, setToken } from "./api";
import { Counters, type Rates } from "./counters";
import { fill, h, say } from "./dom";
import { moment } from "./format";
import { Poll } from "./live";
import { DecisionsPage } from "./pages/decisions";
import { OverviewPage } from "./pages/overview";
import { PartitionPage } from "./pages/partition";
import { ResultsPage } from "./pages/results";
import { TuningPage } from "./pages/tuning";
import { type Page, type View, read, write } from "./state";
import { isDark, onTheme, themeButton } from "./theme";

const REFRESH_MS = 2_000;
const PAGES: [Page, string][] = [["overview", "Overview"], ["decisions", "Decisions"], ["tuning", "Tuning"], ["results", "Results"]];

class App {
  private view: View = read(location.search);
  private readonly counters = new Counters();
  private readonly clock = h("time", { class: "clock" });
  private readonly status = h("div", { class: "status", role: "alert" });
  private readonly tables = h("select", { "aria-label": "Table", onchange: () => this.change({ ...WHOLE, table: this.tables.value, partition: null }) });
  private readonly nav = h("nav", { "aria-label": "Pages" });
  private readonly main = h("main", { id: "main", tabindex: -1 });
  private readonly change = (changes: Partial<View>) => this.go({ ...this.view, ...changes }, true);
  private readonly pages = {
    overview: new OverviewPage(this.view, this.change),
    partition: new PartitionPage(this.view, this.change),
    decisions: new DecisionsPage(this.view, this.change),
    tuning: new TuningPage(this.view, this.change),
    results: new ResultsPage(),
  };
  private readonly poll = new Poll(() => this.look(), REFRESH_MS, (error) => this.told(error));
  private fresh = true;
  private lost = 0;
  private shown: Page | null = null;

  start(): void {
    document.getElementById("app")?.append(
      h("a", { class: "skip", href: "#main" }, "Skip to the content"),
      h("header", {}, h("h1", {}, h("span", { class: "mark", "aria-hidden": "true" }), "Foreshard"), this.nav,
        h("label", { class: "table-choice" }, "Table ", this.tables), this.clock, themeButton()),
      this.status, this.main);
    addEventListener("popstate", () => this.go(read(location.search), false));
    onTheme(() => {
      this.pages.overview.heat.restyle(isDark());
      this.pages.partition.restyle();
    });
    this.pages.overview.heat.restyle(isDark());
    this.go(this.view, false);
  }

  private go(view: View, remember: boolean): void {
    const before = this.view;
    this.view = view;
    const address = write(view);
    const moved = before.page !== view.page || before.table !== view.table || before.partition !== view.partition || before.decision !== view.decision;
    if (remember) history[moved ? "pushState" : "replaceState"](null, "", address);
    const page = this.pages[view.page];
    if (this.shown !== view.page) {
      this.main.replaceChildren(page.element);
      if (this.shown) scrollTo(0, 0);
      this.shown = view.page;
    }
    fill(this.nav, ...PAGES.map(([id, text]) => h("a", {
      href: write({ ...view, page: id, partition: null, decision: null }), "data-key": id,
      "aria-current": id === view.page || (id === "overview" && view.page === "partition") ? "page" : null,
      onclick: (e: MouseEvent) => {
        if (e.ctrlKey || e.metaKey || e.shiftKey) return;
        e.preventDefault();
        this.change({ page: id, partition: null, decision: null });
      },
    }, text)));
    page.look(view);
    this.fresh = true;
    this.poll.now();
  }

  private async look(): Promise<void> {
    const overview = await get<Overview>("overview");
    this.follow(overview);
    const fresh = this.fresh;
    this.fresh = false;
    const rates: Rates | null = this.counters.take(overview.service, performance.now());
    if (rates) this.rates = rates;
    if (this.view.page === "overview") {
      this.pages.overview.show(overview, this.rates, this.counters);
      if (this.view.table) await this.pages.overview.refresh(this.view, fresh);
    } else if (this.view.page === "partition") await this.pages.partition.refresh(this.view);
    else if (this.view.page === "decisions") await this.pages.decisions.refresh(this.view, overview);
    else if (this.view.page === "tuning") await this.pages.tuning.refresh(this.view);
  }
  private rates: Rates | null = null;

  /** The clock and the tables; a table that is gone gives way to the first. */
  private follow(overview: Overview): void {
    say(this.clock, `${moment(overview.now_ms)} UTC`);
    const names = overview.tables.map((table) => table.name);
    if (this.tables.dataset.names !== names.join("\n")) {
      this.tables.dataset.names = names.join("\n");
      fill(this.tables, ...names.map((name) => h("option", { value: name }, name)));
    }
    if (!names.includes(this.view.table)) {
      this.view = { ...this.view, table: names[0] ?? "" };
      history.replaceState(null, "", write(this.view));
      this.pages[this.view.page].look(this.view);
    }
    this.tables.value = this.view.table;
    this.tables.disabled = names.length === 0;
    if (!names.length) this.pages.overview.empty();
    document.title = `${this.view.table ? this.view.table + " · " : ""}Foreshard`;
  }

  private told(error: Error | null): void {
    if (!error) {
      this.lost = 0;
      this.status.hidden = true;
      return;
    }
    this.status.hidden = false;
    if (error instanceof ApiError && error.status === 401) {
      if (!this.status.querySelector("form")) fill(this.status, this.askForToken());
      return;
    }
    if (error instanceof ApiError) {
      say(this.status, error.message);
      return;
    }
    this.lost ||= Date.now();
    say(this.status, "Not connected: the service does not answer. Shown is what was last known; trying again.");
  }

  private askForToken(): HTMLElement {
    const input = h("input", { type: "password", id: "token", autocomplete: "off", required: true });
    return h("form", { onsubmit: (e: Event) => {
      e.preventDefault();
      setToken(input.value);
      this.status.replaceChildren();
      this.poll.now();
    } }, h("label", { for: "token" }, "This service asks who you are. Token: "), input, h("button", { type: "submit" }, "Continue"));
  }
}

const WHOLE = { from: null, until: null, low: 0, high: 1, pin: null };
new App().start();
