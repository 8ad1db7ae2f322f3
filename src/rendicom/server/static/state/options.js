/**
 * The rendering parameters of a `/rendered` URL that the page sets.
 *
 * @typedef {{center: number, width: number, function: string}} Window
 * @typedef {{window: Window|null, voi: string, invert: boolean, rotate: number, flip: ""|"h"|"v",
 *   overlays: boolean, patient: boolean, technique: boolean, layers: LayerOptions[],
 *   legend: boolean}} Options
 * @typedef {{uid: string, opacity: string, style: string, items: string}} LayerOptions
 *   one that is drawn, and how; texts are empty for what is usual, `items` are numbers: `1,3`
 */

/** @type {Readonly<Options>} */
export const DEFAULTS = Object.freeze({
  window: null,
  voi: "",
  invert: false,
  rotate: 0,
  flip: "",
  overlays: false,
  patient: false,
  technique: false,
  layers: Object.freeze([]),
  legend: false,
});

/** `40,400,linear` @param {Window} window */
export const windowText = ({ center, width, function: name }) => `${center},${width},${name}`;

/** @param {string} given @returns {Window|null} */
export function parseWindow(given) {
  const [center, width, name = "linear"] = given.split(",");
  const window = { center: Number(center), width: Number(width), function: name };
  const isSound = [window.center, window.width].every(Number.isFinite) && window.width > 0
    && ["linear", "linear-exact", "sigmoid"].includes(name);
  return isSound ? window : null;
}

/** Pairs of name and value of what differs from the defaults. @param {Options} options */
export function optionPairs(options) {
  const annotation = ["patient", "technique"].filter((word) => options[word]).join(",");
  return [
    ["window", options.window ? windowText(options.window) : ""],
    ["voi", options.window ? "" : options.voi],
    ["invert", options.invert ? "yes" : ""],
    ["rotate", options.rotate ? String(options.rotate) : ""],
    ["flip", options.flip],
    ["overlays", options.overlays ? "yes" : ""],
    ["annotation", annotation],
    ...(options.layers?.length > 0 ? layerPairs(options) : []),
  ].filter(([, given]) => given !== "");
}

const layerPairs = (options) => [
  ["layer", options.layers.map(({ uid }) => uid).join(",")],
  ...LAYER_VALUES.map(([name, key, mark]) => [name, joined(options.layers.map((each) => each[key]), mark)]),
  ["legend", options.legend ? "yes" : ""],
];

/** Parameters with a value for each layer: name, property of the layer, separator, pattern. */
const LAYER_VALUES = [
  ["layer-opacity", "opacity", ",", /^(0?\.\d+|0|1)$/],
  ["layer-style", "style", ",", /^(fill|outline|both)$/],
  ["layer-items", "items", ";", /^\d+(,\d+)*$/],
];

/** A value common to all layers is written once. */
const joined = (values, mark) => (
  values.every((each) => each === values[0]) ? values[0] : values.join(mark));

/** @param {string} uid @returns {LayerOptions} */
export const layerOf = (uid) => ({ uid, opacity: "", style: "", items: "" });

/** @param {URLSearchParams} query @returns {LayerOptions[]} */
function parseLayers(query) {
  const uids = (query.get("layer") ?? "").split(",").filter((uid) => /^[0-9.]+$/.test(uid));
  const layers = uids.map(layerOf);
  for (const [name, key, mark, form] of LAYER_VALUES) {
    const values = (query.get(name) ?? "").split(mark);
    layers.forEach((layer, at) => {
      const value = values.length > 1 ? values[at] ?? "" : values[0];
      if (form.test(value)) layer[key] = value;
    });
  }
  return layers;
}

/** The query of a URL; commas and colons stay readable. @param {string[][]} pairs */
export const queryText = (pairs) => pairs
  .map(([name, given]) => `${name}=${encodeURIComponent(given).replace(/%2C/g, ",").replace(/%3A/g, ":")}`)
  .join("&");

/** @param {URLSearchParams} query @returns {Options} */
export function parseOptions(query) {
  const words = (query.get("annotation") ?? "").split(",");
  const rotate = Number(query.get("rotate") ?? 0);
  return {
    window: parseWindow(query.get("window") ?? ""),
    voi: query.get("voi") ?? "",
    invert: query.get("invert") === "yes",
    rotate: [90, 180, 270].includes(rotate) ? rotate : 0,
    flip: ["h", "v"].includes(query.get("flip")) ? query.get("flip") : "",
    overlays: query.get("overlays") === "yes",
    patient: words.includes("patient"),
    technique: words.includes("technique"),
    layers: parseLayers(query),
    legend: query.get("legend") === "yes",
  };
}

/*
 * The server turns first and mirrors then. Turning what is mirrored already therefore turns the
 * other way round, and mirroring at both axes is half a turn.
 */

/** Turns what is on screen by a quarter. @param {Options} options @param {1|-1} quarters */
export function turned(options, quarters) {
  const step = options.flip === "" ? quarters : -quarters;
  return { ...options, rotate: (options.rotate + step * 90 + 360) % 360 };
}

/** Mirrors what is on screen. @param {Options} options @param {"h"|"v"} axis */
export function mirrored(options, axis) {
  if (options.flip === "") return { ...options, flip: axis };
  if (options.flip === axis) return { ...options, flip: "" };
  return { ...options, flip: "", rotate: (options.rotate + 180) % 360 };
}
