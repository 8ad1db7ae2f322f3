/** Directions and lengths in the patient, as the header has them (PS3.3 C.7.6.1.1.1, C.7.6.2). */

import { frameGroup, number, numbers, text, values } from "./dicom.js";

/**
 * @typedef {{row: number[], column: number[]}} Directions where x and y of the image lead to
 * @typedef {{x: number, y: number}} Point
 */

const AXES = [["L", "R"], ["P", "A"], ["H", "F"]];
const OPPOSITE = { L: "R", R: "L", P: "A", A: "P", H: "F", F: "H" };
const OBLIQUE = 0.25;
const PIXEL_SPACING = "00280030";

/** Image Orientation of a frame, or null. @returns {Directions|null} */
export function directionsOf(model, frame) {
  const given = numbers(frameGroup(model, "00209116", frame) ?? model, "00200037");
  if (given.length !== 6 || !given.every(Number.isFinite)) return null;
  return { row: given.slice(0, 3), column: given.slice(3) };
}

/** `L`, `PL`: the sides of the patient that a direction points to, the main one first. */
export function lettersOf(direction) {
  return direction
    .map((length, axis) => ({ size: Math.abs(length), letter: AXES[axis][length > 0 ? 0 : 1] }))
    .filter(({ size }) => size > OBLIQUE)
    .sort((a, b) => b.size - a.size)
    .map(({ letter }) => letter)
    .join("");
}

/**
 * Letters of the edges of the picture on screen, or null if they are unknown.
 * @param {object} model @param {number} frame
 * @param {(point: Point) => Point} toImage from the picture into the stored image
 * @returns {{top: string, right: string, bottom: string, left: string}|null}
 */
export function edgeLetters(model, frame, toImage) {
  const directions = directionsOf(model, frame);
  const words = values(model, "00200020").map(String);
  if (directions === null && words.length !== 2) return null;
  const origin = toImage({ x: 0, y: 0 });
  const towards = (x, y) => {
    const end = toImage({ x, y });
    // Only the signs matter: pixels may not be square.
    const [dx, dy] = [Math.sign(end.x - origin.x), Math.sign(end.y - origin.y)];
    if (directions === null) return wordTowards(words, Math.round(dx), Math.round(dy));
    return lettersOf(directions.row.map((each, axis) => each * dx + directions.column[axis] * dy));
  };
  return {
    top: towards(0, -1), right: towards(1, 0), bottom: towards(0, 1), left: towards(-1, 0),
  };
}

/** Patient Orientation has the letters themselves, those of rows and columns. */
function wordTowards([row, column], dx, dy) {
  const word = dx !== 0 ? row : column;
  if (!/^[LRPAHF]{1,3}$/.test(word)) return "";
  return dx + dy > 0 ? word : [...word].map((each) => OPPOSITE[each]).join("");
}

/**
 * Millimeters of a pixel of the picture (the smaller side of a stored one), or null.
 * @returns {{size: number, isAtDetector: boolean}|null}
 */
export function millimeters(model, frame) {
  const group = frameGroup(model, "00289110", frame) ?? model;
  const known = [
    [numbers(group, PIXEL_SPACING), false], [ofRegion(model), false],
    [numbers(model, "00181164"), true], [numbers(model, "00182010"), true],
  ];
  const found = known.find(([sizes]) => sizes.length === 2 && sizes.every((size) => size > 0));
  return found ? { size: Math.min(...found[0]), isAtDetector: found[1] } : null;
}

/** Sizes in the only region of an ultrasound image that is in centimeters. */
function ofRegion(model) {
  const regions = values(model, "00186011")
    .filter((region) => number(region, "00186024") === 3 && number(region, "00186026") === 3);
  if (regions.length !== 1) return [];
  return ["0018602E", "0018602C"].map((tag) => Math.abs(number(regions[0], tag)) * 10);
}

/** The longest of 1, 2, 5, 10, … millimeters that is not longer than `most`. */
export function barLength(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  const step = [5, 2, 1].find((each) => each * power <= most) ?? 1;
  return step * power;
}

/** `5 cm`, `2 mm`, `50 µm`. @param {number} length in millimeters */
export function lengthText(length) {
  const [unit, factor] = length >= 10 ? ["cm", 0.1] : length >= 1 ? ["mm", 1] : ["µm", 1000];
  return `${Number((length * factor).toPrecision(3))} ${unit}`;
}

/**
 * Position of a frame: frame of reference, normal of its plane, and distance along the normal.
 * @returns {{reference: string, normal: number[], distance: number}|null}
 */
export function placeOf(model, frame) {
  const directions = directionsOf(model, frame);
  const position = numbers(frameGroup(model, "00209113", frame) ?? model, "00200032");
  const reference = text(model, "00200052");
  if (directions === null || position.length !== 3 || reference === "") return null;
  const { row: [a, b, c], column: [d, e, f] } = directions;
  const normal = [b * f - c * e, c * d - a * f, a * e - b * d];
  const distance = normal.reduce((sum, each, axis) => sum + each * position[axis], 0);
  return Number.isFinite(distance) ? { reference, normal, distance } : null;
}

/** Whether two frames are parallel, so that their distances along the normal can be compared. */
export function areParallel(one, other) {
  if (one === null || other === null || one.reference !== other.reference) return false;
  const cosine = one.normal.reduce((sum, each, axis) => sum + each * other.normal[axis], 0);
  return Math.abs(cosine) > 0.999;
}

/** Signed distance of `other` seen along the normal of `one`. */
export function distanceAlong(one, other) {
  const cosine = one.normal.reduce((sum, each, axis) => sum + each * other.normal[axis], 0);
  return other.distance * Math.sign(cosine) - one.distance;
}
