/**
 * Pictures from the server, cached as encoded bytes; the least recently used are removed first.
 */

import { ask, NOW } from "./api.js";

const MEBIBYTE = 1 << 20;
/** Code and agent before each text of a Warning header. */
const WARNING = /(?:^|, )299 \S+: /;

/** @typedef {{blob: Blob, voi: string, warnings: string[]}} Picture */

export class Pictures {
  /** @param {number} mostBytes */
  constructor(mostBytes = roomForPictures()) {
    this.mostBytes = mostBytes;
    this.bytes = 0;
    this.kept = new Map();
    this.underWay = new Map();
  }

  /** Whether the picture is here already. @param {string} url @param {string} accept */
  has(url, accept) {
    return this.kept.has(`${accept} ${url}`);
  }

  /**
   * The picture at `url`; equal requests share a response, which is cancelled when all callers
   * have aborted.
   * @param {string} url @param {string} accept
   * @param {{signal?: AbortSignal, priority?: number}} [how]
   * @returns {Promise<Picture>}
   */
  async get(url, accept, { signal, priority = NOW } = {}) {
    signal?.throwIfAborted();
    const name = `${accept} ${url}`;
    const kept = this.kept.get(name);
    if (kept) {
      this.kept.delete(name);
      this.kept.set(name, kept);
      return kept;
    }
    let request = this.underWay.get(name);
    // A picture that waits in the queue of prefetches is requested again, with priority.
    if (!request || request.priority > priority) request = this.#start(name, url, accept, priority);
    return this.#wait(name, request, signal);
  }

  #start(name, url, accept, priority) {
    const controller = new AbortController();
    const request = { controller, priority, waiters: 0 };
    request.answer = ask(url, { accept, signal: controller.signal, priority, read: readPicture })
      .then((picture) => this.#keep(name, picture))
      .finally(() => {
        if (this.underWay.get(name) === request) this.underWay.delete(name);
      });
    request.answer.catch(() => {});
    this.underWay.set(name, request);
    return request;
  }

  #wait(name, request, signal) {
    request.waiters += 1;
    return new Promise((resolve, reject) => {
      const leave = () => {
        request.waiters -= 1;
        if (request.waiters === 0) {
          // Removed at once, so that later calls do not wait for a cancelled request.
          if (this.underWay.get(name) === request) this.underWay.delete(name);
          request.controller.abort();
        }
        reject(signal.reason);
      };
      signal?.addEventListener("abort", leave, { once: true });
      request.answer.then(resolve, reject).finally(() => signal?.removeEventListener("abort", leave));
    });
  }

  #keep(name, picture) {
    const former = this.kept.get(name);
    if (former) this.bytes -= former.blob.size;
    this.kept.delete(name);
    this.kept.set(name, picture);
    this.bytes += picture.blob.size;
    for (const [oldest, { blob }] of this.kept) {
      if (this.bytes <= this.mostBytes || oldest === name) break;
      this.kept.delete(oldest);
      this.bytes -= blob.size;
    }
    return picture;
  }
}

/** A sixteenth of the memory of the device, as far as the browser tells. */
function roomForPictures() {
  const gibibytes = navigator.deviceMemory ?? 4;
  return Math.min(256, Math.max(32, gibibytes * 64)) * MEBIBYTE;
}

/** @param {Response} response @returns {Promise<Picture>} */
async function readPicture(response) {
  return {
    blob: await response.blob(),
    voi: response.headers.get("Rendicom-Voi") ?? "",
    warnings: (response.headers.get("Warning") ?? "").split(WARNING).filter(Boolean),
  };
}
