// Numbers, times and keys as people read them. Times are UTC, as in the journal and the log.

export const DASH = "–";

export function number(x: number | null | undefined, digits = 1): string {
  if (x == null || !Number.isFinite(x)) return DASH;
  return x.toLocaleString("en", { maximumFractionDigits: digits });
}

/** With about three significant digits, and k, M, G from a thousand on. */
export function short(x: number | null | undefined): string {
  if (x == null || !Number.isFinite(x)) return DASH;
  const size = Math.abs(x);
  if (size >= 1e9) return number(x / 1e9, 2) + " G";
  if (size >= 1e6) return number(x / 1e6, 2) + " M";
  if (size >= 1e4) return number(x / 1e3, 1) + " k";
  return number(x, size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 4);
}

/** A share as per cent: two digits of what is small, none of what is large. */
export function percent(share: number | null | undefined): string {
  if (share == null || !Number.isFinite(share)) return DASH;
  const p = share * 100;
  return number(p, p >= 10 ? 0 : p >= 1 ? 1 : p >= 0.01 || p === 0 ? 2 : 4) + " %";
}

/** A probability: what is less than one in a thousand is little, however little. */
export const risk = (p: number | null | undefined): string => (p != null && p > 0 && p < 0.001 ? "<\u00a00.1\u00a0%" : percent(p));

export function bytes(n: number | null | undefined): string {
  if (n == null) return DASH;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (n >= 1000 && at < units.length - 1) { n /= 1000; at++; }
  return `${number(n, n < 10 && at > 0 ? 1 : 0)} ${units[at]}`;
}

export function milliseconds(ms: number | null | undefined): string {
  if (ms == null || !Number.isFinite(ms)) return DASH;
  if (ms < 1) return number(ms * 1000, 0) + " µs";
  if (ms < 1000) return number(ms, ms < 10 ? 1 : 0) + " ms";
  return number(ms / 1000, 1) + " s";
}

/** How long, in the two units that matter. */
export function span(ms: number): string {
  const minutes = Math.round(Math.abs(ms) / 60_000);
  if (Math.abs(ms) < 60_000) return `${Math.round(Math.abs(ms) / 1000)} s`;
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ""}`;
  return `${Math.round(minutes / 1440)} days`;
}

const iso = (ms: number): string => (Number.isFinite(ms) ? new Date(ms).toISOString() : DASH);
export const date = (ms: number): string => iso(ms).slice(0, 10);
export const clock = (ms: number): string => iso(ms).slice(11, 16);
export const when = (ms: number): string => iso(ms).slice(0, 16).replace("T", " ");
export const moment = (ms: number): string => iso(ms).slice(0, 19).replace("T", " ");

/** The beginning of a key in hexadecimal digits. */
export function key(hex: string, digits = 16): string {
  return hex.length > digits ? hex.slice(0, digits) + "…" : hex;
}

export const keys = (start: string, end: string, digits = 16): string =>
  `${key(start, digits) || "start"} – ${key(end, digits) || "end"}`;
