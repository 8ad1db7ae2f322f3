/**
 * The part of the address after `#` is the path of the DICOMweb resource that is shown, with
 * the rendering parameters: `#/studies/1.2/series/1.3/instances/1.4/frames/5?window=40,400,linear`.
 * The second of two images side by side, which may be of another study, follows after `;`.
 * Searches are not in the address: the browser's history must not have names of patients.
 */

import { optionPairs, parseOptions, queryText } from "./options.js";

/**
 * @typedef {{study: string, series: string, instance: string, frame: number,
 *   options: import("./options.js").Options, beside?: Route|null}} Route
 */

const PATH = /^\/studies\/([0-9.]+)(?:\/series\/([0-9.]+)(?:\/instances\/([0-9.]+)(?:\/frames\/(\d+))?)?)?$/;

const BESIDE = /;(?=\/studies\/)/;

/** @param {string} hash @returns {Route|null} null for the list of studies */
export function parseRoute(hash) {
  const [own, other = ""] = hash.replace(/^#/, "").split(BESIDE);
  const route = parseOne(own);
  return route && { ...route, beside: parseOne(other) };
}

function parseOne(address) {
  const [path, query = ""] = address.split("?");
  const found = PATH.exec(path);
  if (found === null) return null;
  const [, study, series = "", instance = "", frame = "1"] = found;
  const options = parseOptions(new URLSearchParams(query));
  return { study, series, instance, frame: Math.max(1, Number(frame)), options };
}

/** Path of a resource below the DICOMweb services. @param {Partial<Route>} route */
export function resourcePath({ study, series, instance, frame }) {
  const steps = [["studies", study], ["series", series], ["instances", instance], ["frames", frame]];
  return steps.filter(([, name]) => name).map((step) => step.join("/")).join("/");
}

/** @param {Partial<Route>} route */
export function formatRoute(route) {
  const query = route.options ? queryText(optionPairs(route.options)) : "";
  const beside = route.beside ? `;${formatRoute(route.beside).slice(1)}` : "";
  return `#/${resourcePath(route)}${query ? `?${query}` : ""}${beside}`;
}
