// What is seen as a file: the picture as PNG, the numbers as CSV.

import { download } from "../dom";
import type { Heat } from "./data";
import type { Window } from "./scale";

const fileName = (heat: Heat, ending: string): string =>
  `foreshard-${heat.doc.table}-${heat.doc.metric}-${new Date(heat.doc.now_ms).toISOString().slice(0, 16).replaceAll(":", "")}.${ending}`;

/** Puts canvases that lie side by side (or one above the other) into one picture. */
export async function png(heat: Heat, canvases: HTMLCanvasElement[], background: string): Promise<void> {
  const boxes = canvases.map((canvas) => canvas.getBoundingClientRect());
  const ratio = devicePixelRatio || 1;
  const left = Math.min(...boxes.map((b) => b.left)), top = Math.min(...boxes.map((b) => b.top));
  const right = Math.max(...boxes.map((b) => b.right)), bottom = Math.max(...boxes.map((b) => b.bottom));
  const whole = new OffscreenCanvas(Math.ceil((right - left) * ratio), Math.ceil((bottom - top) * ratio));
  const context = whole.getContext("2d");
  if (!context) return;
  context.fillStyle = background;
  context.fillRect(0, 0, whole.width, whole.height);
  canvases.forEach((canvas, i) => {
    if (canvas.width > 0) context.drawImage(canvas, (boxes[i].left - left) * ratio, (boxes[i].top - top) * ratio);
  });
  download(fileName(heat, "png"), await whole.convertToBlob({ type: "image/png" }));
}

/** One line per cell and column in view; an empty value where nothing is known. */
export function csvText(heat: Heat, window: Window): string {
  const unit = heat.doc.metric === "share" ? "share_of_partition_capacity" : `${heat.doc.metric}_per_s`;
  const lines = [`start_ms,end_ms,kind,key_start_hex,key_end_hex,axis_from,axis_to,${unit},quantile`];
  for (let column = 0; column < heat.columns; column++) {
    if (heat.ends[column] <= window.from || heat.starts[column] >= window.until) continue;
    const ahead = column >= heat.doc.past_columns;
    const matrix = heat.doc.share ?? heat.doc.values ?? [];
    heat.doc.cells.forEach((cell, row) => {
      if (cell.to <= window.low || cell.from >= window.high) return;
      const value = matrix[column][row];
      lines.push([
        heat.starts[column], heat.ends[column], ahead ? "forecast" : "past", cell.start, cell.end, cell.from, cell.to,
        value ?? "", ahead ? heat.doc.quantile : "",
      ].join(","));
    });
  }
  return lines.join("\n") + "\n";
}

export function csv(heat: Heat, window: Window): void {
  download(fileName(heat, "csv"), new Blob([csvText(heat, window)], { type: "text/csv" }));
}
