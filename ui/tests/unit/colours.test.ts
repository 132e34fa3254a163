// The heat map's colours, and where a value lies on their ramp.

import assert from "node:assert/strict";
import { test } from "node:test";
import { place, prepare, shade, unplace } from "../../src/heat/data";
import { type Rgb, STEPS, colour, ramp } from "../../src/palette";
import { heatmap } from "./made";

/** Relative luminance after WCAG 2. */
function luminance([r, g, b]: Rgb): number {
  const linear = (c: number) => (c <= 10 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
}

for (const dark of [true, false]) {
  test(`the ramp rises throughout on a ${dark ? "dark" : "light"} page (there: falls in lightness)`, () => {
    for (let step = 1; step <= 64; step++) {
      const more = luminance(colour(step / 64, dark)) - luminance(colour((step - 1) / 64, dark));
      assert.ok(dark ? more > 0 : more < 0, `at ${step}`);
    }
    const far = Math.abs(luminance(colour(1, dark)) - luminance(colour(0, dark)));
    assert.ok(far > 0.6, `only ${far} from end to end`);
  });

  test(`no load and no data are no colours of the ramp on a ${dark ? "dark" : "light"} page`, () => {
    const { colours, zero, none } = ramp(dark);
    assert.equal(colours.length, STEPS * 3);
    for (let step = 0; step < STEPS; step++) {
      const of = [...colours.subarray(step * 3, step * 3 + 3)];
      assert.notDeepEqual(of, zero);
      assert.notDeepEqual(of, none);
    }
  });
}

test("what is beyond the ends has the colour of the end", () => {
  assert.deepEqual(colour(-1, true), colour(0, true));
  assert.deepEqual(colour(7, false), colour(1, false));
});

test("a share is absolute: its ramp ends at one partition's capacity, whatever is shown", () => {
  const heat = prepare(heatmap({ share: [[0.01, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]] }));
  const log = shade(heat, true, false), linear = shade(heat, false, false);
  assert.equal(place(1, log), 1);
  assert.equal(place(3, log), 1);
  assert.equal(place(1 / 2000, log), 0);
  assert.ok(Math.abs(place(Math.sqrt(1 / 2000), log) - 0.5) < 1e-9);
  assert.equal(place(0.25, linear), 0.25);
  for (const t of [0, 0.3, 1]) for (const of of [log, linear]) assert.ok(Math.abs(place(unplace(t, of), of) - t) < 1e-9);
});

test("if it is asked for, the ramp ends at the highest cell", () => {
  const heat = prepare(heatmap({ share: [[0.01, 0, 0], [0, 0, 0.04], [0, 0, 0], [0, 0, 0]] }));
  assert.equal(place(0.04, shade(heat, false, true)), 1);
  assert.equal(place(0.01, shade(heat, false, true)), 0.25);
  assert.equal(shade(heat, true, true).low, 0.04 / 2000);
});

test("a metric without capacity goes up to the highest cell", () => {
  const values = [[0, 0, 0], [0, 500, 0], [0, 0, 0], [0, 0, 0]];
  assert.equal(shade(prepare(heatmap({ metric: "bytes", share: undefined, values })), false, false).high, 500);
  assert.equal(shade(prepare(heatmap({ metric: "bytes", share: undefined, values: values.map((c) => c.map(() => null)) })), false, false).high, 1);
  assert.equal(shade(prepare(heatmap({ metric: "write_units" })), false, false).high, 1000);
});
