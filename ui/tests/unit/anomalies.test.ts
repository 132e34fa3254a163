// What an anomaly is about, in words and on the key axis.

import assert from "node:assert/strict";
import { test } from "node:test";
import { kind, place, told } from "../../src/anomalies";
import type { Anomaly } from "../../src/api";
import { NOW, heatmap } from "./made";

const crowd = (changes: Partial<Anomaly>): Anomaly => ({
  id: 1, table: "orders", partition: null, peer: null, load: "read_units", kind: "flash_crowd", start_ms: NOW, end_ms: null,
  level: 10, extreme: 200, keys: [], clients: [], ...changes,
});
const cell = (start: string, end: string) => crowd({ peer: { cell: { start, end } } });
const { cells } = heatmap();

test("it says whose load it is, and since when", () => {
  assert.equal(told(crowd({})), "the table, read units: 10 → 200/s, 2024-05-01 09:00, goes on");
  assert.match(told(crowd({ partition: 3, end_ms: NOW + 600_000 })), /^p3, .* for 10 min$/);
  assert.match(told(crowd({ peer: { client: "ann" }, load: "requests" })), /^client ann, requests/);
  assert.match(told(cell("40", "")), /^keys 40 – end, /);
  assert.deepEqual([crowd({}), crowd({ kind: "drop" }), crowd({ peer: { client: "a" } }), cell("", "")].map(kind), ["flash crowd", "drop", "odd client", "odd keys"]);
});

test("it lies where its keys are", () => {
  assert.deepEqual(place(crowd({}), cells), [0, 1]);
  assert.deepEqual(place(crowd({ partition: 1 }), cells), [0, 0.5]);
  assert.deepEqual(place(cell("40", "80"), cells), [0.25, 0.5]);
  assert.deepEqual(place(cell("80", ""), cells), [0.5, 1]);
  assert.deepEqual(place(cell("", "3f"), cells), [0, 0.25]);
  assert.equal(place(crowd({ peer: { client: "ann" } }), cells), null);
});
