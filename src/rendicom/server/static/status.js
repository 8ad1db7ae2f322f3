/** One line that is seen for a moment and read aloud. */

import { find } from "./dom.js";

let timer = 0;

/** @param {string} sentence */
export function say(sentence) {
  const toast = find("#toast");
  toast.textContent = sentence;
  toast.classList.add("shown");
  clearTimeout(timer);
  timer = setTimeout(() => toast.classList.remove("shown"), 4000);
}
