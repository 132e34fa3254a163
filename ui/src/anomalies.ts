// What an anomaly is about: the table, a partition, a cell or a client, in words and on the key axis.

import type { Anomaly } from "./api";
import { keys, number, span, when } from "./format";

/** Whose load is odd. */
export function subject({ peer, partition }: Anomaly): string {
  if (peer && "client" in peer) return `client ${peer.client}`;
  if (peer) return `keys ${keys(peer.cell.start, peer.cell.end, 12)}`;
  return partition == null ? "the table" : `p${partition}`;
}

/** What is odd about it; among peers it is that they do not do the same. */
export function kind({ kind: of, peer }: Anomaly): string {
  const name = of === "flash_crowd" ? "flash crowd" : "drop";
  return peer ? `odd ${"client" in peer ? "client" : "keys"}` : name;
}

export function told(anomaly: Anomaly): string {
  const { load, level, extreme, start_ms, end_ms } = anomaly;
  return `${subject(anomaly)}, ${load.replace("_", " ")}: ${number(level)} → ${number(extreme)}/s, `
    + `${when(start_ms)}${end_ms == null ? ", goes on" : ` for ${span(end_ms - start_ms)}`}`;
}

interface Cell { from: number; to: number; start: string; end: string; partition: number | null }

/** Where it lies on the key axis; `null` if it lies nowhere, as a client does. */
export function place({ peer, partition }: Anomaly, cells: Cell[]): [number, number] | null {
  if (peer && "client" in peer) return null;
  // In hexadecimal digits keys have the order that they have as bytes; an empty end is behind all.
  const inside = (cell: Cell) => (peer
    ? (peer.cell.end === "" || cell.start < peer.cell.end) && (cell.end === "" || cell.end > peer.cell.start)
    : cell.partition === partition);
  const owned = cells.filter(inside);
  return owned.length ? [owned[0].from, owned[owned.length - 1].to] : [0, 1];
}
