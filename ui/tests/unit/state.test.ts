// The view and the address that says it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type View, read, write } from "../../src/state";

const PLAIN = read("");

test("the plain view has a plain address", () => {
  assert.equal(write(PLAIN), "/");
});

test("an address brings its view back", () => {
  const views: Partial<View>[] = [
    { table: "a b&c=d", page: "decisions", decision: 12 }, { metric: "throttles", past: 40320, quantile: "0.99", scale: "linear" },
    { from: 1_714_500_000_000, until: 1_714_600_000_000, low: 0.125, high: 0.5 }, { pin: { ms: -5, at: 0.25 }, as: "table" },
    { page: "partition", partition: 7, keys: "hidden" }, { full: "highest" }, { pin: { ms: 0, at: 0 } },
  ];
  for (const changes of views) {
    const view = { ...PLAIN, ...changes };
    assert.deepEqual(read(write(view)), view);
  }
});

test("what makes no sense is left out", () => {
  for (const search of [
    "?page=nowhere", "?metric=joy", "?past=5", "?q=0.7", "?scale=cubic", "?from=1e9", "?until=x", "?low=0.7&high=0.2", "?low=-1&high=1", "?low=0&high=9",
    "?pin=x_0.5", "?pin=5", "?as=song", "?full=moon", "?partition=1.5", "?decision=99999999999999999999", "?keys=all",
  ]) assert.deepEqual(read(search), PLAIN, search);
});
