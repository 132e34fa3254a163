// Every decision with its grounds and its outcome, what is being carried out, a dry run, and what an
// operator can do by hand.

import { type Overview, type Rekey, type Units, get, name } from "../api";
import { fill, h } from "../dom";
import { bytes, clock, milliseconds, number, percent, short, span, when } from "../format";
import type { View } from "../state";
import { confirmAction } from "./confirm";
import { type Decision, decisionItem } from "./decision_item";
import { type Choice, RekeyCard } from "./rekey";

interface Action {
  sources: number[]; kind: string; trigger: string; reason: string; benefit: number; cost: number; crossing_ms: number | null;
  shares: Units[]; boundaries: unknown[];
}
interface Alternative { what: string; rejected: string; benefit: number; cost: number }
interface Plan { due_ms: number; held: string | null; actions: Action[]; alternatives: Alternative[]; reason: string; strategy: Choice | null }
interface Input {
  id: number; capacity: Units; credit: Units | null; load_now: Units; load_recent: Units; load_day_max: Units;
  top_key_share: number; size_bytes: number; read: any; write: any;
}
interface Grounds {
  choice: { estimates: { strategy: string; total: number }[]; reason: string };
  placed: string; saved_units_per_s: number | null;
}
interface Whole extends Decision {
  rekey?: { from: string; to: string; by: string; grounds: Grounds | null };
  entry?: {
    decision: { policy: string; action: Action; inputs: Input[]; scores: any[]; alternatives: Alternative[] };
    finished_ms: number | null; timing: Record<string, number> | null; failure: string | null;
    outcome: { judgement: string; crossing_ms: number | null; throttle_ms: number | null; lead_ms: number | null; peak: number; excess: number; until_ms: number } | null;
  };
}
interface Considered { at_ms: number; table: string; reason: string; alternatives: Alternative[] }

const PAGE_SIZE = 30;
const ENDED_SHOWN = 4;

export class DecisionsPage {
  readonly element = h("div", { class: "page" });
  private readonly plan = h("div", { class: "stack" });
  private readonly workflows = h("div", { class: "stack" });
  private readonly endedList = h("div", { class: "stack" });
  private readonly ended = h("section", { class: "card", hidden: true }, h("h2", {}, "Ended rekeys"), this.endedList);
  private readonly list = h("ol", { class: "decisions" });
  private readonly considered = h("ol", { class: "decisions" });
  private readonly detail = h("section", { class: "card", tabindex: -1, "aria-label": "The decision" });
  private readonly more = h("button", { type: "button", class: "link" }, "Older decisions");
  private shown = PAGE_SIZE;
  private detailFor: number | null = null;
  private planned: Plan | null = null;
  private readonly rekey = new RekeyCard(() => this.change({}));

  constructor(_view: View, private readonly change: (changes: Partial<View>) => void) {
    this.more.addEventListener("click", () => { this.shown += PAGE_SIZE; this.change({}); });
    this.element.append(
      h("div", { class: "columns" },
        h("section", { class: "card" }, h("h2", {}, "Under way"), this.workflows),
        h("section", { class: "card" }, h("h2", {}, "Dry run: what would be done if it were time to decide"), this.plan)),
      this.detail,
      h("div", { class: "columns" },
        h("section", { class: "card" }, h("h2", {}, "Decided"), this.list, this.more),
        h("section", { class: "card" }, h("h2", {}, "Considered and not done"), this.considered)),
      this.rekey.element, this.ended);
  }

  look(view: View): void {
    this.detail.hidden = view.decision == null;
    if (view.decision !== this.detailFor) fill(this.detail, h("p", { class: "dim" }, "Loading …"));
  }

  async refresh(view: View, overview: Overview): Promise<void> {
    const table = name(view.table);
    const [list, considered, workflows, plan, whole] = await Promise.all([
      get<{ decisions: Decision[] }>(`decisions?table=${table}&limit=${this.shown}&brief=true`),
      get<{ considered: Considered[] }>(`considered?table=${table}`),
      get<{ rekeys: Rekey[] }>("workflows"),
      view.table ? get<Plan>(`tables/${table}/plan`) : null,
      view.decision == null ? null : get<Whole>(`decisions/${view.decision}`),
    ]);
    fill(this.list, ...list.decisions.map((d) => decisionItem(d, this.change)));
    if (!list.decisions.length) fill(this.list, h("li", { class: "dim" }, "Nothing was decided yet."));
    this.more.hidden = list.decisions.length < this.shown;
    this.fillConsidered(considered.considered);
    // The document has the oldest first.
    const rekeys = [...(workflows.rekeys ?? [])].reverse();
    this.fillWorkflows(overview, rekeys.filter((rekey) => rekey.state === "running"));
    const ended = rekeys.filter((rekey) => rekey.state !== "running" && rekey.table === view.table).slice(0, ENDED_SHOWN);
    this.ended.hidden = !ended.length;
    fill(this.endedList, ...ended.map((rekey) => this.rekeyBox(rekey)));
    if (plan) this.fillPlan(plan, overview.now_ms);
    this.rekey.show(overview.tables.find((t) => t.name === view.table), plan?.strategy ?? null);
    if (whole) this.fillDetail(whole);
  }

  private fillWorkflows(overview: Overview, rekeys: Rekey[]): void {
    const running = overview.tables.flatMap((table) => table.running);
    fill(this.workflows,
      h("p", {}, overview.paused ? h("strong", { class: "watch" }, "The planner is paused: ") : "The planner acts by itself. ",
        overview.paused ? "it looks and forecasts, but changes nothing until it is resumed. " : "",
        h("button", {
          type: "button", "data-key": "pause",
          onclick: () => confirmAction(overview.paused
            ? { title: "Resume the planner", text: "It will act again on what it forecasts, from its next look on.", path: "planner/resume", body: {}, done: () => this.change({}) }
            : { title: "Pause the planner", text: "No split, merge or shift is started until it is resumed; not even when a partition is overloaded. What is under way ends first.", path: "planner/pause", body: {}, done: () => this.change({}) }),
        }, overview.paused ? "Resume …" : "Pause …")),
      ...rekeys.map((rekey) => this.rekeyBox(rekey)),
      ...(running.length ? running.map((workflow) => h("div", { class: "workflow" },
        h("strong", {}, `${workflow.action} ${workflow.id} of ${workflow.table}`),
        h("span", { class: "dim" }, `since ${clock(workflow.started_ms)}, ${workflow.state}`),
        h("span", {}, `${workflow.step}${workflow.waits_for ? `: waits for ${workflow.waits_for}` : ""}${workflow.attempt > 1 ? `, attempt ${workflow.attempt}` : ""}`),
        h("span", { class: "dim" }, workflow.reason),
        workflow.cancellable ? h("span", { class: "buttons" },
          ...([["Pause …", "pause", "It waits until it is resumed."], ["Resume …", "resume", "It goes on where it waits."]] as const).map(([label, verb, text]) => h("button", {
            type: "button", "data-key": verb + workflow.id,
            onclick: () => confirmAction({ title: `${label.slice(0, -2)} workflow ${workflow.id}`, text, path: `workflows/${workflow.id}/${verb}`, body: {}, done: () => this.change({}) }),
          }, label)),
          this.cancelButton(workflow.id, "It has not begun to make partitions, and will not.")) : null)) : rekeys.length ? [] : [h("p", { class: "dim" }, "No workflow is running.")]));
  }

  private rekeyBox(rekey: Rekey): HTMLElement {
    const { progress } = rekey;
    const under = rekey.state === "running";
    return h("div", { class: "workflow" },
      h("strong", {}, `rekey ${rekey.id} of ${rekey.table}: ${rekey.from} to ${rekey.to}`),
      h("span", { class: "dim" }, `since ${when(rekey.started_ms)}, ${rekey.state}${rekey.failure ? `: ${rekey.failure}` : ""}`),
      under && progress ? h("progress", { max: Math.max(progress.bytes_total, 1), value: Math.min(progress.bytes, progress.bytes_total), "aria-label": "Copied" }) : null,
      under && progress ? h("span", {}, `${progress.phase}: ${number(progress.items, 0)} items, ${bytes(progress.bytes)} of ${bytes(progress.bytes_total)}`
        + (progress.left_s == null ? "" : `, about ${span(progress.left_s * 1000)} left`)) : null,
      under ? this.cancelButton(rekey.id, "What was copied is thrown away; the table stays as it is.") : null);
  }

  private cancelButton(id: number, text: string): HTMLElement {
    return h("button", {
      type: "button", "data-key": `cancel${id}`,
      onclick: () => confirmAction({ title: `Cancel workflow ${id}`, text, path: `workflows/${id}/cancel`, body: {}, done: () => this.change({}) }),
    }, "Cancel …");
  }

  private fillPlan(plan: Plan, now: number): void {
    const key = JSON.stringify(plan.actions) + plan.reason;
    if (this.planned && JSON.stringify(this.planned.actions) + this.planned.reason === key && plan.due_ms === this.planned.due_ms && plan.held === this.planned.held) return;
    this.planned = plan;
    fill(this.plan, h("p", {}, plan.actions.length ? `${plan.actions.length} action${plan.actions.length > 1 ? "s" : ""}, ${
      plan.held ? `held up: ${plan.held}` : plan.due_ms <= now ? "due now" : `due in ${span(plan.due_ms - now)}`}.` : plan.reason),
      ...plan.actions.map((action) => this.actionBox(action)), this.alternatives(plan.alternatives));
  }

  private actionBox(action: Action): HTMLElement {
    return h("div", { class: "workflow" },
      h("div", {}, h("span", { class: "tag" }, action.kind.replace("_", " ")), h("span", { class: "tag" }, action.trigger),
        ` ${action.sources.map((s) => `p${s}`).join(", ")} → ${action.boundaries.length + 1} partition${action.boundaries.length ? "s" : ""}`),
      h("div", {}, action.reason),
      h("div", { class: "dim" }, `avoids ${short(action.benefit)} unit-seconds of overload, costs ${short(action.cost)}`
        + (action.crossing_ms ? `; capacity would be exceeded from ${when(action.crossing_ms)} on` : "")));
  }

  private alternatives(list: Alternative[]): HTMLElement | null {
    if (!list.length) return null;
    return h("table", { class: "grid" }, h("caption", {}, "Weighed and rejected"),
      h("thead", {}, h("tr", {}, ...["What", "Why not", "Would avoid", "Would cost"].map((t, i) => h("th", { scope: "col", class: i > 1 ? "n" : "" }, t)))),
      h("tbody", {}, ...list.map((a) => h("tr", {}, h("td", {}, a.what), h("td", {}, a.rejected), h("td", { class: "n" }, short(a.benefit)), h("td", { class: "n" }, short(a.cost))))));
  }

  private fillConsidered(list: Considered[]): void {
    fill(this.considered, ...(list.length ? list.slice(0, 40).map((c) => h("li", {}, h("div", {}, h("time", { class: "dim" }, when(c.at_ms)), ` ${c.reason}`),
      ...c.alternatives.slice(0, 3).map((a) => h("div", { class: "dim" }, `${a.what}: ${a.rejected}`))))
      : [h("li", { class: "dim" }, "Nothing was weighed and left undone since the service started.")]));
  }

  private fillDetail(whole: Whole): void {
    const { entry } = whole;
    if (!entry) {
      this.fillRekey(whole);
      return;
    }
    const { decision, timing, outcome } = entry;
    const fresh = this.detailFor !== whole.id;
    this.detailFor = whole.id;
    const fact = (label: string, value: string | null | undefined) => (value ? [h("dt", {}, label), h("dd", {}, value)] : []);
    const steps = timing ? Object.entries(timing).filter(([n]) => n.endsWith("_ms") && n !== "total_ms") : [];
    const longest = Math.max(...steps.map(([, ms]) => ms), 1e-9);
    fill(this.detail,
      h("div", { class: "card-head" }, h("h2", {}, `${whole.action} ${whole.id} of ${whole.table}`),
        h("button", { type: "button", class: "link", "data-key": "close", onclick: () => this.change({ decision: null }) }, "Close")),
      this.actionBox(decision.action),
      h("dl", { class: "facts" },
        ...fact("Decided", when(whole.at_ms)), ...fact("By", decision.policy), ...fact("State", whole.state), ...fact("Result", whole.result),
        ...fact("Failure", entry.failure),
        ...fact("Predicted", decision.action.crossing_ms ? `over capacity from ${when(decision.action.crossing_ms)} on` : "no crossing of capacity"),
        ...fact("What came", outcome ? `${whole.outcome}` : "not known yet: judged an hour after the decision"),
        ...fact("Would have throttled", outcome?.throttle_ms ? when(outcome.throttle_ms) : outcome ? "never" : null),
        ...fact("Above the old capacity", outcome ? `${short(outcome.excess)} units, fullest five minutes ${percent(outcome.peak)}` : null)),
      steps.length ? h("h3", {}, "Steps") : null,
      h("div", { class: "steps" }, ...steps.map(([step, ms]) => {
        const bar = h("span", { class: "bar" });
        bar.style.width = `${Math.max((ms / longest) * 100, 0.5)}%`;
        return h("div", { class: "step" }, h("span", {}, step.replace("_ms", "").replace("_", " ")), h("span", { class: "track", "aria-hidden": "true" }, bar), h("span", { class: "n" }, milliseconds(ms)));
      })),
      h("h3", {}, "What it was based on"),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Inputs" }, h("table", { class: "grid" },
        h("thead", {}, h("tr", {}, ...["Partition", "Score", "Reads now", "Writes now", "Day's highest", "Read forecast", "Write forecast"].map((t) => h("th", { scope: "col" }, t)))),
        h("tbody", {}, ...decision.inputs.map((input) => h("tr", {}, h("th", { scope: "row" }, `p${input.id}`),
          h("td", {}, number(decision.scores.find((s) => s.partition === input.id)?.total, 0)),
          h("td", {}, `${short(input.load_now.read)} of ${short(input.capacity.read)}`), h("td", {}, `${short(input.load_now.write)} of ${short(input.capacity.write)}`),
          h("td", {}, `${short(input.load_day_max.read)} / ${short(input.load_day_max.write)}`),
          h("td", {}, outlook(input.read)), h("td", {}, outlook(input.write))))))),
      this.alternatives(decision.alternatives));
    if (fresh) this.detail.focus({ preventScroll: false });
  }

  // A change of strategy: what each was estimated to cost, and what was measured afterwards.
  private fillRekey(whole: Whole): void {
    const fresh = this.detailFor !== whole.id;
    this.detailFor = whole.id;
    const grounds = whole.rekey?.grounds;
    const facts: [string, string | null | undefined][] = [
      ["Decided", when(whole.at_ms)], ["By", whole.rekey?.by === "service" ? "the service" : "an operator"],
      ["State", whole.state], ["Because", whole.reason], ["When", grounds?.placed], ["Result", whole.result],
      ["What came", grounds ? whole.outcome ?? "not known yet: counted a day after it has ended" : null],
    ];
    fill(this.detail,
      h("div", { class: "card-head" }, h("h2", {}, `rekey ${whole.id} of ${whole.table}: ${whole.rekey?.from} to ${whole.rekey?.to}`),
        h("button", { type: "button", class: "link", "data-key": "close", onclick: () => this.change({ decision: null }) }, "Close")),
      h("dl", { class: "facts" }, ...facts.flatMap(([label, value]) => (value ? [h("dt", {}, label), h("dd", {}, value)] : []))),
      grounds ? h("table", { class: "grid" }, h("caption", {}, "What requests would cost, in units per second"),
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Strategy"), h("th", { scope: "col", class: "n" }, "Estimate"))),
        h("tbody", {}, ...grounds.choice.estimates.map((e) => h("tr", {}, h("th", { scope: "row" }, e.strategy), h("td", { class: "n" }, short(e.total)))))) : null);
    if (fresh) this.detail.focus({ preventScroll: false });
  }
}

function outlook(document: any): string {
  const forecast = document?.forecast;
  if (!forecast) return document?.abstain?.reason ?? "none";
  const peak = Math.max(...forecast.steps.map((step: any) => step.q90));
  return `up to ${short(peak)}/s (.9), ${forecast.model}`;
}
