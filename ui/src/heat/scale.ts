// Where moments and keys lie in the picture. Time has two scales that meet at "now": the coming hour
// keeps a fifth of the width, however long the past that is shown.

export interface Window { from: number; until: number; low: number; high: number }

const FORECAST_WIDTH_MIN = 0.2;

export class Scale {
  private readonly seam: number;
  private readonly seamX: number;

  constructor(
    readonly window: Window, now: number,
    readonly left: number, readonly top: number, readonly width: number, readonly height: number,
  ) {
    const { from, until } = window;
    this.seam = Math.min(Math.max(now, from), until);
    const ahead = (until - this.seam) / Math.max(until - from, 1);
    const both = this.seam > from && until > this.seam;
    this.seamX = left + width * (1 - (both ? Math.max(ahead, FORECAST_WIDTH_MIN) : ahead));
  }

  get right(): number { return this.left + this.width; }
  get bottom(): number { return this.top + this.height; }
  /** Where past and forecast meet. */
  get nowX(): number { return this.seamX; }
  get now(): number { return this.seam; }

  x(ms: number): number {
    const { from, until } = this.window;
    return ms <= this.seam
      ? this.left + ((ms - from) / Math.max(this.seam - from, 1)) * (this.seamX - this.left)
      : this.seamX + ((ms - this.seam) / Math.max(until - this.seam, 1)) * (this.right - this.seamX);
  }

  ms(x: number): number {
    const { from, until } = this.window;
    return x <= this.seamX
      ? from + ((x - this.left) / Math.max(this.seamX - this.left, 1e-9)) * (this.seam - from)
      : this.seam + ((x - this.seamX) / Math.max(this.right - this.seamX, 1e-9)) * (until - this.seam);
  }

  y(at: number): number {
    const { low, high } = this.window;
    return this.top + ((at - low) / (high - low)) * this.height;
  }

  at(y: number): number {
    const { low, high } = this.window;
    return low + ((y - this.top) / this.height) * (high - low);
  }

  inside(x: number, y: number): boolean {
    return x >= this.left && x <= this.right && y >= this.top && y <= this.bottom;
  }
}

const MINUTE = 60_000;
const STEPS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 5760, 10080].map((m) => m * MINUTE);

/** Round moments in a span of time, about `count` of them. */
export function ticks(from: number, until: number, count: number): number[] {
  const step = STEPS.find((s) => (until - from) / s <= count) ?? STEPS[STEPS.length - 1];
  const found: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= until; at += step) found.push(at);
  return found;
}
