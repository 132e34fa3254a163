// The coming hour by partition: as it is planned, and if nothing were done. A partition is a band along
// the key axis, a step a block in it; what is above capacity is framed.

import type { AheadPartition } from "../api";
import { percent } from "../format";
import { colour, cssColour, luminance } from "../palette";
import { FONT, type Theme } from "./overlay";
import type { Window } from "./scale";

export interface Strip { title: string; partitions: AheadPartition[]; dashed: boolean }

const LABEL_HEIGHT = 17;

/** The ramp of partitions is linear to 100 %: what is full is as light (or dark) as it gets. */
export const bandColour = (share: number, dark: boolean): string => cssColour(colour(Math.min(share, 1), dark));

export const worst = (partition: AheadPartition): number | null =>
  partition.share.reduce<number | null>((most, s) => (s == null ? most : Math.max(most ?? 0, s)), null);

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
    const { length } = partition.share;
    partition.share.forEach((share, step) => {
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
    const most = worst(partition);
    const y0 = Math.max(y(partition.from), top), y1 = Math.min(y(partition.to), top + height);
    if (y1 - y0 < 1) continue;
    if (most != null && most > 1) {
      context.strokeStyle = look.over;
      context.lineWidth = 3;
      context.strokeRect(left + 2, y0 + 2, width - 4, Math.max(y1 - y0 - 4, 1));
    }
    if (y1 - y0 >= LABEL_HEIGHT) label(context, partition, most, look, dark, left, width, (y0 + y1) / 2);
  }
  context.restore();
}

function label(
  context: CanvasRenderingContext2D, partition: AheadPartition, most: number | null, look: Theme, dark: boolean,
  left: number, width: number, middle: number,
): void {
  const name = partition.id == null ? "" : `p${partition.id} `;
  const full = `${name}${percent(most)}`;
  context.font = "600 " + FONT;
  const text = context.measureText(full).width + 14 < width ? full : percent(most);
  const wide = context.measureText(text).width + 10;
  if (wide > width) return;
  const behind = most != null && most > 1 ? look.over : look.panel;
  context.fillStyle = behind;
  context.beginPath();
  context.roundRect(left + width / 2 - wide / 2, middle - 8.5, wide, 17, 4);
  context.fill();
  context.fillStyle = most != null && most > 1 ? (dark ? "#000" : "#fff") : look.text;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, left + width / 2, middle + 0.5);
}

/** Whether black or white is easier to read on a colour; for the swatches of the legend. */
export const ink = (share: number, dark: boolean): string => (luminance(colour(share, dark)) > 0.3 ? "#000" : "#fff");
