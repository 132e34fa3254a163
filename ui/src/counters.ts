// Counters since the start of the service, as rates between two looks at them.

import type { Overview } from "./api";

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
