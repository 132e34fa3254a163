// The service as it is polled: counters become rates, a lost connection is noticed and tried again.

import { type Overview, get } from "./api";

const KEPT = 150;

export interface Rates {
  requests: number; errors: number; serverErrors: number; throttled: number;
  p50_ms: number | null; p99_ms: number | null;
}

/** What happened between two looks at the counters. */
export class Counters {
  private last: { at: number; service: Overview["service"] } | null = null;
  readonly requests: number[] = [];
  readonly throttled: number[] = [];
  readonly errors: number[] = [];
  readonly p99: (number | null)[] = [];

  /** Rates since the last look; `null` at the first one and after a restart. */
  take(service: Overview["service"], nowMs: number): Rates | null {
    const last = this.last;
    this.last = { at: nowMs, service };
    if (!last || service.uptime_s < last.service.uptime_s || service.requests < last.service.requests) return null;
    const seconds = Math.max((nowMs - last.at) / 1000, 0.001);
    const rate = (now: number, before: number) => (now - before) / seconds;
    const spread = difference(service.latency_us, last.service.latency_us);
    const rates = {
      requests: rate(service.requests, last.service.requests),
      errors: rate(service.client_errors + service.server_errors, last.service.client_errors + last.service.server_errors),
      serverErrors: rate(service.server_errors, last.service.server_errors),
      throttled: rate(service.throttled, last.service.throttled),
      p50_ms: quantile(spread, 0.5),
      p99_ms: quantile(spread, 0.99),
    };
    keep(this.requests, rates.requests);
    keep(this.throttled, rates.throttled);
    keep(this.errors, rates.errors);
    keep(this.p99, rates.p99_ms);
    return rates;
  }
}

function keep<T>(list: T[], value: T): void {
  list.push(value);
  if (list.length > KEPT) list.shift();
}

type Buckets = [number, number][];

function difference(now: Buckets, before: Buckets): Buckets {
  const known = new Map(before);
  return now.map(([end, count]) => [end, count - (known.get(end) ?? 0)]);
}

/** The duration in milliseconds that a share of the requests did not exceed; `null` without requests. */
export function quantile(buckets: Buckets, q: number): number | null {
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  if (total <= 0) return null;
  let seen = 0;
  for (const [end, count] of [...buckets].sort((a, b) => a[0] - b[0])) {
    seen += count;
    if (seen >= Math.ceil(total * q)) return end / 1000;
  }
  return null;
}

const RETRY_MS = [500, 1000, 2000, 5000];

/** Calls `look` again and again; after a failure sooner at first, then less often. */
export class Poll {
  private failures = 0;
  private timer = 0;
  private running = false;
  private again = false;

  constructor(private readonly look: () => Promise<void>, private readonly every: number, private readonly told: (error: Error | null) => void) {
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.now(); });
  }

  now(): void {
    clearTimeout(this.timer);
    if (this.running) this.again = true;
    else void this.run();
  }

  private async run(): Promise<void> {
    this.running = true;
    try {
      await this.look();
      this.failures = 0;
      this.told(null);
    } catch (error) {
      this.failures++;
      this.told(error instanceof Error ? error : new Error(String(error)));
    }
    this.running = false;
    const wait = this.again ? 0 : this.failures ? RETRY_MS[Math.min(this.failures, RETRY_MS.length) - 1] : document.hidden ? this.every * 5 : this.every;
    this.again = false;
    this.timer = setTimeout(() => this.now(), wait);
  }
}

export const overview = (): Promise<Overview> => get("overview");
