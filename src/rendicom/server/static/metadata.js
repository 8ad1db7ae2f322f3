/** All attributes of the instance, as a table that can be searched. */

import { count, personName } from "./dicom.js";
import { debounced, find, h } from "./dom.js";
import { icon } from "./icons.js";
import { dictionary } from "./names.js";

const LONGEST = 400;
const MOST_ROWS = 3000;

/**
 * @param {import("./reading.js").Reading} reading
 * @returns {{toggle: () => void, isOpen: () => boolean, onToggle: (run: () => void) => void}}
 */
export function createMetadata(reading) {
  const aside = find("#metadata");
  const listeners = [];
  const search = h("input", {
    type: "search", placeholder: "Search tag, name or value", "aria-label": "Search the attributes",
    oninput: debounced(() => fill(), 120),
  });
  const body = h("tbody");
  const tally = h("p", { class: "dim", role: "status" });
  aside.append(
    h("header", {}, h("h2", { textContent: "Attributes" }),
      h("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => toggle() },
        icon("close"))),
    search,
    tally,
    h("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Attributes" },
      h("table", {},
        h("thead", {}, h("tr", {},
          h("th", { scope: "col", textContent: "Tag" }),
          h("th", { scope: "col", textContent: "Attribute" }),
          h("th", { scope: "col", textContent: "Value" }))),
        body)),
  );

  async function fill() {
    if (aside.hidden) return;
    const { model } = reading.store.get();
    if (model === null) {
      tally.textContent = "Loading…";
      return;
    }
    const names = await dictionary();
    const wanted = search.value.trim().toLowerCase();
    const all = rowsOf(model, names, 0);
    const rows = wanted ? all.filter((row) => row.haystack.includes(wanted)) : all;
    tally.textContent = wanted
      ? `${rows.length} of ${count(all.length, "attribute")}`
      : count(all.length, "attribute");
    body.replaceChildren(...rows.slice(0, MOST_ROWS).map((row) => rowElement(row, wanted)));
  }

  function toggle() {
    aside.hidden = !aside.hidden;
    for (const run of listeners) run();
    fill();
    if (!aside.hidden) search.focus();
    else (find(".pane.active .image") ?? find("#image")).focus();
  }

  reading.store.on(["model"], fill);
  aside.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    toggle();
  });
  return { toggle, isOpen: () => !aside.hidden, onToggle: (run) => listeners.push(run) };
}

/** Rows of a data set and, indented, of the items of its sequences. */
function rowsOf(model, names, depth) {
  return Object.keys(model).sort().flatMap((tag) => {
    const element = model[tag];
    const name = names[tag] ?? (isPrivate(tag) ? "Private attribute" : "");
    const items = element.vr === "SQ" ? element.Value ?? [] : [];
    const value = element.vr === "SQ" ? count(items.length, "item") : valueText(element, names);
    const label = `(${tag.slice(0, 4)},${tag.slice(4)})`;
    const row = {
      tag: label, name, value, vr: element.vr ?? "", depth,
      haystack: `${tag} ${label} ${name} ${value}`.toLowerCase(),
    };
    return [row, ...items.flatMap((item, index) => [
      ...(items.length > 1 ? [itemRow(index, depth + 1)] : []),
      ...rowsOf(item, names, depth + 1),
    ])];
  });
}

const itemRow = (index, depth) => (
  { tag: "", name: `Item ${index + 1}`, value: "", vr: "", depth, haystack: "" });

const isPrivate = (tag) => parseInt(tag.slice(3, 4), 16) % 2 === 1;

function valueText(element, names) {
  if (element.BulkDataURI !== undefined) return "not shown: bulk data";
  if (element.InlineBinary !== undefined) {
    return `${Math.floor(element.InlineBinary.length * 0.75)} bytes`;
  }
  const text = (element.Value ?? []).map((value) => {
    const name = element.vr === "UI" ? names[value] : "";
    return name ? `${name} (${value})` : wordOf(value);
  }).join(" \\ ");
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

function wordOf(value) {
  if (value === null) return "";
  if (typeof value !== "object") return String(value);
  return Object.values(value).map(personName).join(" = ");
}

function rowElement({ tag, name, value, vr, depth }, wanted) {
  return h(
    "tr",
    { class: `depth-${Math.min(depth, 4)}` },
    h("td", { class: "tag", title: vr, textContent: tag }),
    h("td", {}, ...marked(name, wanted)),
    h("td", { class: "value" }, ...marked(value, wanted)),
  );
}

function marked(text, wanted) {
  const at = wanted ? text.toLowerCase().indexOf(wanted) : -1;
  if (at < 0) return [text];
  const end = at + wanted.length;
  return [text.slice(0, at), h("mark", { textContent: text.slice(at, end) }), text.slice(end)];
}
