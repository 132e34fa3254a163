// What is odd about a table, what other systems have reported, and keys that alone ask for too much.

import { kind, told } from "../anomalies";
import type { Anomaly, HotKey, Reported } from "../api";
import { fill, h } from "../dom";
import { clock, key, number, percent } from "../format";

const OWN_SHOWN = 8, OTHERS_SHOWN = 4, KEYS_SHOWN = 4;

export interface Odd { anomalies: Anomaly[]; reported: Reported[]; hot_keys: HotKey[] }

export function fillAnomalies(list: Element, { anomalies, reported, hot_keys }: Odd, keysShown: boolean): void {
  const name = (of: string) => (keysShown ? key(of, 24) : "hidden");
  const own = anomalies.slice(0, OWN_SHOWN).map((a) => h("li", {},
    h("span", { class: a.end_ms == null ? "tag watch" : "tag" }, kind(a)), ` ${told(a)}`,
    a.keys.length ? h("div", { class: "dim mono" }, `hottest key ${name(a.keys[0].name)} (${percent(a.keys[0].share)})`) : null));
  const hot = hot_keys.slice(0, KEYS_SHOWN).map((k) => h("li", {},
    h("span", { class: k.capacity_share >= 1 ? "tag bad" : "tag watch" }, "hot key"),
    ` ${name(k.key)} alone asks for ${percent(k.capacity_share)} of what p${k.partition} has`
      + (k.refused > 0 ? `; ${number(k.refused, 0)} requests for it were refused` : "") + (k.client ? `; last asked for by ${k.client}` : "")));
  const others = reported.slice(0, OTHERS_SHOWN).map((r) => h("li", {}, h("span", { class: "tag" }, "reported"),
    ` ${r.name}, ${clock(r.start_ms)} ${r.annotations.summary ?? ""}`));
  const all = [...hot, ...own, ...others];
  fill(list, ...(all.length ? all : [h("li", { class: "dim" }, "Nothing odd: no load that came, or stayed away, against all expectation.")]));
}
