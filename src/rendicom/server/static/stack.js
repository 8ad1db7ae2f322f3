/**
 * A series as a stack to page through: frames of multi-frame instances and single-frame instances
 * alike, in the order of their numbers.
 */

import { DICOMWEB, askDicom } from "./api.js";
import { number, text, values } from "./dicom.js";
import { isAboutImages } from "./layers.js";
import { resourcePath } from "./state/route.js";

/**
 * @typedef {{study: string, series: string, instance: string, sopClass: string,
 *   kind: "image"|"document"|"pdf"|"video"|"other", frame: number, frames: number,
 *   instanceNumber: number, rows: number, columns: number, photometric: string}} Item
 */

const PAGE = 500;
const MOST_INSTANCES = 20_000;

/** Attributes that are requested in addition to those every search returns. */
const EXTRA = ["00280004", "00280002", "00083002"];

const DOCUMENTS = ["1.2.840.10008.5.1.4.1.1.88.", "1.2.840.10008.5.1.4.1.1.104."];
const PDF = "1.2.840.10008.5.1.4.1.1.104.1";
const VIDEO_SYNTAX = /^1\.2\.840\.10008\.1\.2\.4\.10[0-8](\.1)?$/;
const VIDEO_CLASSES = [
  "1.2.840.10008.5.1.4.1.1.77.1.1.1", "1.2.840.10008.5.1.4.1.1.77.1.2.1",
  "1.2.840.10008.5.1.4.1.1.77.1.4.1",
];

/** Studies of a patient. @param {string} patient ID */
export async function listStudies(patient) {
  const query = `PatientID=${encodeURIComponent(patient)}&includefield=00081030&limit=50`;
  const found = await askDicom(`studies?${query}`);
  // An ID with a star in it is a pattern, which others match as well.
  return found.filter((model) => text(model, "00100020") === patient);
}

/** @param {string} study @param {{signal?: AbortSignal}} how */
export async function listSeries(study, how) {
  const found = await askDicom(`studies/${study}/series?includefield=00201209`, how);
  return found.sort((a, b) => byNumber(number(a, "00200011"), number(b, "00200011"))
    || text(a, "0020000E").localeCompare(text(b, "0020000E")));
}

/**
 * All items of a series.
 * @param {string} study @param {string} series @param {{signal?: AbortSignal}} how
 * @returns {Promise<Item[]>}
 */
export async function listStack(study, series, how) {
  const path = `studies/${study}/series/${series}/instances`;
  const found = [];
  while (found.length < MOST_INSTANCES) {
    const query = `includefield=${EXTRA.join(",")}&limit=${PAGE}&offset=${found.length}`;
    const more = await askDicom(`${path}?${query}`, how);
    found.push(...more);
    if (more.length < PAGE) break;
  }
  return found
    .map((model) => itemOf(model, study, series))
    .sort((a, b) => byNumber(a.instanceNumber, b.instanceNumber)
      || a.instance.localeCompare(b.instance))
    .flatMap(framesOf);
}

/** Missing numbers go last. */
function byNumber(a, b) {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a - b;
}

function itemOf(model, study, series) {
  const sopClass = text(model, "00080016");
  const frames = number(model, "00280008") || 1;
  return {
    study,
    series,
    instance: text(model, "00080018"),
    sopClass,
    kind: kindOf(sopClass, values(model, "00083002"), frames, number(model, "00280010")),
    frame: 1,
    frames,
    instanceNumber: number(model, "00200013"),
    rows: number(model, "00280010"),
    columns: number(model, "00280011"),
    photometric: text(model, "00280004"),
  };
}

function kindOf(sopClass, transferSyntaxes, frames, rows) {
  if (sopClass === PDF) return "pdf";
  if (DOCUMENTS.some((prefix) => sopClass.startsWith(prefix))) return "document";
  if (!rows) return "other";
  const isVideo = transferSyntaxes.length > 0
    ? transferSyntaxes.some((syntax) => VIDEO_SYNTAX.test(syntax))
    : frames > 1 && VIDEO_CLASSES.includes(sopClass);
  return isVideo ? "video" : "image";
}

function framesOf(item) {
  if (item.kind !== "image" || item.frames === 1) return [item];
  return Array.from({ length: item.frames }, (_, index) => ({ ...item, frame: index + 1 }));
}

/** URL of the resource an item is; one frame of many has a URL of its own. @param {Item} item */
export function itemUrl(item) {
  const { study, series, instance } = item;
  // The picture of a segmentation itself is that of a frame; the instance is drawn on its images.
  const isFrame = item.kind === "image" && (item.frames > 1 || isAboutImages(item.sopClass));
  const frame = isFrame ? item.frame : 0;
  return DICOMWEB + resourcePath({ study, series, instance, frame });
}

/** URL of the whole instance. @param {Item} item */
export const instanceUrl = ({ study, series, instance }) =>
  DICOMWEB + resourcePath({ study, series, instance });
