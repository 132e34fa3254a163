// Light or dark: as the system has it, unless somebody chose.

import { h } from "./dom";

const KEY = "foreshard-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const told: (() => void)[] = [];
const root = document.documentElement;

const chosen = (): string => localStorage.getItem(KEY) ?? "";
export const isDark = (): boolean => (chosen() ? chosen() === "dark" : system.matches);

function apply(): void {
  root.dataset.theme = isDark() ? "dark" : "light";
  told.forEach((tell) => tell());
}

export function onTheme(tell: () => void): void {
  told.push(tell);
}

export function themeButton(): HTMLElement {
  const button = h("button", { type: "button", class: "theme" });
  const label = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.addEventListener("click", () => {
    localStorage.setItem(KEY, isDark() ? "light" : "dark");
    apply();
    label();
  });
  label();
  onTheme(label);
  return button;
}

system.addEventListener("change", apply);
apply();
