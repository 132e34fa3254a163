// A change that somebody asks for by hand: said first, done only when confirmed, with what came of it.

import { post } from "../api";
import { fill, h } from "../dom";
import { milliseconds } from "../format";

export interface Asked { title: string; text: string; path: string; body: unknown; done?: () => void }

interface Result { children?: number[]; epoch?: number; total_ms?: number; pause_ms?: number }

export function confirmAction(asked: Asked): void {
  const said = h("p", { role: "status" });
  const back = document.activeElement as HTMLElement | null;
  const cancel = h("button", { type: "button" }, "Cancel");
  const go = h("button", { type: "button", class: "danger" }, "Do it");
  const dialog = h("dialog", { "aria-labelledby": "confirm-title" },
    h("h2", { id: "confirm-title" }, asked.title), h("p", {}, asked.text), said, h("span", { class: "buttons" }, cancel, go));
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => { dialog.remove(); back?.focus(); });
  go.addEventListener("click", async () => {
    go.disabled = true;
    fill(said, "Under way …");
    try {
      const result = await post<Result>(asked.path, asked.body);
      fill(said, result.total_ms == null ? "Done."
        : `Done in ${milliseconds(result.total_ms)}; writes waited ${milliseconds(result.pause_ms)}. New partitions: ${(result.children ?? []).map((id) => `p${id}`).join(", ")}.`);
      go.remove();
      cancel.textContent = "Close";
      cancel.focus();
      asked.done?.();
    } catch (error) {
      fill(said, h("span", { class: "bad" }, error instanceof Error ? error.message : String(error)));
      go.disabled = false;
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  cancel.focus();
}
