// The cells of the heat map as pixels: one image, painted when data, window or colours change, so that
// moving the pointer paints nothing but a cross-hair.

import { type Ramp, STEPS } from "../palette";
import type { Heat, Shade } from "./data";
import type { Scale } from "./scale";

// Dots say "no data"; the forecast is the only thing that is hatched.
const NONE_DOT_PX = 2;
const NONE_DOT_APART_PX = 8;
const HATCH_PX = 9;

/** For every line of pixels the rows that lie in it: one, where cells are higher than a pixel. */
function rowsOfLines(heat: Heat, scale: Scale, lines: number): Int32Array {
  const spans = new Int32Array(lines * 2).fill(-1);
  const { low, high } = scale.window;
  const { cells } = heat.doc;
  let row = 0;
  for (let line = 0; line < lines; line++) {
    const from = low + (line / lines) * (high - low);
    const to = low + ((line + 1) / lines) * (high - low);
    while (row < cells.length && cells[row].to <= from) row++;
    if (row >= cells.length || cells[row].from >= to) continue;
    let last = row;
    while (last + 1 < cells.length && cells[last + 1].from < to - 1e-12) last++;
    // A cell that only begins in the last hundredth of a line belongs to the next one.
    if (last > row && (to - cells[last].from) * lines < 0.01 * (high - low)) last--;
    spans[line * 2] = row;
    spans[line * 2 + 1] = last;
  }
  return spans;
}

/** For every column of pixels the columns that lie in it. */
function columnsOfPixels(heat: Heat, scale: Scale, ratio: number, pixels: number): Int32Array {
  const spans = new Int32Array(pixels * 2).fill(-1);
  let column = 0;
  for (let pixel = 0; pixel < pixels; pixel++) {
    const from = scale.ms(scale.left + pixel / ratio);
    const to = scale.ms(scale.left + (pixel + 1) / ratio);
    while (column < heat.columns && heat.ends[column] <= from) column++;
    if (column >= heat.columns || heat.starts[column] >= to) continue;
    let last = column;
    while (last + 1 < heat.columns && heat.starts[last + 1] < to) last++;
    spans[pixel * 2] = column;
    spans[pixel * 2 + 1] = last;
  }
  return spans;
}

/** The step of the ramp of every value: -1 for nothing known, -2 for none at all. */
function steps(heat: Heat, { low, high, log }: Shade): Int16Array {
  const found = new Int16Array(heat.values.length);
  const factor = log ? (STEPS - 1) / Math.log(high / low) : (STEPS - 1) / high;
  for (let i = 0; i < found.length; i++) {
    const value = heat.values[i];
    if (value !== value) found[i] = -1;
    else if (value === 0) found[i] = -2;
    else {
      const t = log ? (value <= low ? 0 : Math.log(value / low) * factor) : value * factor;
      found[i] = t >= STEPS - 1 ? STEPS - 1 : t;
    }
  }
  return found;
}

/** The highest step in a block; what is known wins over what is not. */
function highest(found: Int16Array, rows: number, c0: number, c1: number, r0: number, r1: number): number {
  let best = -1;
  for (let column = c0; column <= c1; column++) {
    for (let at = column * rows + r0, end = column * rows + r1; at <= end; at++) {
      const step = found[at];
      if (step >= 0 ? step > best : step === -2 && best === -1) best = step;
    }
  }
  return best;
}

/** Packs a colour as canvases keep it on little-endian machines, which all browsers' are. */
const packed = (r: number, g: number, b: number): number => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;

export function paint(heat: Heat, scale: Scale, shade: Shade, ramp: Ramp, ratio: number, canvas: OffscreenCanvas): void {
  const width = Math.max(Math.round(scale.width * ratio), 1);
  const height = Math.max(Math.round(scale.height * ratio), 1);
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) return;
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const colours = new Uint32Array(STEPS);
  for (let i = 0; i < STEPS; i++) colours[i] = packed(ramp.colours[i * 3], ramp.colours[i * 3 + 1], ramp.colours[i * 3 + 2]);
  const zero = packed(...ramp.zero), none = packed(...ramp.none), dot = packed(...ramp.noneDot);
  const lines = rowsOfLines(heat, scale, height);
  const spans = columnsOfPixels(heat, scale, ratio, width);
  const found = steps(heat, shade);
  const wide = Math.max(Math.round(NONE_DOT_PX * ratio), 1), apart = Math.round(NONE_DOT_APART_PX * ratio);
  const { rows } = heat;
  for (let y = 0; y < height; y++) {
    const r0 = lines[y * 2], r1 = lines[y * 2 + 1];
    const line = y * width;
    let known0 = -2, known1 = -2, step = -1;
    for (let x = 0; x < width; x++) {
      const c0 = spans[x * 2], c1 = spans[x * 2 + 1];
      if (c0 !== known0 || c1 !== known1) {
        step = c0 < 0 || r0 < 0 ? -1 : c0 === c1 && r0 === r1 ? found[c0 * rows + r0] : highest(found, rows, c0, c1, r0, r1);
        known0 = c0;
        known1 = c1;
      }
      pixels[line + x] = step >= 0 ? colours[step]
        : step === -2 ? zero : x % apart < wide && y % apart < wide ? dot : none;
    }
  }
  context.putImageData(image, 0, 0);
}

/** Hatches what is forecast, so that nobody takes it for what happened. */
export function hatch(context: CanvasRenderingContext2D, scale: Scale, colour: string): void {
  if (scale.nowX >= scale.right) return;
  context.save();
  context.beginPath();
  context.rect(scale.nowX, scale.top, scale.right - scale.nowX, scale.height);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let x = scale.nowX - scale.height; x < scale.right; x += HATCH_PX) {
    context.moveTo(x, scale.bottom);
    context.lineTo(x + scale.height, scale.top);
  }
  context.stroke();
  context.restore();
}
