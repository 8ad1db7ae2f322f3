/** Attributes of the DICOM JSON model (PS3.18 F.2), and texts to display them. */

/** All values of an attribute. @param {object} model @param {string} tag */
export const values = (model, tag) => model?.[tag]?.Value ?? [];

/** The first value, or undefined. */
export const value = (model, tag) => values(model, tag)[0] ?? undefined;

/** The first value as text. */
export function text(model, tag) {
  const first = value(model, tag);
  return first === undefined || first === null ? "" : nameOf(first);
}

/** The first value as a number, or NaN. */
export const number = (model, tag) => {
  const first = value(model, tag);
  return first === undefined || first === null || first === "" ? NaN : Number(first);
};

/** All values as numbers. */
export const numbers = (model, tag) => values(model, tag).map(Number);

/** @param {unknown} item a value; person names are objects */
function nameOf(item) {
  if (typeof item !== "object") return String(item).trim();
  return personName(item.Alphabetic ?? item.Ideographic ?? item.Phonetic ?? "");
}

/** `Doe^Jane^^Dr` becomes `Doe, Jane, Dr`. */
export const personName = (stored) =>
  String(stored).split("^").map((part) => part.trim()).filter(Boolean).join(", ");

/** `20040119` becomes `2004-01-19`; anything else stays as it is. */
export const date = (stored) => String(stored).replace(/^(\d{4})\.?(\d{2})\.?(\d{2})$/, "$1-$2-$3");

/** `143005.12` becomes `14:30`. */
export const time = (stored) => String(stored).replace(/^(\d{2}):?(\d{2}).*$/, "$1:$2");

/** `1 image`, `2 images`, `3 series`. */
export function count(quantity, singular, plural = `${singular}s`) {
  return `${quantity.toLocaleString("en")} ${quantity === 1 ? singular : plural}`;
}

/** A number as short as possible, with at most `digits` decimals. */
export const short = (quantity, digits = 1) => String(Number(quantity.toFixed(digits)));

/**
 * The item of the functional group macro `sequence` that applies to a frame (PS3.3 C.7.6.16).
 * @param {object} model @param {string} sequence @param {number} frame counted from 1
 */
export function frameGroup(model, sequence, frame) {
  const own = values(model, "52009230")[frame - 1];
  const shared = value(model, "52009229");
  return value(own, sequence) ?? value(shared, sequence);
}

/** The windows the header names for a frame, the first first. */
export function windowsOf(model, frame) {
  const group = frameGroup(model, "00289132", frame) ?? model;
  const centers = numbers(group, "00281050");
  const widths = numbers(group, "00281051");
  const words = values(group, "00281055");
  return centers
    .map((center, index) => ({ center, width: widths[index], explanation: words[index] ?? "" }))
    .filter(({ center, width }) => Number.isFinite(center) && width > 0);
}

/**
 * Vertical divided by horizontal size of a pixel, 1 if unknown.
 * @param {object} model @param {number} frame
 */
export function aspect(model, frame) {
  const group = frameGroup(model, "00289110", frame) ?? model;
  for (const tag of ["00280034", "00280030", "00181164", "00182010"]) {
    const [vertical, horizontal] = numbers(group, tag);
    if (vertical > 0 && horizontal > 0) return vertical / horizontal;
  }
  return 1;
}

/** Milliseconds from one frame to the next, from the header, or 0. */
export function frameTime(model) {
  const fixed = number(model, "00181063");
  if (fixed > 0) return fixed;
  const steps = numbers(model, "00181065").filter((step) => step > 0);
  if (steps.length > 0) return steps.reduce((sum, step) => sum + step, 0) / steps.length;
  const rate = [number(model, "00082144"), number(model, "00180040")].find((each) => each > 0);
  return rate ? 1000 / rate : 0;
}

/**
 * An initial window if neither header nor server has one: the range of the stored values.
 * @param {object} model
 */
export function wholeRange(model) {
  const bits = number(model, "00280101") || 8;
  const isSigned = number(model, "00280103") === 1;
  const low = number(model, "00280106");
  const high = number(model, "00280107");
  const slope = number(model, "00281053") || 1;
  const intercept = number(model, "00281052") || 0;
  const [from, to] = high > low
    ? [low, high]
    : [isSigned ? -(2 ** (bits - 1)) : 0, 2 ** (bits - (isSigned ? 1 : 0)) - 1];
  return {
    center: Math.round(((from + to) / 2) * slope + intercept),
    width: Math.max(1, Math.round((to - from) * Math.abs(slope))),
  };
}
