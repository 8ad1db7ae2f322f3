/**
 * Lengths, angles and rectangles that the user draws on an image. They are kept for each frame
 * while the page is open; the numbers come from the server, which has the stored values.
 */

import { askJson } from "./api.js";
import { short } from "./dicom.js";
import { debounced } from "./dom.js";
import { resourcePath } from "./state/route.js";

/**
 * @typedef {{x: number, y: number}} Point in pixels of the stored image
 * @typedef {{kind: "line"|"angle"|"rectangle", points: Point[], lines: string[]}} Shape
 */

/** Points of each kind of shape. */
const POINTS = { line: 2, angle: 3, rectangle: 2 };
const SHORTEST = 1.5;
const WAIT = 80;

export const KINDS = Object.keys(POINTS);

/** Asks the server for a measure of one frame. @param {import("./stack.js").Item} item */
export function askMeasure(item, kind, points, signal) {
  const path = `page/${resourcePath({ ...item, frame: item.frame || 1 })}/values`;
  const numbers = points.flatMap(({ x, y }) => [x, y]).map((each) => short(each, 3));
  return askJson(new URL(`${path}?${kind}=${numbers.join(",")}`, document.baseURI), { signal });
}

/** A number with a useful number of digits, and a minus sign (U+2212). */
export function figure(value) {
  if (value === null) return "no number";
  const digits = Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 100 ? 1 : 2;
  const text = Math.abs(value) < 0.01 && value !== 0 ? value.toPrecision(3) : short(value, digits);
  return text.replace("-", "−");
}

const figures = (value) => [value].flat().map(figure).join(" / ");
const withUnit = (text, unit) => (unit ? `${text} ${unit.replace("mm2", "mm²")}` : text);

/** The text of a measurement, in lines. */
export function linesOf(kind, found) {
  if (kind === "line") return [withUnit(figure(found.length), found.unit)];
  if (kind === "angle") return [`${short(found.angle)}°`];
  return [
    withUnit(`Mean ${figures(found.mean)}`, found.unit),
    `SD ${figures(found.deviation)}`,
    `${figures(found.minimum)} to ${figures(found.maximum)}`,
    found.areaUnit === "pixels"
      ? `${found.pixels} pixels`
      : withUnit(`${figure(found.area)}`, found.areaUnit),
  ];
}

export class Measures {
  /** @param {import("./reading.js").Reading} reading */
  constructor(reading) {
    this.reading = reading;
    this.listeners = [];
    this.byFrame = new Map();
    /** The shape that is being drawn. */
    this.drawn = null;
    /** The last result, for screen readers. */
    this.said = "";
    this.asking = new AbortController();
    this.askSoon = debounced((shape) => this.#ask(shape), WAIT);
  }

  onChange() {
    for (const run of this.listeners) run();
  }

  get #name() {
    const { item } = this.reading;
    return item ? `${item.instance}/${item.frame}` : "";
  }

  /** Shapes of the frame that is shown. @returns {Shape[]} */
  get shapes() {
    return this.byFrame.get(this.#name) ?? [];
  }

  /** Begins a shape, or its next side. @param {keyof POINTS} kind @param {Point} point */
  begin(kind, point) {
    if (this.drawn?.kind === kind && this.shapes.includes(this.drawn)) {
      this.#put([...this.drawn.points.slice(0, this.drawn.settled), point]);
      return;
    }
    this.drop();
    this.drawn = { kind, points: [point, point], settled: 1, lines: [] };
    this.byFrame.set(this.#name, [...this.shapes, this.drawn]);
    this.onChange();
  }

  /** Moves the end that is not settled; also while no button is held. @param {Point} point */
  move(point) {
    if (!this.drawn) return;
    this.#put([...this.drawn.points.slice(0, this.drawn.settled), point]);
  }

  #put(points) {
    this.drawn.points = points;
    if (points.length === POINTS[this.drawn.kind]) this.askSoon(this.drawn);
    this.onChange();
  }

  /** Sets the last point; with all its points a shape is done. A click without a drag draws nothing. */
  end() {
    const shape = this.drawn;
    if (!shape) return;
    const [before, last] = shape.points.slice(-2);
    if (Math.hypot(before.x - last.x, before.y - last.y) * this.reading.scale < SHORTEST) {
      if (shape.settled === 1) this.drop();
      return;
    }
    shape.settled = shape.points.length;
    if (shape.settled < POINTS[shape.kind]) return;
    this.drawn = null;
    this.#ask(shape);
  }

  /** Discards the unfinished shape. */
  drop() {
    if (!this.drawn) return;
    this.#remove(this.drawn);
    this.drawn = null;
  }

  /** Removes the shapes of the frame that is shown. */
  clear() {
    this.drawn = null;
    this.byFrame.delete(this.#name);
    this.onChange();
  }

  #remove(shape) {
    for (const [name, shapes] of this.byFrame) {
      this.byFrame.set(name, shapes.filter((each) => each !== shape));
    }
    this.onChange();
  }

  async #ask(shape) {
    const { item } = this.reading;
    if (!item || shape.points.length !== POINTS[shape.kind]) return;
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    try {
      const found = await askMeasure(item, shape.kind, shape.points, signal);
      shape.lines = linesOf(shape.kind, found);
    } catch (problem) {
      if (signal.aborted) return;
      shape.lines = [problem.message];
    }
    if (shape !== this.drawn) this.said = shape.lines.join(", ");
    this.onChange();
  }
}
