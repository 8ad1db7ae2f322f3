/**
 * Layers on the images of a series: segmentations, contours, dose, marks, other images. The server
 * draws them; this panel lists them and sets the options that turn them on and style them.
 */

import { LATER, SOON, askDicom, askJson, DICOMWEB } from "./api.js";
import { count, text } from "./dicom.js";
import { find, h } from "./dom.js";
import { icon } from "./icons.js";
import { layerOf } from "./state/options.js";
import { formatRoute, resourcePath } from "./state/route.js";

/**
 * @typedef {{study: string, series: string, instance: string, frame: number}} Place
 * @typedef {{layer: string, kind: string, first: Place,
 *   items: {number: number, color: string, name?: string, first: Place}[],
 *   bar?: {colors: string[], low: string, high: string}}} Layer
 */

const SEGMENTATIONS = ["1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"];
const STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3";
/** Dose; Blending and Advanced Blending Presentation States. */
const DRAWN_ON_IMAGES = [
  "1.2.840.10008.5.1.4.1.1.481.2", "1.2.840.10008.5.1.4.1.1.11.4", "1.2.840.10008.5.1.4.1.1.11.8",
];
const MOST_FRAMES = 256;
const STYLES = [["", "Default"], ["fill", "Filled"], ["outline", "Outlined"], ["both", "Both"]];
/** Kinds that have an opacity, and those that have a style. */
const FILLED = ["segmentation", "structure set", "dose", "image"];
const STYLED = FILLED.filter((kind) => kind !== "image");
const USUAL_OPACITY = "0.4";

/** Whether an object is looked at on the images that it is about. @param {string} sopClass */
export const isAboutImages = (sopClass) =>
  SEGMENTATIONS.includes(sopClass) || sopClass === STRUCTURE_SET;

/** Whether an object is opened on its images, where they are here. @param {string} sopClass */
export const opensOnImages = (sopClass) =>
  isAboutImages(sopClass) || DRAWN_ON_IMAGES.includes(sopClass);

const askLayers = (resource, how, query = "") => askJson(
  `${DICOMWEB}${resourcePath({ ...resource, frame: 0 })}/layers${query}`, how,
).then((told) => ({ layers: told?.layers ?? [], leftOut: told?.left_out ?? [] }));

/** Warning of the server about a layer, after its UID: `is not drawn: …`, `is drawn, but …`. */
const SAID = /^([\d.]+) ((?:is not|cannot be) drawn: |is drawn, but )(.*)$/s;

/** A warning of the server about a layer, with its name instead of its UID. */
export function saidOf(sentence, title = "The layer") {
  const [, , how, reason] = SAID.exec(sentence) ?? [];
  return how ? `${title} ${how}${reason}.` : `${sentence}.`;
}

/** The UID of the layer that a sentence is about. @param {string} sentence */
const layerIn = (sentence) => SAID.exec(sentence)?.[1] ?? "";

/**
 * The first image of an object (of a dose, one where it is high), with the object as a layer; or
 * `problem`, the reason why there is none, which is empty if its images are not on the server.
 * @param {import("./stack.js").Item} item @param {{signal: AbortSignal}} how
 * @returns {Promise<{place: (Place & {layer: string})|null, problem: string}>}
 */
export async function firstPlace(item, how) {
  const nowhere = { layers: [], leftOut: [] };
  const { layers: [layer], leftOut: [left] } = await askLayers(item, how).catch(() => nowhere);
  if (!layer) return { place: null, problem: left ? saidOf(left.problem, "It") : "" };
  const highest = layer.kind === "dose" && layer.items[0];
  return { place: { ...(highest || layer).first, layer: layer.layer }, problem: "" };
}

/**
 * The first frame of a segmentation that is not empty, or the first.
 * @param {import("./stack.js").Item} item @param {{signal: AbortSignal}} how
 */
export async function firstFilledFrame(item, how) {
  const { rows, columns, frames } = item;
  for (let frame = 1; frame <= Math.min(frames, MOST_FRAMES); frame += 1) {
    const path = `page/${resourcePath({ ...item, frame })}/values?rectangle=0,0,${columns},${rows}`;
    const found = await askJson(new URL(path, document.baseURI), how);
    if (found.maximum > 0) return frame;
  }
  return 1;
}

/**
 * @param {import("./reading.js").Reading} reading
 * @returns {{toggle: () => void, isOpen: () => boolean, onChange: (run: () => void) => void}}
 */
export function createLayers(reading) {
  const aside = find("#layers");
  const listeners = [];
  let hasNames = false;
  let shown = "";
  let asking = new AbortController();
  const state = h("p", { class: "dim", role: "status" });
  const [list, rest] = [h("ul", { class: "layers" }), h("ul", { class: "rest" })];
  const [scales, notice] = [find("#scales"), find("#notice")];
  /** What is listed. @type {Layer[]} */
  let known = [];
  const names = h("input", { type: "checkbox", onchange: () => {
    hasNames = names.checked;
    put({ legend: hasNames });
    fill();
  } });
  aside.append(
    h("header", {}, h("h2", { textContent: "Layers" }),
      h("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => toggle() },
        icon("close"))),
    state,
    h("div", { class: "scroll" }, list, rest),
    h("div", { class: "how" },
      h("label", { class: "check" }, names, " Names and legend (may contain patient data)")),
  );

  const options = () => reading.store.get().options;
  const put = (patch) => reading.setOptions(patch);

  /** The list is of one series, and is loaded when it is shown. */
  async function fill() {
    const isWanted = !aside.hidden || options().layers.length > 0;
    if (!isWanted || !reading.item) return mark();
    const { study, series } = reading.item;
    const wanted = `${series} ${hasNames}`;
    if (shown === wanted) return mark();
    shown = wanted;
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    known = [];
    list.replaceChildren();
    rest.replaceChildren();
    state.textContent = "Looking for layers…";
    try {
      const query = hasNames ? "?names=yes" : "";
      const [{ layers, leftOut }, titles] = await Promise.all([
        askLayers({ study, series }, { signal, priority: SOON }, query), titlesOf(study, signal),
      ]);
      state.textContent = layers.length > 0
        ? `${count(layers.length, "object")} can be drawn on these images.`
        : "Nothing in this study can be drawn on these images.";
      known = layers;
      list.replaceChildren(...layers.map((layer) => element(layer, titles)));
      rest.replaceChildren(...leftOut.map(({ layer, problem }) => h("li", {
        class: "left-out", textContent: saidOf(problem, titles.get(layer) || "An object"),
      })));
      mark();
      // The opened layer may be far down in a long list.
      list.querySelector("[data-layer]:checked")?.closest("li").scrollIntoView({ block: "nearest" });
    } catch (problem) {
      if (signal.aborted) return;
      shown = "";
      state.textContent = problem.message;
    }
  }

  function element(layer, titles) {
    const title = titles.get(layer.layer);
    const kind = layer.kind.charAt(0).toUpperCase() + layer.kind.slice(1);
    const box = h("input", {
      type: "checkbox", "data-layer": layer.layer, "data-kind": layer.kind,
      onchange: () => change(layer, box.checked ? {} : null),
    });
    return h("li", {},
      h("label", { class: "check" }, box, h("span", {},
        h("span", { textContent: kind }),
        title && h("span", { class: "dim", textContent: title }))),
      layer.bar ? bar(layer.bar) : null,
      h("p", { class: "fault", "data-fault": layer.layer, hidden: true }),
      h("ul", {}, ...layer.items.map((item) => h("li", {}, ...itemParts(layer, item)))),
      settings(layer, `${kind} ${title ?? ""}`.trim()));
  }

  /** Opacity and style of a layer that is on. */
  function settings(layer, name) {
    const figure = h("output", { class: "dim" });
    const opacity = h("input", {
      type: "range", min: "0", max: "1", step: "0.05", "aria-label": `Opacity of ${name}`, "data-of": layer.layer,
      oninput: () => tellOpacity(opacity),
      onchange: () => change(layer, { opacity: opacity.value }),
    });
    const style = h("select", {
      "aria-label": `Style of ${name}`, "data-of": layer.layer,
      onchange: () => change(layer, { style: style.value }),
    }, ...STYLES.map(([value, label]) => h("option", { value, textContent: label })));
    if (!FILLED.includes(layer.kind)) return null;
    return h("div", { class: "how", "data-how": layer.layer, hidden: true },
      h("label", {}, "Opacity ", opacity, figure),
      STYLED.includes(layer.kind) ? h("label", {}, "Style ", style) : null);
  }

  /** Its checkbox, if there are several items, and a link to its first image. */
  function itemParts(layer, item) {
    const name = [item.number, item.name].filter(Boolean).join(" ");
    const box = layer.items.length > 1 && h("input", {
      type: "checkbox", "data-of": layer.layer, "data-item": item.number, "aria-label": `Show ${name}`,
      onchange: () => switchItem(layer, item.number, box.checked),
    });
    const link = h("a", {
      href: formatRoute({ ...item.first, options: { ...options(), layers: withLayer(layer) } }),
      title: "Go to its first image",
    }, swatchOf(item), name);
    return [box, link];
  }

  const withLayer = ({ layer }) => {
    const { layers } = options();
    return layers.some(({ uid }) => uid === layer) ? layers : [...layers, layerOf(layer)];
  };

  const ownOf = (uid) => options().layers.find((each) => each.uid === uid);

  const isShown = (own, number) => Boolean(own)
    && (own.items === "" || own.items.split(",").includes(String(number)));

  /** Without items, a layer is off; turning on an item of such a layer shows that item only. */
  function switchItem(layer, number, isOn) {
    const own = ownOf(layer.layer);
    const shown = layer.items.map((item) => item.number)
      .filter((each) => (each === number ? isOn : isShown(own, each)));
    if (shown.length === 0) change(layer, null);
    else change(layer, { items: shown.length === layer.items.length ? "" : shown.join(",") });
  }

  /** Turns a layer on with changed options, or off if `patch` is null. */
  function change(layer, patch) {
    const layers = withLayer(layer).flatMap((each) => {
      if (each.uid !== layer.layer) return [each];
      return patch === null ? [] : [{ ...each, ...patch }];
    });
    put({ layers, legend: hasNames });
  }

  /** The bar of a dose, and its lines, are beside the image; they contain no patient data. */
  function showScales() {
    const doses = known.filter(({ layer, kind, bar: its }) => kind === "dose" && its && ownOf(layer));
    scales.hidden = doses.length === 0 || options().legend;
    scales.replaceChildren(...doses.flatMap((dose) => {
      const lines = ownOf(dose.layer).style === "fill" ? [] : dose.items
        .filter(({ number }) => isShown(ownOf(dose.layer), number));
      return [bar(dose.bar), ...lines.map((item) => h("div", { class: "scale" }, swatchOf(item), item.name))];
    }));
  }

  function mark() {
    showScales();
    tellFaults();
    for (const each of list.querySelectorAll("[data-layer]")) each.checked = Boolean(ownOf(each.dataset.layer));
    for (const each of list.querySelectorAll("[data-item]")) {
      each.checked = isShown(ownOf(each.dataset.of), each.dataset.item);
    }
    for (const each of list.querySelectorAll("[data-how]")) {
      const own = ownOf(each.dataset.how);
      each.hidden = !own;
      if (!own) continue;
      const [opacity, style] = [each.querySelector("input"), each.querySelector("select")];
      opacity.value = own.opacity || USUAL_OPACITY;
      tellOpacity(opacity);
      if (style) style.value = own.style;
    }
  }

  function toggle() {
    aside.hidden = !aside.hidden;
    fill();
    for (const run of listeners) run();
    if (!aside.hidden) aside.querySelector("button").focus();
  }

  /** The server's warnings about the layers on the current image: in the list, and below it. */
  function tellFaults() {
    const { warnings, fault } = reading.store.get();
    const faults = new Map(warnings.map((each) => [layerIn(each), saidOf(each, "It")]));
    for (const each of list.querySelectorAll("[data-fault]")) {
      each.textContent = faults.get(each.dataset.fault) ?? "";
      each.hidden = each.textContent === "";
    }
    const told = [fault, ...warnings.filter(layerIn).map((each) => saidOf(each))].filter(Boolean);
    notice.textContent = [...new Set(told)].join(" ");
    notice.hidden = told.length === 0;
  }

  reading.store.on(["warnings", "fault"], tellFaults);
  reading.store.on(["stack", "index", "options"], fill);
  aside.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    toggle();
  });
  return {
    toggle,
    isOpen: () => !aside.hidden,
    open() {
      if (aside.hidden) toggle();
    },
    onChange: (run) => listeners.push(run),
  };
}

/** The colors of a range of values, and their figures. */
function bar({ colors, low, high }) {
  const range = h("span", { class: "range", "aria-hidden": "true" });
  range.style.background = `linear-gradient(to right, ${colors.join(", ")})`;
  return h("div", { class: "scale" }, range, h("span", { textContent: `${low} – ${high}` }));
}

function swatchOf({ color }) {
  const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
  swatch.style.background = color;
  return swatch;
}

/** @param {HTMLInputElement} opacity */
function tellOpacity(opacity) {
  opacity.nextElementSibling.textContent = `${Math.round(opacity.value * 100)} %`;
}

/** Names of the series of objects, as in the rail, by the UIDs of both. */
async function titlesOf(study, signal) {
  const path = `studies/${study}/instances?includefield=0008103E,00080060,00200011&limit=500`;
  const models = await askDicom(path, { signal, priority: LATER }).catch(() => []);
  return new Map(models.flatMap((model) => {
    const order = text(model, "00200011");
    const facts = [text(model, "00080060"), order && `no. ${order}`].filter(Boolean).join(" · ");
    const title = [text(model, "0008103E"), facts].filter(Boolean).join(" · ");
    return [[text(model, "00080018"), title], [text(model, "0020000E"), title]];
  }));
}
