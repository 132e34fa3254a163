// What the colours mean: the ramp with its numbers, none and nothing known, and the lines.

import { fill, h } from "../dom";
import { percent, short } from "../format";
import { type Ramp, STEPS, cssColour } from "../palette";
import type { Heat, Shade } from "./data";
import { unplace } from "./data";
import { whole } from "./describe";

const RAMP_WIDTH = "17em";

function rampCanvas(ramp: Ramp): HTMLCanvasElement {
  const canvas = h("canvas", { class: "ramp", width: STEPS, height: 1, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  const image = context.createImageData(STEPS, 1);
  for (let i = 0; i < STEPS; i++) {
    image.data.set([...ramp.colours.subarray(i * 3, i * 3 + 3), 255], i * 4);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function swatch(kind: string, label: string, ramp?: Ramp): HTMLElement {
  const box = h("span", { class: "swatch " + kind, "aria-hidden": "true" });
  if (ramp && kind === "zero") box.style.background = cssColour(ramp.zero);
  if (ramp && kind === "none") {
    const [ground, dot] = [cssColour(ramp.none), cssColour(ramp.noneDot)];
    box.style.background = `radial-gradient(circle, ${dot} 1.2px, transparent 1.4px) 0 0 / 6px 5px, ${ground}`;
  }
  return h("span", { class: "key" }, box, label);
}

export function legend(element: HTMLElement, heat: Heat, shade: Shade, ramp: Ramp): void {
  const name = (t: number) => {
    const value = unplace(t, shade);
    const text = heat.capacity ? percent(value / heat.capacity) : short(value);
    return t === 0 && shade.log ? `≤ ${text}` : t === 1 && shade.capacity ? `≥ ${text}` : text;
  };
  const at = [0, 0.5, 1];
  const numbers = h("span", { class: "ramp-numbers" }, ...at.map((t) => {
    const mark = h("span", {}, name(t));
    mark.style.left = `${t * 100}%`;
    return mark;
  }));
  const scale = h("span", { class: "ramp-scale" }, rampCanvas(ramp), numbers);
  scale.style.width = RAMP_WIDTH;
  fill(element,
    h("span", { class: "key wide" }, scale, h("span", { class: "dim" }, whole(heat, shade))),
    swatch("zero", "no load", ramp), swatch("none", "no data", ramp),
    swatch("hatched", "forecast"), swatch("boundary", "partition boundary"),
    swatch("planned", "planned boundary"), swatch("anomaly", "anomaly"),
    heat.doc.forecast_note ? h("p", { class: "dim note" }, `Forecast: ${heat.doc.forecast_note}.`) : null);
}
