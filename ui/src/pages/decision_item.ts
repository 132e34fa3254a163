// One decision in a list.

import { h } from "../dom";
import { when } from "../format";
import type { View } from "../state";

export interface Decision {
  id: number; at_ms: number; table: string; action: string; kind: string; trigger: string; state: string; reason: string;
  result: string | null; outcome: string | null; in_time: boolean; needless: boolean;
}

const KINDS: Record<string, string> = { horizontal: "horizontal", vertical: "vertical", range_adjustment: "range adjustment" };

export function decisionItem(decision: Decision, change: (changes: Partial<View>) => void): HTMLElement {
  return h("li", {},
    h("div", {},
      h("button", {
        type: "button", class: "link", "data-key": `d${decision.id}`,
        onclick: () => change({ page: "decisions", decision: decision.id }),
      }, `${decision.action} ${decision.id}`),
      " ", h("time", { class: "dim" }, when(decision.at_ms)), " ",
      h("span", { class: "tag" }, KINDS[decision.kind] ?? decision.kind), h("span", { class: "tag" }, decision.trigger),
      h("span", { class: decision.state === "failed" ? "tag bad" : decision.state === "running" ? "tag watch" : "tag" }, decision.state)),
    h("div", {}, decision.reason),
    decision.result ? h("div", { class: "dim" }, decision.result) : null,
    decision.outcome ? h("div", { class: decision.in_time ? "good" : "dim" }, decision.outcome) : null);
}
