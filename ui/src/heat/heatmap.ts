// The heat map as a part of the page: canvases, pointer, keyboard, and what they change in the view.

import type { Anomaly, Heatmap } from "../api";
import { css, fill, h, say } from "../dom";
import { clock } from "../format";
import { type Ramp, ramp } from "../palette";
import type { View } from "../state";
import { type Heat, type Shade, columnAt, prepare, rowAt, shade, valueAt } from "./data";
import { type Cell, METRIC_NAMES, exact, interval, lines } from "./describe";
import { csv, png } from "./export";
import { legend } from "./legend";
import * as over from "./overlay";
import { hatch, paint } from "./paint";
import { Scale, type Window } from "./scale";
import { type Strip, drawStrip, measureOf, worst } from "./strips";
import { heatTable } from "./table";

const LEFT = 56, TOP = 24, BOTTOM = 28, RIGHT = 6;
const STRIP_GAP = 14;
const DRAG_MIN_PX = 6;
const ZOOM = 2;

export class HeatMap {
  readonly element: HTMLElement;
  private readonly base = h("canvas", { class: "heat-base" });
  private readonly top = h("canvas", { class: "heat-top" });
  private readonly strips = h("canvas", { class: "heat-strips", role: "img" });
  private readonly stage: HTMLElement;
  private readonly frame: HTMLElement;
  private readonly tip = h("div", { class: "tip", "aria-hidden": "true" });
  private readonly live = h("div", { class: "sr", "aria-live": "polite" });
  private readonly pinned = h("div", { class: "pinned" });
  private readonly none = h("p", { class: "no-history", hidden: true });
  private readonly keyOf = h("div", { class: "legend" });
  private readonly tableBox = h("div", {});
  private readonly image = new OffscreenCanvas(1, 1);
  private heat: Heat | null = null;
  private scale: Scale | null = null;
  private look = over.theme();
  private colours: Ramp = ramp(true);
  private dark = true;
  private anomalies: Anomaly[] = [];
  private cursor: Cell | null = null;
  private drag: { x: number; y: number; toX: number; toY: number } | null = null;
  private byKey = false;

  constructor(private view: View, private readonly change: (changes: Partial<View>) => void) {
    this.stage = h("div", {
      class: "stage", tabindex: 0, role: "application", "aria-roledescription": "heat map",
      "aria-label": "Load over time and key axis, with the forecast", "aria-describedby": "heat-help",
    }, this.base, this.top, this.tip);
    this.frame = h("div", { class: "heat-frame" }, this.stage, h("div", { class: "strips" }, this.strips));
    this.element = h("div", { class: "heat" }, this.none, this.frame, this.tableBox, this.keyOf, this.pinned, this.live,
      h("p", { id: "heat-help", class: "sr" },
        "Arrow keys move from cell to cell, with shift by ten. Enter pins a cell. Plus and minus zoom, Escape goes back, "
        + "N goes to now, L changes the scale. The table button shows the same as a table."));
    this.stage.addEventListener("pointermove", (e) => this.moved(e));
    this.stage.addEventListener("pointerdown", (e) => this.pressed(e));
    this.stage.addEventListener("pointerup", (e) => this.released(e));
    this.stage.addEventListener("pointercancel", () => { this.drag = null; this.drawTop(); });
    this.stage.addEventListener("pointerleave", () => { if (!this.drag && !this.byKey) this.point(null); });
    this.stage.addEventListener("dblclick", () => this.zoom(null));
    this.stage.addEventListener("keydown", (e) => this.typed(e));
    this.stage.addEventListener("blur", () => { this.byKey = false; this.point(null); });
    new ResizeObserver(() => this.draw()).observe(this.frame);
  }

  /** New data, or another view of it. */
  show(doc: Heatmap | null, anomalies: Anomaly[], view: View): void {
    this.view = view;
    this.anomalies = anomalies;
    if (doc) this.heat = prepare(doc);
    this.draw();
  }

  restyle(dark: boolean): void {
    this.dark = dark;
    this.look = over.theme();
    this.colours = ramp(dark);
    this.draw();
  }

  get window(): Window {
    const heat = this.heat;
    const { from, until, low, high } = this.view;
    const first = heat?.first ?? 0, last = heat?.last ?? 1;
    return { from: from ?? first, until: Math.max(until ?? last, (from ?? first) + 1), low, high };
  }

  async savePng(): Promise<void> {
    if (!this.heat) return;
    this.point(null);
    await png(this.heat, [this.base, this.top, this.strips], css("--panel"));
  }

  saveCsv(): void {
    if (this.heat) csv(this.heat, this.window);
  }

  private draw(): void {
    const heat = this.heat;
    const asTable = this.view.as === "table";
    this.look.enlarged = over.enlarged();
    // Without one past column there is nothing to see; a zoom into the future is no such case.
    const none = !!heat && heat.doc.past_columns === 0 && this.view.from == null;
    this.none.hidden = !none;
    this.frame.hidden = this.keyOf.hidden = asTable || none;
    if (!heat) return;
    if (none) say(this.none, "No history yet: the first bin comes after 5 minutes.");
    const shading = shade(heat, this.view.scale === "log", this.view.full === "highest");
    if (none) fill(this.tableBox);
    else if (asTable) fill(this.tableBox, heatTable(heat, this.window));
    else {
      fill(this.tableBox);
      legend(this.keyOf, heat, shading, this.colours);
      this.drawBase(heat, shading);
      this.drawStrips(heat);
      this.drawTop();
    }
    this.showPinned(heat);
  }

  /** Room for the axes: left, above, below. */
  private margins(): [number, number, number] {
    const { enlarged } = this.look;
    return [LEFT * enlarged, TOP * enlarged, BOTTOM * enlarged];
  }

  private drawBase(heat: Heat, shading: Shade): void {
    const width = this.stage.clientWidth, height = this.stage.clientHeight;
    if (width < 80 || height < 80) return;
    const ratio = devicePixelRatio || 1;
    const context = fit(this.base, width, height, ratio);
    if (!context) return;
    const [left, top, bottom] = this.margins();
    this.scale = new Scale(this.window, heat.now, left, top, width - left - RIGHT, height - top - bottom);
    const scale = this.scale;
    paint(heat, scale, shading, this.colours, ratio, this.image);
    context.drawImage(this.image, scale.left, scale.top, scale.width, scale.height);
    hatch(context, scale, this.look.hatch);
    if (!heat.foretold) over.notForecast(context, scale, this.look);
    over.boundaries(context, heat, scale, this.look);
    over.planned(context, heat, scale, this.look);
    over.anomalies(context, this.anomalies, heat, scale, this.look);
    over.nowLine(context, scale, this.look);
    over.axes(context, scale, this.look);
  }

  private drawStrips(heat: Heat): void {
    const { ahead } = heat.doc;
    const box = this.strips.parentElement ? this.strips.getBoundingClientRect() : null;
    if (!box || box.width < 60) return;
    const context = fit(this.strips, box.width, box.height, devicePixelRatio || 1);
    if (!context) return;
    const narrow = box.height < this.stage.clientHeight - 1;
    const measure = measureOf(heat.doc.metric);
    const two: Strip[] = [
      { title: ahead.actions.length ? "as planned" : "as it is", partitions: ahead.planned, dashed: true, measure },
      { title: "if nothing were done", partitions: ahead.unchanged, dashed: false, measure },
    ];
    const width = (box.width - STRIP_GAP) / 2;
    const [, top, bottom] = this.margins();
    const height = box.height - top - (narrow ? 4 : bottom);
    const said: string[] = [];
    two.forEach((strip, i) => {
      const left = i * (width + STRIP_GAP);
      context.font = over.font(this.look, 600);
      context.fillStyle = this.look.dim;
      context.textAlign = "left";
      context.textBaseline = "bottom";
      context.fillText(strip.title, left, top - 5, width);
      drawStrip(context, strip, this.window, this.look, this.dark, left, top, width, height);
      const many = strip.partitions.filter((p) => (worst(measure.of(p)) ?? 0) > measure.limit).length;
      said.push(`${strip.title}: ${strip.partitions.length} partitions, ${many} of them ${measure.beyond}`);
      if (!narrow && ahead.times_ms.length) {
        context.font = over.font(this.look);
        context.textBaseline = "top";
        context.fillText(clock(ahead.times_ms[0]), left, top + height + 7);
        context.textAlign = "right";
        const last = ahead.times_ms[ahead.times_ms.length - 1] + ahead.step_ms;
        context.fillText(clock(last), left + width, top + height + 7);
      }
    });
    this.strips.setAttribute("aria-label", `The coming hour by partition, ${measure.about}. ${said.join("; ")}.`);
  }

  private drawTop(): void {
    const { scale, heat } = this;
    if (!scale || !heat) return;
    const context = fit(this.top, this.stage.clientWidth, this.stage.clientHeight, devicePixelRatio || 1);
    if (!context) return;
    const pin = this.pinCell(heat);
    if (pin) over.cell(context, this.box(heat, scale, pin), this.look.pin, this.look.halo);
    if (this.drag) {
      const box = this.dragBox(scale, this.drag);
      over.band(context, box, this.look);
    } else if (this.cursor) {
      const box = this.box(heat, scale, this.cursor);
      over.crosshair(context, box.left + box.width / 2, box.top + box.height / 2, scale, this.look);
      over.cell(context, box, this.look.boundary, this.look.halo);
    }
  }

  private box(heat: Heat, scale: Scale, { column, row }: Cell): over.Box {
    const cell = heat.doc.cells[row];
    const left = scale.x(heat.starts[column]), top = scale.y(cell.from);
    return { left, top, width: scale.x(heat.ends[column]) - left, height: scale.y(cell.to) - top };
  }

  private dragBox(scale: Scale, drag: { x: number; y: number; toX: number; toY: number }): over.Box {
    const wide = Math.abs(drag.toX - drag.x) >= DRAG_MIN_PX, high = Math.abs(drag.toY - drag.y) >= DRAG_MIN_PX * 3;
    const clampX = (x: number) => Math.min(Math.max(x, scale.left), scale.right);
    const clampY = (y: number) => Math.min(Math.max(y, scale.top), scale.bottom);
    const x0 = wide ? clampX(Math.min(drag.x, drag.toX)) : scale.left;
    const x1 = wide ? clampX(Math.max(drag.x, drag.toX)) : scale.right;
    const y0 = high ? clampY(Math.min(drag.y, drag.toY)) : scale.top;
    const y1 = high ? clampY(Math.max(drag.y, drag.toY)) : scale.bottom;
    return { left: x0, top: y0, width: x1 - x0, height: y1 - y0 };
  }

  private cellAt(x: number, y: number): Cell | null {
    const { scale, heat } = this;
    if (!scale || !heat || !scale.inside(x, y)) return null;
    const column = columnAt(heat, scale.ms(x)), row = rowAt(heat, scale.at(y));
    return column < 0 || row < 0 ? null : { column, row };
  }

  private place(event: PointerEvent): { x: number; y: number } {
    const box = this.stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  private moved(event: PointerEvent): void {
    const { x, y } = this.place(event);
    if (this.drag) {
      this.drag.toX = x;
      this.drag.toY = y;
      this.tip.hidden = true;
      this.drawTop();
      return;
    }
    this.byKey = false;
    this.point(this.cellAt(x, y), x, y);
  }

  private pressed(event: PointerEvent): void {
    const { x, y } = this.place(event);
    if (event.button !== 0 || !this.scale?.inside(x, y)) return;
    this.stage.setPointerCapture(event.pointerId);
    this.drag = { x, y, toX: x, toY: y };
  }

  private released(event: PointerEvent): void {
    const { drag, scale, heat } = this;
    this.drag = null;
    if (!drag || !scale || !heat) return;
    const { x, y } = this.place(event);
    const far = Math.max(Math.abs(x - drag.x), Math.abs(y - drag.y));
    if (far < DRAG_MIN_PX) {
      const cell = this.cellAt(x, y);
      if (cell) this.pin(heat, cell);
      return;
    }
    const box = this.dragBox(scale, { ...drag, toX: x, toY: y });
    this.zoom({
      from: Math.round(scale.ms(box.left)), until: Math.round(scale.ms(box.left + box.width)),
      low: scale.at(box.top), high: scale.at(box.top + box.height),
    });
  }

  /** Shows a part; `null` for all. What goes beyond the ends stays inside them. */
  private zoom(to: Window | null): void {
    const heat = this.heat;
    if (!to || !heat) {
      this.change({ from: null, until: null, low: 0, high: 1 });
      return;
    }
    const whole = to.from <= heat.first && to.until >= heat.last;
    const shortest = 2 * heat.doc.forecast_bin_ms || 600_000;
    const middle = (to.from + to.until) / 2;
    const from = Math.min(to.from, Math.round(middle - shortest / 2)), until = Math.max(to.until, Math.round(middle + shortest / 2));
    this.change({
      from: whole ? null : Math.max(from, Math.min(this.view.from ?? heat.first, heat.first)),
      until: whole ? null : Math.min(until, heat.last),
      low: Math.max(to.low, 0), high: Math.min(Math.max(to.high, to.low + 1e-6), 1),
    });
  }

  private pin(heat: Heat, cell: Cell): void {
    const { from, to } = heat.doc.cells[cell.row];
    const pin = { ms: heat.starts[cell.column], at: (from + to) / 2 };
    const same = this.pinCell(heat);
    this.change({ pin: same && same.column === cell.column && same.row === cell.row ? null : pin });
  }

  private pinCell(heat: Heat): Cell | null {
    const { pin } = this.view;
    if (!pin) return null;
    const column = columnAt(heat, pin.ms), row = rowAt(heat, pin.at);
    return column < 0 || row < 0 ? null : { column, row };
  }

  private point(cell: Cell | null, x?: number, y?: number): void {
    const { heat, scale } = this;
    this.cursor = cell;
    this.drawTop();
    this.tip.hidden = !cell;
    if (!cell || !heat || !scale) return;
    const said = lines(heat, cell);
    fill(this.tip, ...said.map((line, i) => h("div", { class: i === 1 ? "strong" : i > 2 ? "dim" : "" }, line)));
    const box = this.box(heat, scale, cell);
    const px = x ?? box.left + box.width / 2, py = y ?? box.top + box.height;
    const width = this.tip.offsetWidth, height = this.tip.offsetHeight;
    this.tip.style.left = `${Math.max(0, Math.min(px + 14, this.stage.clientWidth - width - 4))}px`;
    this.tip.style.top = `${py + 18 + height > this.stage.clientHeight ? Math.max(py - height - 12, 0) : py + 18}px`;
    if (this.byKey) say(this.live, said.join(". "));
  }

  private showPinned(heat: Heat): void {
    const cell = this.pinCell(heat);
    this.pinned.hidden = !cell;
    if (!cell) return;
    const said = lines(heat, cell);
    const { partition } = heat.doc.cells[cell.row];
    fill(this.pinned, h("span", { class: "pin-mark", "aria-hidden": "true" }),
      h("strong", {}, exact(heat, valueAt(heat, cell.column, cell.row))), h("span", {}, interval(heat, cell.column)),
      ...said.slice(2).map((line) => h("span", { class: "dim" }, line)),
      partition == null ? null : h("button", {
        type: "button", "data-key": "pin-open", onclick: () => this.change({ page: "partition", partition }),
      }, `Open partition ${partition}`),
      h("button", { type: "button", "data-key": "pin-off", onclick: () => this.change({ pin: null }) }, "Unpin"));
  }

  private typed(event: KeyboardEvent): void {
    const { heat, scale } = this;
    if (!heat || !scale || event.ctrlKey || event.metaKey || event.altKey) return;
    const far = event.shiftKey ? 10 : 1;
    const { from, until, low, high } = this.window;
    const at = this.cursor ?? this.pinCell(heat) ?? this.start(heat);
    const move = (columns: number, rows: number) => {
      this.byKey = true;
      const first = Math.max(columnAt(heat, from), 0), last = columnAt(heat, until - 1);
      const top = Math.max(rowAt(heat, low), 0), bottom = rowAt(heat, high - 1e-9);
      const clamp = (x: number, a: number, b: number) => Math.min(Math.max(x, a), Math.max(a, b));
      const fresh = this.cursor == null;
      this.point({
        column: clamp(at.column + (fresh ? 0 : columns), first, last < 0 ? heat.columns - 1 : last),
        row: clamp(at.row + (fresh ? 0 : rows), top, bottom < 0 ? heat.rows - 1 : bottom),
      });
    };
    const around = (factor: number) => {
      const ms = (heat.starts[at.column] + heat.ends[at.column]) / 2;
      const cell = heat.doc.cells[at.row], place = (cell.from + cell.to) / 2;
      const time = (until - from) / factor, keys = Math.min((high - low) / factor, 1);
      const start = Math.max(Math.min(ms - time / 2, heat.last - time), heat.first);
      const lowest = Math.max(Math.min(place - keys / 2, 1 - keys), 0);
      this.zoom({ from: Math.round(start), until: Math.round(start + time), low: lowest, high: lowest + keys });
    };
    switch (event.key) {
      case "ArrowLeft": move(-far, 0); break;
      case "ArrowRight": move(far, 0); break;
      case "ArrowUp": move(0, -far); break;
      case "ArrowDown": move(0, far); break;
      case "Home": move(-heat.columns, 0); break;
      case "End": move(heat.columns, 0); break;
      case "n": case "N": this.cursor = { ...at, column: Math.min(heat.doc.past_columns, heat.columns - 1) }; move(0, 0); break;
      case "Enter": case " ": this.pin(heat, at); break;
      case "+": case "=": around(ZOOM); break;
      case "-": case "_": around(1 / ZOOM); break;
      case "l": case "L": this.change({ scale: this.view.scale === "log" ? "linear" : "log" }); break;
      case "Escape": this.escape(); break;
      default: return;
    }
    event.preventDefault();
  }

  /** One thing back: the cursor, then the zoom, then the pin. */
  private escape(): void {
    if (this.cursor) { this.byKey = false; this.point(null); }
    else if (this.view.from != null || this.view.low > 0 || this.view.high < 1) this.zoom(null);
    else if (this.view.pin) this.change({ pin: null });
  }

  /** Where the cursor begins: at the hottest cell of the newest past column. */
  private start(heat: Heat): Cell {
    const column = Math.max(Math.min(heat.doc.past_columns, heat.columns) - 1, 0);
    let row = 0, most = -1;
    for (let r = 0; r < heat.rows; r++) {
      const value = valueAt(heat, column, r) ?? -1;
      if (value > most) { most = value; row = r; }
    }
    return { column, row };
  }
}

export const metricName = (view: View): string => METRIC_NAMES[view.metric];

/** A canvas of this size in CSS pixels, cleared; sharp on every screen. */
function fit(canvas: HTMLCanvasElement, width: number, height: number, ratio: number): CanvasRenderingContext2D | null {
  const w = Math.round(width * ratio), hgt = Math.round(height * ratio);
  if (canvas.width !== w || canvas.height !== hgt) {
    canvas.width = w;
    canvas.height = hgt;
  }
  const context = canvas.getContext("2d");
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  context?.clearRect(0, 0, width, height);
  return context;
}
