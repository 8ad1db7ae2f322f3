/** Light or dark theme: that of the system, or the user's choice. The viewer is always dark. */

import { find } from "./dom.js";
import { icon } from "./icons.js";

const CHOSEN = "rendicom-look";
const prefersLight = matchMedia("(prefers-color-scheme: light)");

const isLight = () => (localStorage.getItem(CHOSEN)
  ?? (prefersLight.matches ? "light" : "dark")) === "light";

/** Shows the page as it was chosen; with an image it stays dark. @param {boolean} isReading */
export function applyLook(isReading) {
  const look = isLight() && !isReading ? "light" : "dark";
  document.documentElement.dataset.look = look;
  find("meta[name='color-scheme']").content = look;
  find("meta[name='theme-color']").content = look === "light" ? "#f6f8f9" : "#0b0d0f";
  const button = find("[data-action='look']");
  const next = isLight() ? "dark" : "light";
  button.setAttribute("aria-label", `Show the list ${next}`);
  button.title = `Show the list ${next}`;
  button.replaceChildren(icon(next));
}

/** @param {() => boolean} isReading whether an image is shown */
export function listenToLook(isReading) {
  find("[data-action='look']").addEventListener("click", () => {
    localStorage.setItem(CHOSEN, isLight() ? "dark" : "light");
    applyLook(isReading());
  });
  prefersLight.addEventListener("change", () => applyLook(isReading()));
}
