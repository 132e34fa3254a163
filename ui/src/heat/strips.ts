// The coming hour by partition: as it is planned, and if nothing were done. A partition is a band along
// the key axis, a step a block in it; what is above capacity, or would be refused, is framed.

import type { AheadPartition } from "../api";
import { percent } from "../format";
import type { Metric } from "../state";
import { colour, cssColour } from "../palette";
import { type Theme, font } from "./overlay";
import type { Window } from "./scale";

export interface Strip { title: string; partitions: AheadPartition[]; dashed: boolean; measure: Measure }

/** What a strip shows of a partition, by step, and from where on it is framed. */
export interface Measure {
  of: (partition: AheadPartition) => (number | null)[];
  limit: number;
  about: string;
  beyond: string;
  /** Behind the number on a band. */
  word: string;
}

const LOAD: Measure = { of: (p) => p.share, limit: 1, about: "as a share of capacity", beyond: "above capacity", word: "" };
const REFUSED: Measure = {
  of: (p) => p.refused, limit: 0, about: "as the part of its load that would be refused", beyond: "refusing", word: " refused",
};

export const measureOf = (metric: Metric): Measure => (metric === "throttles" ? REFUSED : LOAD);

const LABEL_HEIGHT = 17;

/** The ramp of partitions is linear to 100 %: what is full is as light (or dark) as it gets. */
export const bandColour = (share: number, dark: boolean): string => cssColour(colour(Math.min(share, 1), dark));

export const worst = (steps: (number | null)[]): number | null =>
  steps.reduce<number | null>((most, s) => (s == null ? most : Math.max(most ?? 0, s)), null);

export function drawStrip(
  context: CanvasRenderingContext2D, strip: Strip, window: Window, look: Theme, dark: boolean,
  left: number, top: number, width: number, height: number,
): void {
  const y = (at: number) => top + ((at - window.low) / (window.high - window.low)) * height;
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.fillStyle = look.line;
  context.fillRect(left, top, width, height);
  for (const partition of strip.partitions) {
    const y0 = Math.max(y(partition.from), top), y1 = Math.min(y(partition.to), top + height);
    if (y1 <= y0) continue;
    const steps = strip.measure.of(partition);
    const { length } = steps;
    steps.forEach((share, step) => {
      if (share == null) return;
      const x0 = left + (step / length) * width, x1 = left + ((step + 1) / length) * width;
      context.fillStyle = bandColour(share, dark);
      context.fillRect(x0, y0, x1 - x0 + 0.5, y1 - y0);
    });
    context.beginPath();
    context.moveTo(left, y1);
    context.lineTo(left + width, y1);
    context.strokeStyle = strip.dashed && partition.id == null ? look.planned : look.boundary;
    context.setLineDash(strip.dashed && partition.id == null ? [7, 5] : []);
    context.lineWidth = 1.4;
    context.stroke();
    context.setLineDash([]);
  }
  for (const partition of strip.partitions) {
    const most = worst(strip.measure.of(partition));
    const beyond = most != null && most > strip.measure.limit;
    const y0 = Math.max(y(partition.from), top), y1 = Math.min(y(partition.to), top + height);
    if (y1 - y0 < 1) continue;
    if (beyond) {
      context.strokeStyle = look.over;
      context.lineWidth = 3;
      context.strokeRect(left + 2, y0 + 2, width - 4, Math.max(y1 - y0 - 4, 1));
    }
    if (y1 - y0 >= LABEL_HEIGHT * look.enlarged) label(context, partition, percent(most) + strip.measure.word, beyond, look, dark, left, width, (y0 + y1) / 2);
  }
  context.restore();
}

function label(
  context: CanvasRenderingContext2D, partition: AheadPartition, said: string, beyond: boolean, look: Theme, dark: boolean,
  left: number, width: number, middle: number,
): void {
  const name = partition.id == null ? "" : `p${partition.id} `;
  const full = name + said;
  context.font = font(look, 600);
  const text = context.measureText(full).width + 14 < width ? full : said;
  const wide = context.measureText(text).width + 10;
  if (wide > width) return;
  context.fillStyle = beyond ? look.over : look.panel;
  context.beginPath();
  context.roundRect(left + width / 2 - wide / 2, middle - (LABEL_HEIGHT * look.enlarged) / 2, wide, LABEL_HEIGHT * look.enlarged, 4);
  context.fill();
  context.fillStyle = beyond ? (dark ? "#000" : "#fff") : look.text;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, left + width / 2, middle + 0.5);
}
