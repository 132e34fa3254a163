// What lies over the cells: axes, partition boundaries as lines in time, planned boundaries, anomalies,
// "now", the pinned cell and the cross-hair.

import { place } from "../anomalies";
import type { Anomaly } from "../api";
import { clock, date } from "../format";
import { css } from "../dom";
import type { Heat } from "./data";
import { ticks, type Scale } from "./scale";

export interface Theme {
  text: string; dim: string; line: string; panel: string; boundary: string; halo: string; now: string;
  planned: string; anomaly: string; over: string; hatch: string; pin: string; enlarged: number;
}

export function theme(): Theme {
  const of = (name: string) => css("--heat-" + name);
  return {
    text: css("--text"), dim: css("--dim"), line: css("--line"), panel: css("--panel"),
    boundary: of("boundary"), halo: of("halo"), now: of("now"), planned: of("planned"), anomaly: of("anomaly"),
    over: of("over"), hatch: of("hatch"), pin: of("pin"), enlarged: enlarged(),
  };
}

const TEXT_PX = 12, BODY_PX = 14;

/** How much larger than usual text is: on large screens the page is, and the picture with it. */
export const enlarged = (): number => parseFloat(getComputedStyle(document.body).fontSize) / BODY_PX;

export const font = (look: Theme, weight = 400): string => `${weight} ${TEXT_PX * look.enlarged}px Inter, system-ui, sans-serif`;
type Context = CanvasRenderingContext2D;

function clipped(context: Context, scale: Scale, draw: () => void): void {
  context.save();
  context.beginPath();
  context.rect(scale.left, scale.top, scale.width, scale.height);
  context.clip();
  draw();
  context.restore();
}

/** A line with a darker (or lighter) seam, visible on every colour of the ramp. */
function stroke(context: Context, colour: string, halo: string, width: number, dash: number[] = []): void {
  context.setLineDash([]);
  context.strokeStyle = halo;
  context.lineWidth = width + 2;
  context.stroke();
  context.setLineDash(dash);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
  context.setLineDash([]);
}

export function boundaries(context: Context, heat: Heat, scale: Scale, look: Theme): void {
  const { maps } = heat.doc;
  clipped(context, scale, () => {
    context.beginPath();
    maps.forEach((map, at) => {
      const from = scale.x(Math.max(map.at_ms, scale.window.from));
      const until = scale.x(Math.min(maps[at + 1]?.at_ms ?? scale.window.until, scale.window.until));
      if (until <= scale.left) return;
      for (const boundary of map.boundaries) {
        context.moveTo(from, scale.y(boundary));
        context.lineTo(until, scale.y(boundary));
      }
      // A change is a fork: the new boundaries hang on a short upright at the moment it happened.
      const before = maps[at - 1]?.boundaries;
      if (before && from > scale.left) fork(context, from, before, map.boundaries, scale);
    });
    stroke(context, look.boundary, look.halo, 1.4);
  });
}

/** The uprights between boundaries that came and went and their nearest neighbours. */
function fork(context: Context, x: number, before: number[], after: number[], scale: Scale): void {
  const edges = [0, ...before.filter((b) => after.includes(b)), 1];
  for (const changed of [...after.filter((b) => !before.includes(b)), ...before.filter((b) => !after.includes(b))]) {
    const above = Math.max(...edges.filter((e) => e < changed));
    const below = Math.min(...edges.filter((e) => e > changed));
    const reach = Math.min(changed - above, below - changed) / 3;
    context.moveTo(x, scale.y(changed - reach));
    context.lineTo(x, scale.y(changed + reach));
  }
}

export function planned(context: Context, heat: Heat, scale: Scale, look: Theme): void {
  const { actions } = heat.doc.ahead;
  clipped(context, scale, () => {
    context.beginPath();
    for (const action of actions) {
      for (const boundary of action.boundaries) {
        context.moveTo(scale.nowX, scale.y(boundary));
        context.lineTo(scale.right, scale.y(boundary));
      }
    }
    stroke(context, look.planned, look.halo, 2, [7, 5]);
  });
}

export function nowLine(context: Context, scale: Scale, look: Theme): void {
  if (scale.nowX <= scale.left || scale.nowX >= scale.right) return;
  context.beginPath();
  context.moveTo(scale.nowX, scale.top - 6);
  context.lineTo(scale.nowX, scale.bottom);
  stroke(context, look.now, look.halo, 2);
  context.font = font(look, 600);
  context.fillStyle = look.now;
  context.textBaseline = "bottom";
  context.textAlign = "right";
  context.fillText("past", scale.nowX - 8, scale.top - 5);
  context.textAlign = "left";
  if (scale.nowX + 8 + context.measureText("forecast").width <= scale.right) context.fillText("forecast", scale.nowX + 8, scale.top - 5);
}

/** Says in the picture that there is no forecast: an empty area could mean no load. */
export function notForecast(context: Context, scale: Scale, look: Theme): void {
  const width = scale.right - scale.nowX;
  const said = "not forecast";
  context.font = font(look, 600);
  const wide = context.measureText(said).width + 16;
  if (width < wide) return;
  const x = scale.nowX + width / 2, y = scale.top + scale.height / 2;
  context.fillStyle = look.panel;
  context.beginPath();
  context.roundRect(x - wide / 2, y - 12 * look.enlarged, wide, 24 * look.enlarged, 4);
  context.fill();
  context.fillStyle = look.text;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(said, x, y);
}

export interface Box { left: number; top: number; width: number; height: number }

/** Where an anomaly lies: its time, and its keys. */
export function anomalyBox(anomaly: Anomaly, heat: Heat, scale: Scale): Box | null {
  const until = anomaly.end_ms ?? heat.doc.now_ms;
  if (until < scale.window.from || anomaly.start_ms > scale.window.until) return null;
  const placed = place(anomaly, heat.doc.cells);
  if (!placed) return null;
  const [low, high] = placed;
  const left = scale.x(Math.max(anomaly.start_ms, scale.window.from));
  const right = Math.max(scale.x(Math.min(until, scale.window.until)), left + 4);
  const top = scale.y(Math.max(low, scale.window.low)), bottom = scale.y(Math.min(high, scale.window.high));
  return bottom <= top ? null : { left, top, width: right - left, height: bottom - top };
}

export function anomalies(context: Context, list: Anomaly[], heat: Heat, scale: Scale, look: Theme): void {
  clipped(context, scale, () => {
    for (const anomaly of list) {
      const box = anomalyBox(anomaly, heat, scale);
      if (!box) continue;
      context.beginPath();
      context.rect(box.left, box.top + 1.5, box.width, box.height - 3);
      stroke(context, look.anomaly, look.halo, 2, anomaly.kind === "drop" ? [2, 3] : []);
    }
  });
}

export function axes(context: Context, scale: Scale, look: Theme): void {
  context.font = font(look);
  context.fillStyle = look.dim;
  context.strokeStyle = look.line;
  context.lineWidth = 1;
  // Where there is no load the picture is as the page is: a frame says where it is.
  context.strokeRect(scale.left - 0.5, scale.top - 0.5, scale.width + 1, scale.height + 1);
  const wide = (px: number) => px * look.enlarged;
  const past = scale.nowX - scale.left, ahead = scale.right - scale.nowX;
  const { from, until } = scale.window;
  context.textBaseline = "top";
  const whole = (ms: number) => ms % 86_400_000 === 0;
  if (past > 30) {
    const long = scale.now - from > 2.5 * 86_400_000;
    let last = -Infinity;
    for (const ms of ticks(from, scale.now, Math.max(past / wide(78), 1))) {
      const x = scale.x(ms);
      if (x < last + wide(62) || x > scale.nowX - wide(36)) continue;
      mark(context, x, scale, whole(ms) || long ? date(ms).slice(5) : clock(ms));
      last = x;
    }
  }
  if (ahead > 30) {
    let last = scale.nowX + (past > 30 ? 8 : -40);
    for (const ms of ticks(scale.now + 1, until, Math.max(ahead / wide(64), 1))) {
      const x = scale.x(ms);
      if (x < last + wide(44) || x > scale.right - wide(16)) continue;
      mark(context, x, scale, clock(ms));
      last = x;
    }
  }
  if (past > 30 && ahead > 30) mark(context, scale.nowX, scale, "now", look.now);
  context.textAlign = "right";
  context.textBaseline = "middle";
  const { low, high } = scale.window;
  for (let i = 0; i <= 4; i++) {
    const at = low + ((high - low) * i) / 4;
    const y = scale.y(at);
    context.fillStyle = look.dim;
    const digits = high - low < 0.05 ? 2 : high - low < 0.5 ? 1 : 0;
    context.fillText(`${(at * 100).toFixed(digits)} %`, scale.left - 8, Math.min(Math.max(y, scale.top + 6), scale.bottom - 6));
  }
}

function mark(context: Context, x: number, scale: Scale, label: string, colour?: string): void {
  context.beginPath();
  context.moveTo(Math.round(x) + 0.5, scale.bottom);
  context.lineTo(Math.round(x) + 0.5, scale.bottom + 4);
  context.stroke();
  context.textAlign = "center";
  const before = context.fillStyle;
  if (colour) context.fillStyle = colour;
  context.fillText(label, x, scale.bottom + 7);
  context.fillStyle = before;
}

export function cell(context: Context, box: Box, colour: string, halo: string): void {
  context.beginPath();
  context.rect(box.left - 1, box.top - 1, Math.max(box.width, 2) + 2, Math.max(box.height, 2) + 2);
  stroke(context, colour, halo, 2);
}

export function crosshair(context: Context, x: number, y: number, scale: Scale, look: Theme): void {
  context.beginPath();
  context.moveTo(x, scale.top);
  context.lineTo(x, scale.bottom);
  context.moveTo(scale.left, y);
  context.lineTo(scale.right, y);
  context.strokeStyle = look.boundary;
  context.globalAlpha = 0.55;
  context.lineWidth = 1;
  context.stroke();
  context.globalAlpha = 1;
}

export function band(context: Context, box: Box, look: Theme): void {
  context.fillStyle = look.pin;
  context.globalAlpha = 0.22;
  context.fillRect(box.left, box.top, box.width, box.height);
  context.globalAlpha = 1;
  context.beginPath();
  context.rect(box.left, box.top, box.width, box.height);
  stroke(context, look.pin, look.halo, 1.5);
}
