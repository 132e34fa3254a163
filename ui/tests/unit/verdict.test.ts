// Rates out of counters, and the sentence on top.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Counters, quantile } from "../../src/counters";
import { verdict } from "../../src/pages/verdict";
import { BIN, NOW, overview, table } from "./made";

test("rates are what came between two looks", () => {
  const counters = new Counters();
  assert.equal(counters.take(overview().service, 0), null);
  const later = overview({ uptime_s: 12, requests: 140, throttled: 12, client_errors: 2, server_errors: 3, latency_us: [[1_000, 100], [8_000, 40]] });
  assert.deepEqual(counters.take(later.service, 2_000), { requests: 20, errors: 2, serverErrors: 1.5, throttled: 5, p50_ms: 8, p99_ms: 8 });
  assert.deepEqual(counters.requests, [20]);
});

test("after a restart there is no rate", () => {
  const counters = new Counters();
  counters.take(overview().service, 0);
  assert.equal(counters.take(overview({ uptime_s: 1, requests: 5_000 }).service, 2_000), null);
  assert.equal(counters.take(overview({ uptime_s: 3, requests: 4_000 }).service, 4_000), null);
});

test("a quantile is the end of the bucket that it falls into", () => {
  const buckets: [number, number][] = [[8_000, 10], [1_000, 90]];
  assert.equal(quantile(buckets, 0.5), 1);
  assert.equal(quantile(buckets, 0.9), 1);
  assert.equal(quantile(buckets, 0.91), 8);
  assert.equal(quantile([[1_000, 0]], 0.5), null);
});

const of = (changes = {}, service = {}, rates: Partial<Parameters<typeof verdict>[2]> = {}) =>
  verdict(overview(service), table(changes), { requests: 0, errors: 0, serverErrors: 0, throttled: 0, p50_ms: null, p99_ms: null, ...rates });

test("the worst comes first", () => {
  assert.equal(of().word, "Well");
  assert.equal(of({ hottest: { partition: 1, share: 0.8, load: "reads" } }).word, "Busy");
  assert.equal(of({ peak: { partition: 1, share: 1.01, at_ms: NOW, probability: 1 } }).word, "Busy");
  assert.equal(of({ anomalies_open: 1 }).word, "Busy");
  assert.equal(of({ throttled_per_s: 1, anomalies_open: 1 }).word, "Throttling");
  assert.equal(of({ throttled_per_s: 1 }, {}, { serverErrors: 1 }).word, "Failing");
  assert.equal(of({}, { ready: false, why_not: "it starts" }, { serverErrors: 1 }).text, "it starts");
  assert.equal(verdict(overview(), undefined, null).word, "Ready");
});

test("what comes and what will be done is said", () => {
  const next = { action: "split", trigger: "forecast", reason: "", when_ms: NOW + BIN, held: null, crossing_ms: null };
  const said = of({ peak: { partition: 3, share: 1.55, at_ms: NOW + 2 * BIN, probability: 1 }, next }).text;
  assert.match(said, /p1, is 40 % full \(writes\).*p3 at 155 % of its capacity at 09:10, in 10 min\. Foreshard will split in 5 min\./);
  assert.match(of({ next: { ...next, held: "it is paused" } }).text, /would split, but it is paused/);
  assert.match(of({ hottest: null, peak: null }).text, /No load has been looked at yet\. Nothing is forecast yet\. Nothing needs to be done\./);
});
