// The first sentence: whether the store is well, where the heat is, what comes, and what will be done.

import type { Overview, TableSummary } from "../api";
import { clock, number, percent, span } from "../format";
import type { Rates } from "../counters";

export type Level = "good" | "watch" | "bad";
export interface Verdict { level: Level; word: string; text: string }

const WATCH_SHARE = 0.8;

export function verdict(overview: Overview, table: TableSummary | undefined, rates: Rates | null): Verdict {
  const { service, now_ms: now } = overview;
  if (!service.ready) return { level: "bad", word: "Not ready", text: service.why_not ?? "the service does not take requests" };
  if (!table) return { level: "good", word: "Ready", text: "No table yet: create one through the DynamoDB API, and its load appears here." };
  const said = [heat(table), coming(table, now), doing(table, now)].join(" ");
  if (rates && rates.serverErrors > 0) {
    return { level: "bad", word: "Failing", text: `${number(rates.serverErrors, 2)} requests/s fail on our side: see the log. ${said}` };
  }
  if (table.throttled_per_s > 0) {
    return { level: "bad", word: "Throttling", text: `${number(table.throttled_per_s, 1)} requests/s are refused for want of capacity. ${said}` };
  }
  const hot = (table.hottest?.share ?? 0) >= WATCH_SHARE || (table.peak?.share ?? 0) > 1;
  if (hot || table.anomalies_open > 0) return { level: "watch", word: "Busy", text: said };
  return { level: "good", word: "Well", text: said };
}

function heat(table: TableSummary): string {
  const { hottest } = table;
  return hottest
    ? `The hottest of ${table.partitions} partition${table.partitions === 1 ? "" : "s"}, p${hottest.partition}, is ${percent(hottest.share)} full (${hottest.load}).`
    : "No load has been looked at yet.";
}

function coming(table: TableSummary, now: number): string {
  const { peak } = table;
  if (!peak) return "Nothing is forecast yet.";
  const at = peak.at_ms <= now ? "now" : `at ${clock(peak.at_ms)}`;
  return peak.share > 1
    ? `The forecast has p${peak.partition} at ${percent(peak.share)} of its capacity ${at}, in ${span(peak.at_ms - now)}.`
    : `The coming hour stays below ${percent(peak.share)} of any partition's capacity.`;
}

function doing(table: TableSummary, now: number): string {
  if (table.running.length) return `A ${table.running[0].action} is being carried out.`;
  const { next } = table;
  if (!next) return "Nothing needs to be done.";
  if (next.held) return `Foreshard would ${next.action}, but ${next.held}.`;
  return `Foreshard will ${next.action} ${next.when_ms <= now ? "now" : `in ${span(next.when_ms - now)}`}.`;
}
