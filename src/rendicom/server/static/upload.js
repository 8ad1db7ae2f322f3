/** Upload of files that are chosen, or dropped on the list (STOW-RS). */

import { DICOMWEB, LATER, ask } from "./api.js";
import { count, text, values } from "./dicom.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";

const BATCH_BYTES = 32 << 20;
const BATCH_FILES = 50;

/** Files in handfuls that travel together. @param {File[]} files */
export function batches(files) {
  const found = [];
  let size = 0;
  for (const file of files) {
    const last = found.at(-1);
    if (last && last.length < BATCH_FILES && size + file.size <= BATCH_BYTES) last.push(file);
    else {
      found.push([file]);
      size = 0;
    }
    size += file.size;
  }
  return found;
}

/** Sends files; resolves to the number stored and the reasons of refusals. */
async function send(files, signal) {
  const boundary = `rendicom-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
  const parts = files.flatMap((file) => [
    `--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`, file, "\r\n",
  ]);
  const body = new Blob([...parts, `--${boundary}--\r\n`]);
  return ask(`${DICOMWEB}studies`, {
    method: "POST", body, signal, priority: LATER, accept: "application/dicom+json",
    type: `multipart/related; type="application/dicom"; boundary=${boundary}`,
    accepts: [409], read: async (response) => outcomeOf(await response.json()),
  });
}

/** Stored and refused instances of a store response (PS3.18 10.5.3.2). */
function outcomeOf(model) {
  return {
    stored: values(model, "00081199").length,
    reasons: values(model, "00081198").map((item) => text(item, "00081197") || "unknown"),
  };
}

/** @param {File[]} files @param {() => void} onStored */
export async function upload(files, onStored) {
  if (files.length === 0) return;
  const controller = new AbortController();
  const bar = h("progress", { max: files.length, value: 0, "aria-label": "Sent" });
  const state = h("p", { role: "status" });
  const { closed } = openDialog("Upload", [state, bar], { name: "upload" });
  closed.then(() => controller.abort());
  let [stored, refused] = [0, 0];
  const tell = (sentence) => {
    state.textContent = sentence;
  };
  tell(`Sending ${count(files.length, "file")}…`);
  for (const batch of batches(files)) {
    try {
      const outcome = await send(batch, controller.signal);
      stored += outcome.stored;
      refused += batch.length - outcome.stored;
    } catch (problem) {
      if (controller.signal.aborted) break;
      refused += batch.length;
      if (problem.status !== 400 && problem.status !== 409) {
        tell(`${count(stored, "file")} stored. ${problem.message}`);
        break;
      }
    }
    bar.value = stored + refused;
    tell(`${count(stored, "file")} stored${refused > 0 ? `, ${refused} refused: not DICOM, or not accepted by the server` : ""}.`);
  }
  if (stored > 0) onStored();
}

/** All files of what is dropped, those in folders too. @param {DataTransfer} given @returns {Promise<File[]>} */
export async function droppedFiles(given) {
  const entries = [...given.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return [...given.files];
  return (await Promise.all(entries.map(filesOf))).flat();
}

async function filesOf(entry) {
  if (entry.isFile) return new Promise((resolve, reject) => entry.file((file) => resolve([file]), reject));
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const more = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (more.length === 0) return (await Promise.all(found.map(filesOf))).flat();
    found.push(...more);
  }
}
