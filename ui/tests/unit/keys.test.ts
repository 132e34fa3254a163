// Keys, and partitions in their order.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isolateHash, neighboursOf, parsed, part } from "../../src/keys";

test("neighbours are those in key order, not by number", () => {
  assert.deepEqual(neighboursOf([4, 1, 9], 1), [{ id: 4, side: "before" }, { id: 9, side: "after" }]);
  assert.deepEqual(neighboursOf([4, 1, 9], 4), [{ id: 1, side: "after" }]);
  assert.deepEqual(neighboursOf([4, 1, 9], 9), [{ id: 1, side: "before" }]);
  assert.deepEqual(neighboursOf([4], 4), []);
  assert.deepEqual(neighboursOf([4, 1], 7), []);
});

test("the items of a hash end where the next hash begins", () => {
  assert.deepEqual(isolateHash("00ff00ff00ff00ff"), { action: "isolate", start: "00ff00ff00ff00ff", end: "00ff00ff00ff0100" });
  assert.deepEqual(isolateHash("0000000000000000"), { action: "isolate", start: "0000000000000000", end: "0000000000000001" });
  assert.deepEqual(isolateHash("7fffffffffffffff"), { action: "isolate", start: "7fffffffffffffff", end: "8000000000000000" });
  // The last hash has no next one.
  assert.deepEqual(isolateHash("ffffffffffffffff"), { action: "isolate", start: "ffffffffffffffff" });
});

test("parts are named by the boundaries that they have", () => {
  assert.deepEqual([0, 1, 2].map((at) => part(["40", "80"], at)), ["up to 40", "40 – 80", "from 80 on"]);
  assert.equal(part([], 0), "all of them");
  assert.equal(part(["0123456789abcdef"], 0), "up to 0123456789ab…");
});

test("a key is an object", () => {
  assert.deepEqual(parsed('{"pk":{"S":"a"}}'), { pk: { S: "a" } });
  for (const text of ["", "a", "5", "null", "[1]", '{"pk":']) assert.equal(parsed(text), null, text);
});
