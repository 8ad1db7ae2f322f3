/**
 * What lies on the images of a series: segmentations, contours, dose, marks, other images. The
 * server draws them; this lists them, and puts into the options which are on and how.
 */

import { LATER, SOON, askDicom, askJson, DICOMWEB } from "./api.js";
import { count, text } from "./dicom.js";
import { find, h } from "./dom.js";
import { icon } from "./icons.js";
import { formatRoute, resourcePath } from "./state/route.js";

/**
 * @typedef {{study: string, series: string, instance: string, frame: number}} Place
 * @typedef {{layer: string, kind: string, first: Place,
 *   items: {number: number, color: string, name?: string, first: Place}[]}} Layer
 */

const SEGMENTATIONS = ["1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"];
const STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3";
const MOST_FRAMES = 256;
const STYLES = [["", "As usual"], ["fill", "Filled"], ["outline", "Outlined"], ["both", "Both"]];

/** Whether an object is looked at on the images that it is about. @param {string} sopClass */
export const isAboutImages = (sopClass) =>
  SEGMENTATIONS.includes(sopClass) || sopClass === STRUCTURE_SET;

const askLayers = (resource, how, query = "") => askJson(
  `${DICOMWEB}${resourcePath({ ...resource, frame: 0 })}/layers${query}`, how,
).then((told) => told?.layers ?? []);

/**
 * Where an object is seen first, with it as a layer; null where its images are not here.
 * @param {import("./stack.js").Item} item @param {{signal: AbortSignal}} how
 * @returns {Promise<(Place & {layer: string})|null>}
 */
export async function firstPlace(item, how) {
  const [layer] = await askLayers(item, how).catch(() => []);
  return layer ? { ...layer.first, layer: layer.layer } : null;
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
  const list = h("ul", { class: "layers" });
  const names = h("input", { type: "checkbox", onchange: () => {
    hasNames = names.checked;
    put({ legend: hasNames });
    fill();
  } });
  const opacity = h("input", {
    type: "range", min: "0.1", max: "1", step: "0.1", "aria-label": "Opacity of layers",
    onchange: () => put({ layerOpacity: opacity.value }),
  });
  const style = h("select", { "aria-label": "Style of layers", onchange: () => (
    put({ layerStyle: style.value })) }, ...STYLES.map(([value, label]) => h("option", { value, textContent: label })));
  aside.append(
    h("header", {}, h("h2", { textContent: "Layers" }),
      h("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => toggle() },
        icon("close"))),
    state,
    h("div", { class: "scroll" }, list),
    h("div", { class: "how" },
      h("label", {}, "Opacity ", opacity),
      h("label", {}, "Style ", style),
      h("label", { class: "check" }, names, " Names and legend (they may identify)")),
  );

  const options = () => reading.store.get().options;
  const put = (patch) => reading.setOptions(patch);

  /** What is listed is of one series, and asked for when it is looked at. */
  async function fill() {
    if (aside.hidden || !reading.item) return;
    const { study, series } = reading.item;
    const wanted = `${series} ${hasNames}`;
    if (shown === wanted) return mark();
    shown = wanted;
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    list.replaceChildren();
    state.textContent = "Looking for layers…";
    try {
      const query = hasNames ? "?names=yes" : "";
      const [layers, titles] = await Promise.all([
        askLayers({ study, series }, { signal, priority: SOON }, query), titlesOf(study, signal),
      ]);
      state.textContent = layers.length > 0
        ? `${count(layers.length, "object")} can be drawn on these images.`
        : "Nothing in this study lies on these images.";
      list.replaceChildren(...layers.map((layer) => element(layer, titles)));
      mark();
    } catch (problem) {
      if (signal.aborted) return;
      shown = "";
      state.textContent = problem.message;
    }
  }

  function element(layer, titles) {
    const title = titles.get(layer.layer);
    const box = h("input", {
      type: "checkbox", "data-layer": layer.layer, "data-kind": layer.kind,
      onchange: () => switchLayer(layer, box.checked),
    });
    const label = layer.kind.charAt(0).toUpperCase() + layer.kind.slice(1);
    return h("li", {},
      h("label", { class: "check" }, box, h("span", {},
        h("span", { textContent: label }),
        title && h("span", { class: "dim", textContent: title }))),
      h("ul", {}, ...layer.items.map((item) => h("li", {}, itemLink(layer, item)))));
  }

  /** Leads to where the item is first. */
  function itemLink(layer, item) {
    const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = item.color;
    return h("a", {
      href: formatRoute({ ...item.first, options: withLayer(layer) }),
      title: "Go to where it is first",
    }, swatch, [item.number, item.name].filter(Boolean).join(" "));
  }

  const withLayer = ({ layer }) => ({
    ...options(), layers: [...new Set([...options().layers, layer])],
  });

  function switchLayer(layer, isOn) {
    const others = options().layers.filter((each) => each !== layer.layer);
    const layers = isOn ? [...others, layer.layer] : others;
    // The bar of a dose names no patient: it is shown with it.
    const kinds = new Set(layers.map((uid) => list.querySelector(`[data-layer="${uid}"]`)?.dataset.kind));
    put({ layers, legend: hasNames || (kinds.size === 1 && kinds.has("dose")) });
  }

  function mark() {
    const { layers, layerOpacity, layerStyle } = options();
    for (const box of list.querySelectorAll("input")) {
      box.checked = layers.includes(box.dataset.layer);
    }
    opacity.value = layerOpacity || "0.4";
    style.value = layerStyle;
  }

  function toggle() {
    aside.hidden = !aside.hidden;
    fill();
    for (const run of listeners) run();
    if (!aside.hidden) aside.querySelector("button").focus();
  }

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

/** What the rail calls the series that objects are of, by the UIDs of both. */
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
