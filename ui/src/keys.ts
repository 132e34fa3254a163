// Keys as they are typed and sent, and partitions in the order of their keys.

import { key } from "./format";

export interface Neighbour { id: number; side: "before" | "after" }

/** The partitions beside one, of all in key order. */
export function neighboursOf(ids: number[], id: number): Neighbour[] {
  const at = ids.indexOf(id);
  const one = (side: Neighbour["side"], place: number): Neighbour[] => (at < 0 || ids[place] == null ? [] : [{ id: ids[place], side }]);
  return [...one("before", at - 1), ...one("after", at + 1)];
}

/** The keys of one of the parts into which boundaries divide something whose ends go without saying. */
export function part(boundaries: string[], at: number): string {
  const [from, to] = [boundaries[at - 1], boundaries[at]].map((edge) => edge && key(edge, 12));
  if (from && to) return `${from} – ${to}`;
  return to ? `up to ${to}` : from ? `from ${from} on` : "all of them";
}

/** A JSON object; `null` of anything else. */
export function parsed(text: string): Record<string, unknown> | null {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** All items of a partition key, by its hash, where keys are in the order of their hashes. */
export function isolateHash(hash: string): { action: "isolate"; start: string; end?: string } {
  const next = (BigInt("0x" + hash) + 1n).toString(16).padStart(hash.length, "0");
  return { action: "isolate", start: hash, ...(next.length > hash.length ? {} : { end: next }) };
}
