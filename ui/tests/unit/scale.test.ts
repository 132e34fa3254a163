// Where moments and keys lie in the picture.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Scale, ticks } from "../../src/heat/scale";

const HOUR = 3_600_000;
const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-6 * Math.max(1, Math.abs(b)), `${a} is not ${b}`);
const scale = (from: number, until: number, now: number, low = 0, high = 1) => new Scale({ from, until, low, high }, now, 50, 20, 1000, 400);

test("the coming hour keeps a fifth of the width, however long the past", () => {
  near(scale(-672 * HOUR, HOUR, 0).nowX, 50 + 800);
  // What is more than a fifth by itself gets what it is.
  near(scale(-HOUR, HOUR, 0).nowX, 50 + 500);
});

test("a moment and its place are each other's", () => {
  const zoomed = scale(-10 * HOUR, HOUR, 0);
  for (const ms of [-10 * HOUR, -1.5 * HOUR, 0, 0.3 * HOUR, HOUR]) near(zoomed.ms(zoomed.x(ms)) + 1e9, ms + 1e9);
  near(zoomed.x(-10 * HOUR), 50);
  near(zoomed.x(0), zoomed.nowX);
  near(zoomed.x(HOUR), zoomed.right);
});

test("a view without past or without forecast has one scale", () => {
  near(scale(HOUR, 2 * HOUR, 0).nowX, 50);
  near(scale(HOUR, 2 * HOUR, 0).x(1.5 * HOUR), 550);
  near(scale(-2 * HOUR, -HOUR, 0).nowX, 1050);
  near(scale(-2 * HOUR, -HOUR, 0).x(-1.5 * HOUR), 550);
});

test("keys go from top to bottom, also when zoomed", () => {
  const zoomed = scale(0, HOUR, 0, 0.25, 0.75);
  near(zoomed.y(0.25), 20);
  near(zoomed.y(0.5), 220);
  near(zoomed.at(zoomed.y(0.6)), 0.6);
  assert.ok(zoomed.inside(50, 20) && zoomed.inside(1050, 420) && !zoomed.inside(49, 30) && !zoomed.inside(60, 421));
});

test("ticks are round, inside, and not too many", () => {
  const from = Date.UTC(2024, 4, 1, 6, 7), until = from + 5 * HOUR;
  const hours = ticks(from, until, 6);
  assert.deepEqual(hours.map((ms) => new Date(ms).toISOString().slice(11, 16)), ["07:00", "08:00", "09:00", "10:00", "11:00"]);
  for (const [span, count] of [[HOUR, 6], [30 * 24 * HOUR, 8], [400 * 24 * HOUR, 3]] as const) {
    const found = ticks(from, from + span, count);
    assert.ok(found.every((ms) => ms >= from && ms <= from + span));
    if (span < 100 * 24 * HOUR) assert.ok(found.length >= 1 && found.length <= count + 1, `${found.length} of ${count}`);
  }
});
