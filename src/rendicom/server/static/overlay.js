/** The overlay of the image: direction letters, a scale, drawn shapes. */

import { edgeLetters, barLength, lengthText, millimeters } from "./patient.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const EDGE = 16;
const BAR_SHARE = 0.25;
const LINE = 15;

function svg(tag, attributes, ...children) {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, given] of Object.entries(attributes)) element.setAttribute(name, String(given));
  element.append(...children);
  return element;
}

/**
 * @param {HTMLElement} place @param {import("./reading.js").Reading} reading
 * @param {() => import("./measures.js").Shape[]} shapesOf
 * @returns {() => void} draws everything anew
 */
export function createOverlay(place, reading, shapesOf) {
  const root = svg("svg", { class: "overlay", "aria-hidden": "true" });
  place.append(root);
  return () => {
    const { width, height } = place.getBoundingClientRect();
    const isImage = reading.item?.kind === "image";
    const parts = isImage && width > 0
      ? [...letters(reading, width, height), ...bar(reading, width, height),
        ...shapesOf().flatMap((shape) => drawing(reading, shape))]
      : [];
    root.replaceChildren(...parts);
  };
}

function letters(reading, width, height) {
  const { model } = reading.store.get();
  const found = model && edgeLetters(model, reading.item.frame, reading.fromPicture);
  if (!found) return [];
  const places = {
    top: [width / 2, EDGE], right: [width - EDGE, height / 2],
    bottom: [width / 2, height - EDGE], left: [EDGE, height / 2],
  };
  return Object.entries(places).map(([edge, [x, y]]) => svg("text", {
    x, y, class: "letter", "data-edge": edge, "text-anchor": "middle", "dominant-baseline": "central",
  }, found[edge]));
}

/** A bar at the right, clear of the letters and of the server's text in the corners. */
function bar(reading, width, height) {
  const { model } = reading.store.get();
  const size = model && millimeters(model, reading.item.frame);
  if (!size) return [];
  const perMillimeter = reading.scale / reading.stage.density / size.size;
  const length = barLength((height * BAR_SHARE) / perMillimeter);
  const [x, middle, half] = [width - EDGE, height * 0.7, (length * perMillimeter) / 2];
  const label = lengthText(length) + (size.isAtDetector ? " at the detector" : "");
  return [
    svg("path", {
      class: "bar", d: `M${x - 6} ${middle - half}h6v${2 * half}h-6`, "data-millimeters": length,
    }),
    svg("text", { x: x - 12, y: middle, class: "note", "text-anchor": "end",
      "dominant-baseline": "central" }, label),
  ];
}

function drawing(reading, { kind, points, lines }) {
  const at = points.map((point) => reading.toScreen(point));
  const [first, last] = [at[0], at.at(-1)];
  // Corners are converted one by one, since the picture may be rotated.
  const outline = kind === "rectangle" ? corners(points).map((each) => reading.toScreen(each)) : at;
  const path = outline.map(({ x, y }) => `${x} ${y}`).join("L") + (kind === "rectangle" ? "Z" : "");
  const low = kind === "rectangle"
    ? { x: Math.max(...outline.map(({ x }) => x)), y: Math.min(...outline.map(({ y }) => y)) }
    : kind === "angle" ? at[1] : last;
  const text = svg("text", { class: "note", x: low.x + 8, y: low.y }, ...lines.map((line, index) =>
    svg("tspan", { x: low.x + 8, dy: index === 0 ? 4 : LINE }, line)));
  const ends = kind === "rectangle" ? [] : [first, ...at.slice(1)].map(({ x, y }) =>
    svg("circle", { class: "end", cx: x, cy: y, r: 3 }));
  return [svg("path", { class: "shape", d: `M${path}` }), ...ends, text];
}

function corners([one, other]) {
  return [one, { x: other.x, y: one.y }, other, { x: one.x, y: other.y }];
}
