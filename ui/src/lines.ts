// Lines over time with uPlot: one look for all charts, UTC, colours from the style sheet.

import uPlot from "uplot";
import { css, h } from "./dom";
import { short } from "./format";

export interface Line {
  label: string;
  colour: string;
  values: (number | null)[];
  dash?: number[];
  width?: number;
  /** Filled down to this other line (its place among the lines). */
  bandTo?: number;
}

const HEIGHT = 200;

export class Chart {
  readonly element = h("div", { class: "chart" });
  private plot: uPlot | null = null;
  private shape = "";
  private data: uPlot.AlignedData = [[]];

  constructor(label: string, private readonly unit: string, private readonly height = HEIGHT) {
    this.element.setAttribute("role", "img");
    this.element.setAttribute("aria-label", label);
    new ResizeObserver(() => {
      const width = this.element.clientWidth;
      if (this.plot && width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: this.height });
    }).observe(this.element);
  }

  /** Draws lines over times in milliseconds; `marks` are moments that get an upright. */
  show(times: number[], lines: Line[], marks: { ms: number; colour: string }[] = []): void {
    this.data = [times.map((ms) => ms / 1000), ...lines.map((line) => line.values)] as uPlot.AlignedData;
    const shape = JSON.stringify([lines.map((l) => [l.label, l.colour, l.dash, l.bandTo]), marks, css("--bg")]);
    if (this.plot && shape === this.shape) {
      this.plot.setData(this.data);
      return;
    }
    this.shape = shape;
    this.plot?.destroy();
    this.plot = new uPlot(this.options(lines, marks), this.data, this.element);
  }

  private options(lines: Line[], marks: { ms: number; colour: string }[]): uPlot.Options {
    const dim = css("--dim"), grid = css("--line");
    const axis = { stroke: dim, font: `${css("--axis")} Inter, system-ui, sans-serif`, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    return {
      width: Math.max(this.element.clientWidth, 200),
      height: this.height,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      cursor: { points: { size: 6 }, y: false },
      legend: { live: true },
      scales: { y: { range: (_u, _low, high) => [0, high > 0 ? high * 1.08 : 1] } },
      axes: [
        { ...axis, values: "{HH}:{mm}", space: 64 },
        { ...axis, size: 58, values: (_u, ticks) => ticks.map((v) => short(v)) },
      ],
      series: [
        { label: "UTC", value: "{YYYY}-{MM}-{DD} {HH}:{mm}" },
        ...lines.map((line) => ({
          label: line.label, stroke: line.colour, width: line.width ?? 1.5, dash: line.dash, points: { show: false },
          value: (_u: uPlot, v: number | null) => (v == null ? "–" : short(v) + this.unit),
        })),
      ],
      bands: lines.flatMap((line, i) => line.bandTo == null ? [] : [{
        series: [i + 1, line.bandTo + 1] as [number, number], fill: translucent(line.colour),
      }]),
      hooks: {
        draw: [(u) => {
          for (const mark of marks) {
            const x = u.valToPos(mark.ms / 1000, "x", true);
            if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
            u.ctx.strokeStyle = mark.colour;
            u.ctx.lineWidth = 1.5 * devicePixelRatio;
            u.ctx.beginPath();
            u.ctx.moveTo(x, u.bbox.top);
            u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
            u.ctx.stroke();
          }
        }],
      },
    };
  }
}

function translucent(hex: string): string {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return `rgba(${r},${g},${b},.22)`;
}

/** A small line without axes for a tile; the newest value is at the right. */
export function sparkline(values: (number | null)[], colourClass: string): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 24");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const known = values.filter((v): v is number => v != null);
  const most = Math.max(...known, 1e-9);
  // Nothing at all has no colour: a red line would say that something is.
  svg.setAttribute("class", `spark ${known.some((v) => v > 0) ? colourClass : "flat"}`);
  const points = values.map((v, i) => `${((i / Math.max(values.length - 1, 1)) * 100).toFixed(2)},${(22 - ((v ?? 0) / most) * 20).toFixed(2)}`);
  for (const [tag, list] of [["polygon", ["0,24", ...points, "100,24"]], ["polyline", points]] as const) {
    const shape = document.createElementNS("http://www.w3.org/2000/svg", tag);
    shape.setAttribute("points", list.join(" "));
    svg.append(shape);
  }
  return svg;
}
