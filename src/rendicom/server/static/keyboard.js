/** Keys for commands, and the help that lists them. */

import { h } from "./dom.js";
import { isDialogOpen, openDialog } from "./dialog.js";

const OFF = "rendicom-no-single-keys";

/** `r`, `Shift+R`, `Space`, `?` @param {KeyboardEvent} event */
function nameOf(event) {
  if (event.key === " ") return "Space";
  const isLetter = /^[a-z]$/i.test(event.key);
  return isLetter && event.shiftKey ? `Shift+${event.key.toUpperCase()}` : event.key;
}

/** Elements that handle keys themselves. */
const takesText = (element) => element.closest("input, select, textarea, [contenteditable]") !== null;
const takesKey = (element, name) => element.closest("button, a, summary") !== null
  && (name === "Space" || name === "Enter");

/**
 * @param {() => boolean} isOn whether the commands apply now
 * @param {import("./commands.js").Command[]} commands
 */
export function listenToKeys(isOn, commands) {
  document.addEventListener("keydown", (event) => {
    if (!isOn() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isDialogOpen() || takesText(event.target)) return;
    const name = nameOf(event);
    if (takesKey(event.target, name) || document.querySelector(":popover-open")) return;
    if (name.length === 1 && name !== "?" && localStorage.getItem(OFF)) return;
    const command = commands.find(({ keys }) => keys.includes(name));
    if (!command || command.isOff?.()) return;
    event.preventDefault();
    command.run();
  });
}

const WORDS = {
  ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", PageDown: "Page ↓",
  PageUp: "Page ↑", Escape: "Esc", "Shift+R": "Shift R", "Shift+X": "Shift X",
};

const POINTERS = [
  ["Drag", "Window, move or zoom, by the selected tool"],
  ["Right drag", "Zoom"],
  ["Middle drag", "Move"],
  ["Wheel", "Next and previous image; zoom if there is only one"],
  ["Ctrl wheel", "Zoom"],
  ["Double click", "Fit the image, or actual size"],
  ["Two fingers up, down", "Next and previous image"],
  ["Pinch", "Zoom and move"],
];

/** @param {import("./commands.js").Command[]} commands */
export function openHelp(commands) {
  const groups = Map.groupBy ? Map.groupBy(commands, ({ group }) => group) : grouped(commands);
  const sections = [...groups].map(([group, members]) => h(
    "section",
    {},
    h("h3", { textContent: group }),
    h("dl", {}, ...rowsOf(members).flatMap(row)),
  ));
  sections.push(h(
    "section",
    {},
    h("h3", { textContent: "Mouse and fingers" }),
    h("dl", {}, ...POINTERS.flatMap(([what, does]) => row([[what], does]))),
  ));
  const box = h("input", { type: "checkbox", checked: !localStorage.getItem(OFF), onchange: () => {
    if (box.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "yes");
  } });
  openDialog("Help", [
    h("div", { class: "columns" }, ...sections),
    h("label", { class: "check" }, box, " Single letters and digits are shortcuts"),
    h("p", {
      class: "dim",
      textContent: "The server renders every picture with the selected window, so that a download "
        + "looks the same as on screen. Not a medical device: do not diagnose from these pictures.",
    }),
  ], { name: "help" });
}

function grouped(commands) {
  const groups = new Map();
  for (const command of commands) {
    groups.set(command.group, [...groups.get(command.group) ?? [], command]);
  }
  return groups;
}

/** Keys and label of each command; those with the same label on one row. */
function rowsOf(commands) {
  const rows = new Map();
  for (const { label, keys } of commands) rows.set(label, [...rows.get(label) ?? [], ...keys]);
  return [...rows].map(([label, keys]) => [keys.length > 4 ? [`${keys[0]}–${keys.at(-1)}`] : keys, label]);
}

function row([keys, label]) {
  return [
    h("dt", {}, ...keys.map((each) => h("kbd", { textContent: WORDS[each] ?? each }))),
    h("dd", { textContent: label }),
  ];
}

/** `Rotate right (r)` @param {import("./commands.js").Command} command */
export const hintOf = ({ label, keys }) => `${label} (${WORDS[keys[0]] ?? keys[0]})`;
