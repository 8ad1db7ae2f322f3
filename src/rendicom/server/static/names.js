/** Names of attributes and of SOP classes, transfer syntaxes and other UIDs (PS3.6). */

import { askJson } from "./api.js";

let words = null;

/** Names by tag and UID; none where the server has none. @returns {Promise<Object<string, string>>} */
export function dictionary() {
  words ??= askJson(new URL("page/dictionary.json", document.baseURI)).catch(() => {
    words = null;
    return {};
  });
  return words;
}

/** What an instance is: `12-lead ECG Waveform`. @param {string} sopClass */
export async function nameOfClass(sopClass) {
  return (await dictionary())[sopClass] || sopClass || "Object";
}
