// What an operator can do to partitions by hand: split, merge, shift, isolate, each shown as a dry run before
// it is confirmed.

import { post, name, type Units } from "../api";
import { h } from "../dom";
import { bytes, percent, short } from "../format";
import { type Neighbour, parsed, part } from "../keys";
import { type Asked, confirmAction } from "./confirm";

interface Preview {
  action: string; sources: number[]; boundaries: string[]; shares: Units[]; moved_bytes: number; reason: string;
}

/** Whose partitions, what one of them can serve, and what to do when they have changed. */
export interface Hand { table: string; capacity: () => Units | null; done: () => void }

/** Asks for an action on a table's partitions. */
export function askFor({ table, capacity, done }: Hand, title: string, text: string, body: unknown): void {
  const path = `tables/${name(table)}/reslice`;
  const preview: Asked["preview"] = async () => previewTable(await post<Preview>(`${path}?dry_run=true`, body), capacity());
  confirmAction({ title, text: `${text} Writes to the partitions concerned wait for some tens of milliseconds; nothing is copied.`, path, body, preview, done });
}

/** How the reason of every action by hand begins. */
const BY_HAND = "asked for by an operator: ";
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}. `;

/** What an action would make. */
function previewTable(preview: Preview, capacity: Units | null): HTMLElement {
  const full = (share: Units) => (capacity ? percent(Math.max(share.read / capacity.read, share.write / capacity.write)) : "–");
  const head = ["Keys", "Reads/s", "Writes/s", "Full"].map((text, i) => h("th", { scope: "col", class: i ? "n" : "" }, text));
  const rows = preview.shares.map((share, i) => h("tr", {},
    h("td", { class: "mono" }, part(preview.boundaries, i)),
    h("td", { class: "n" }, short(share.read)), h("td", { class: "n" }, short(share.write)), h("td", { class: "n" }, full(share))));
  const sources = preview.sources.map((id) => `p${id}`).join(", ");
  return h("div", { class: "stack" },
    h("table", { class: "grid" },
      h("caption", {}, `Dry run: ${sources} → ${rows.length} partition${rows.length === 1 ? "" : "s"}, with the load that is expected of each`),
      h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)),
    h("p", { class: "dim" }, (preview.reason.startsWith(BY_HAND) ? sentence(preview.reason.slice(BY_HAND.length)) : "")
      + `${bytes(preview.moved_bytes)} are written anew later, in quiet times.`));
}

/** The buttons for one partition. */
export function byHand(hand: Hand, partition: number, neighbours: Neighbour[]): Node[] {
  const { table } = hand;
  const into = h("select", { id: "into" }, ...[2, 3, 4, 8].map((n) => h("option", { value: n }, String(n))));
  const ask = (title: string, text: string, body: unknown) => askFor(hand, title, text, body);
  const split = h("span", { class: "buttons" }, h("label", { for: "into" }, "Split into "), into, h("button", {
    type: "button", "data-key": "split",
    onclick: () => ask(`Split partition ${partition} of ${table}`, `Into ${into.value} partitions of about the same load.`,
      { action: "split", partition, into: Number(into.value) }),
  }, "Split …"));
  const pairs = neighbours.map(({ id, side }) => {
    const pair = side === "before" ? [id, partition] : [partition, id];
    return h("span", { class: "buttons" }, h("span", { class: "dim" }, `with p${id}, ${side} it:`),
      h("button", {
        type: "button", "data-key": `shift-${side}`,
        onclick: () => ask(`Shift the boundary between ${pair.join(" and ")} of ${table}`,
          "To where it divides the load of the two best.", { action: "shift", partitions: pair }),
      }, "Shift …"),
      h("button", {
        type: "button", "data-key": `merge-${side}`,
        onclick: () => ask(`Merge partitions ${pair.join(" and ")} of ${table}`,
          "One partition then has to carry the load of both.", { action: "merge", partitions: pair }),
      }, "Merge …"));
  });
  return [h("p", { class: "dim" }, "Each is shown as a dry run first, and nothing happens before you confirm. The planner goes on looking at the table afterwards."),
    split, ...pairs, isolation(ask)];
}

/** A key as GetItem takes it, for a partition of its own. */
function isolation(ask: (title: string, text: string, body: unknown) => void): HTMLElement {
  const said = h("span", { class: "bad", role: "status" });
  const input = h("input", { type: "text", id: "isolate-key", required: true, spellcheck: "false", autocomplete: "off", placeholder: '{"pk":{"S":"a"}}', class: "wide" });
  return h("form", { class: "buttons", onsubmit: (e: Event) => {
    e.preventDefault();
    const key = parsed(input.value);
    said.textContent = key ? "" : 'Write the key as GetItem takes it: {"name":{"S":"value"}}.';
    if (key) ask("Isolate a key", `${input.value} gets a partition of its own: all items of that partition key, or one item if the sort key is there.`, { action: "isolate", key });
  } }, h("label", { for: "isolate-key" }, "Isolate the key "), input, h("button", { type: "submit", "data-key": "isolate" }, "Isolate …"), said);
}
