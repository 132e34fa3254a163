// Numbers, times and keys as people read them.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "../../src/format";

const SECOND = 1_000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE;
const all = <T>(of: (x: T) => string, pairs: [T, string][]) => { for (const [x, text] of pairs) assert.equal(of(x), text, `${x}`); };

test("numbers are short", () => {
  all(format.short, [[0, "0"], [0.00012, "0.0001"], [0.256, "0.26"], [12.34, "12.3"], [1234.5, "1,235"], [12_345, "12.3 k"], [1e6, "1 M"], [2.5e9, "2.5 G"], [-20_000, "-20 k"], [NaN, "–"], [Infinity, "–"]]);
  assert.equal(format.short(null), "–");
});

test("shares have as many digits as they need", () => {
  all(format.percent, [[0, "0 %"], [0.00005, "0.005 %"], [0.0123, "1.2 %"], [0.5, "50 %"], [1.554, "155 %"], [NaN, "–"]]);
  all(format.risk, [[0, "0 %"], [0.0001, "<\u00a00.1\u00a0%"], [0.001, "0.1 %"], [1, "100 %"]]);
});

test("bytes and milliseconds have units", () => {
  all(format.bytes, [[0, "0 B"], [999, "999 B"], [1000, "1 kB"], [1_550_000, "1.6 MB"], [5e15, "5,000 TB"]]);
  assert.equal(format.bytes(null), "–");
  all(format.milliseconds, [[0.25, "250 µs"], [3.14, "3.1 ms"], [250, "250 ms"], [1500, "1.5 s"], [NaN, "–"]]);
});

test("a span has the two units that matter", () => {
  all(format.span, [[0, "0 s"], [59 * SECOND, "59 s"], [5 * MINUTE, "5 min"], [-5 * MINUTE, "5 min"], [HOUR, "1 h"], [HOUR + 7 * MINUTE, "1 h 7 min"], [47 * HOUR, "47 h"], [72 * HOUR, "3 days"]]);
});

test("times are UTC", () => {
  const ms = Date.UTC(2024, 4, 1, 9, 5, 7);
  assert.deepEqual([format.date(ms), format.clock(ms), format.when(ms), format.moment(ms)], ["2024-05-01", "09:05", "2024-05-01 09:05", "2024-05-01 09:05:07"]);
  assert.equal(format.clock(NaN), "");
});

test("keys are cut, and the ends of the axis have names", () => {
  assert.equal(format.keys("", ""), "start – end");
  assert.equal(format.keys("40", "", 4), "40 – end");
  assert.equal(format.keys("0123456789abcdef", "f", 4), "0123… – f");
});
