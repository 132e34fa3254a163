// A heat map document as the picture has it, in words, and as a file.

import assert from "node:assert/strict";
import { test } from "node:test";
import { columnAt, prepare, rowAt, valueAt } from "../../src/heat/data";
import { exact, lines } from "../../src/heat/describe";
import { csvText } from "../../src/heat/export";
import { measureOf, worst } from "../../src/heat/strips";
import { BIN, NOW, heatmap } from "./made";

const heat = prepare(heatmap());
const WHOLE = { from: heat.first, until: heat.last, low: 0, high: 1 };

test("nothing known and no load are told apart", () => {
  assert.equal(valueAt(heat, 0, 1), 0);
  assert.equal(valueAt(heat, 0, 2), null);
  assert.equal(exact(heat, 0), "0 %");
  assert.equal(exact(heat, null), "no data");
  assert.equal(heat.max, 1.5);
});

test("past and forecast meet where the forecast's first column begins", () => {
  assert.deepEqual([heat.first, heat.now, heat.last], [NOW - 2 * BIN, NOW, NOW + 2 * BIN]);
  const none = prepare(heatmap({ times_ms: [], past_columns: 0, share: [], cells: [] }));
  assert.deepEqual([none.first, none.now, none.last], [NOW - 3_600_000, NOW, NOW]);
});

test("it is known whether anything is forecast", () => {
  assert.equal(heat.foretold, true);
  assert.equal(prepare(heatmap({ share: [[1, 1, 1], [1, 1, 1], [null, null, null], [null, null, null]] })).foretold, false);
});

test("a gap in the past belongs to no column", () => {
  const gap = prepare(heatmap({ times_ms: [NOW - 5 * BIN, NOW - BIN, NOW, NOW + BIN] }));
  assert.equal(columnAt(gap, NOW - 5 * BIN), 0);
  assert.equal(columnAt(gap, NOW - 4 * BIN + 1), -1);
  assert.equal(columnAt(gap, NOW - 1), 1);
  assert.equal(columnAt(gap, NOW + 2 * BIN), -1);
  assert.equal(columnAt(gap, 0), -1);
});

test("rows lie in key order", () => {
  assert.deepEqual([0, 0.24, 0.25, 0.5, 1].map((at) => rowAt(heat, at)), [0, 0, 1, 2, 2]);
  assert.equal(rowAt(heat, -0.1), -1);
  assert.equal(rowAt(heat, 1.1), -1);
});

test("a cell says its time, value, keys and partition", () => {
  const said = lines(heat, { column: 3, row: 0 });
  assert.deepEqual(said, ["2024-05-01 09:05 – 09:10 UTC", "150 %", "forecast, exceeded with probability 0.1", "keys start – 40", "axis 0 – 25 %, now in partition 1"]);
  assert.match(lines(heat, { column: 0, row: 1 }).join(), /0 %: no load/);
  assert.match(lines(heat, { column: 2, row: 1 }).join(), /no data,nothing is forecast here/);
  const hours = prepare(heatmap({ bin_ms: 12 * BIN, forecast_note: "made up", metric: "bytes", values: heat.doc.share, share: undefined }));
  assert.match(lines(hours, { column: 0, row: 0 }).join(), /0\.5 B\/s,the highest five minutes of 1 h/);
  assert.match(lines(hours, { column: 2, row: 0 }).join(), /made up/);
});

test("the file has what is in view, with unknown as empty", () => {
  const rows = csvText(heat, WHOLE).trim().split("\n");
  assert.equal(rows.length, 1 + 4 * 3);
  assert.equal(rows[0], "start_ms,end_ms,kind,key_start_hex,key_end_hex,axis_from,axis_to,share_of_partition_capacity,quantile");
  assert.equal(rows[3], `${NOW - 2 * BIN},${NOW - BIN},past,80,,0.5,1,,`);
  assert.equal(rows[10], `${NOW + BIN},${NOW + 2 * BIN},forecast,,40,0,0.25,1.5,0.9`);
  const part = csvText(heat, { from: NOW, until: NOW + BIN, low: 0.3, high: 0.4 }).trim().split("\n");
  assert.deepEqual(part.slice(1), [`${NOW},${NOW + BIN},forecast,40,80,0.25,0.5,,0.9`]);
});

test("a strip shows load, or what is refused of it", () => {
  const partition = { id: 1, from: 0, to: 1, share: [0.5, 1.2, null], refused: [0, 0.25, null] };
  assert.equal(worst(measureOf("share").of(partition)), 1.2);
  assert.equal(worst(measureOf("throttles").of(partition)), 0.25);
  assert.equal(worst([null, null]), null);
});
