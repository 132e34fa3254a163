// A change that somebody asks for by hand: said first, shown as a dry run where there is one, done only
// when confirmed, with what came of it.

import { post } from "../api";
import { fill, h } from "../dom";
import { milliseconds } from "../format";

export interface Asked {
  title: string; text: string; path: string; body: unknown; done?: () => void;
  /** What would be done. If it cannot be, the refusal is shown, and nothing can be confirmed. */
  preview?: () => Promise<Node>;
}

interface Result { id?: number; state?: string; children?: number[]; total_ms?: number; pause_ms?: number }

const why = (error: unknown): HTMLElement => h("span", { class: "bad" }, error instanceof Error ? error.message : String(error));

function outcome(result: Result): string {
  if (result.total_ms != null) {
    return `Done in ${milliseconds(result.total_ms)}; writes waited ${milliseconds(result.pause_ms)}. `
      + `New partitions: ${(result.children ?? []).map((id) => `p${id}`).join(", ")}.`;
  }
  return result.state === "running" ? `Begun as workflow ${result.id}: the page of decisions shows how far it is.` : "Done.";
}

export function confirmAction(asked: Asked): void {
  const said = h("p", { role: "status" });
  const shown = h("div", { class: "preview" });
  const back = document.activeElement as HTMLElement | null;
  const cancel = h("button", { type: "button" }, "Cancel");
  const go = h("button", { type: "button", class: "danger" }, "Do it");
  const dialog = h("dialog", { "aria-labelledby": "confirm-title" },
    h("h2", { id: "confirm-title" }, asked.title), h("p", {}, asked.text), shown, said, h("span", { class: "buttons" }, cancel, go));
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => { dialog.remove(); back?.focus(); });
  go.addEventListener("click", async () => {
    go.disabled = true;
    fill(said, "Under way …");
    try {
      fill(said, outcome(await post<Result>(asked.path, asked.body)));
      go.remove();
      cancel.textContent = "Close";
      cancel.focus();
      asked.done?.();
    } catch (error) {
      fill(said, why(error));
      go.disabled = false;
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  cancel.focus();
  if (asked.preview) void show(asked.preview, shown, said, go);
}

async function show(preview: () => Promise<Node>, shown: Element, said: Element, go: HTMLButtonElement): Promise<void> {
  go.disabled = true;
  fill(said, "Looking what it would do …");
  try {
    fill(shown, await preview());
    fill(said);
    go.disabled = false;
  } catch (error) {
    fill(said, why(error));
  }
}
