/**
 * All requests to the server: few at once, each with the API key, and errors as readable texts.
 */

const MOST_AT_ONCE = 6;
const KEY = "rendicom-api-key";
const ATTEMPTS_WHEN_BUSY = 4;

/** Where the DICOMweb services are, with a slash at the end. */
export const DICOMWEB = new URL("dicomweb/", document.baseURI).href;

/** Priorities: visible content comes first. */
export const NOW = 0;
export const SOON = 1;
export const LATER = 2;

/** A problem reported by the server (RFC 9457), or a server that cannot be reached. */
export class Problem extends Error {
  /** @param {{status: number, title: string, detail?: string, hint?: string}} said */
  constructor({ status, title, detail = "", hint = "" }) {
    super([detail || title, hint].filter(Boolean).map(asSentence).join(" "));
    Object.assign(this, { status, title, detail, hint });
  }
}

/** @param {string} text */
function asSentence(text) {
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(sentence) ? sentence : `${sentence}.`;
}

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (text) => sessionStorage.setItem(KEY, text),
};

let askForKey = async () => false;
let asking = null;
let hasRefused = false;

/** @param {(wasWrong: boolean) => Promise<boolean>} ask resolves to whether a key was given */
export function onKeyNeeded(ask) {
  askForKey = ask;
}

const waiting = [[], [], []];
let inFlight = 0;

/** Resolves to a function that releases the slot; rejects if `signal` aborts before. */
function place(priority, signal) {
  return new Promise((resolve, reject) => {
    const entry = { resolve, signal };
    waiting[priority].push(entry);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    admit();
  });
}

function admit() {
  while (inFlight < MOST_AT_ONCE) {
    const line = waiting.find((each) => each.length > 0);
    if (line === undefined) return;
    const { resolve, signal } = line.shift();
    if (signal?.aborted) continue;
    inFlight += 1;
    resolve(() => {
      inFlight -= 1;
      admit();
    });
  }
}

/**
 * The resource at `url`, read by `read`.
 * @template T
 * @param {string|URL} url
 * @param {{accept: string, read: (response: Response) => Promise<T>, signal?: AbortSignal,
 *   priority?: number, method?: string, body?: Blob, type?: string, accepts?: number[]}} how
 *   `accepts`: error statuses whose body is read like that of a success
 * @returns {Promise<T>}
 */
export async function ask(url, { accept, read, signal, priority = NOW, accepts = [], ...sent }) {
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    const used = key.get();
    const release = await place(priority, signal);
    let pause = 0;
    try {
      const response = await send(url, accept, used, signal, sent);
      if (response.ok || accepts.includes(response.status)) return await read(response);
      pause = pauseOf(response, attempt);
      if (response.status !== 401 && pause === 0) throw await problemOf(response);
      await response.body?.cancel();
    } finally {
      release();
    }
    if (pause > 0) await rest(pause, signal);
    else await newKey(used);
  }
}

/** Problems are requested as JSON, with a lower q so that the server does not prefer it. */
const withProblems = (accept) =>
  (accept.includes("json") ? accept : `${accept}, application/problem+json;q=0.1`);

async function send(url, accept, apiKey, signal, { method = "GET", body, type }) {
  const headers = { Accept: withProblems(accept) };
  if (type) headers["Content-Type"] = type;
  if (apiKey) headers["X-API-Key"] = apiKey;
  try {
    return await fetch(url, { method, body, headers, signal, credentials: "same-origin" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem({
      status: 0,
      title: "The server does not answer",
      hint: "Check that it is still running and try again",
    });
  }
}

/** Seconds to wait before a busy server is tried again; 0 for no further attempt. */
function pauseOf(response, attempt) {
  if (response.status !== 503 || attempt >= ATTEMPTS_WHEN_BUSY) return 0;
  const said = Number(response.headers.get("Retry-After"));
  return Math.min(Math.max(said || 1, 0.2), 10);
}

function rest(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}

/** Shows one dialog for all refused requests; once it is dismissed, it is not shown again. */
async function newKey(used) {
  if (key.get() !== used) return;
  if (!hasRefused) {
    asking ??= askForKey(used !== "").finally(() => {
      asking = null;
    });
    hasRefused = !await asking;
  }
  if (hasRefused) {
    throw new Problem({
      status: 401,
      title: "The server requires an API key",
      hint: "Reload the page to enter one",
    });
  }
}

/** @param {Response} response */
async function problemOf(response) {
  const type = response.headers.get("Content-Type") ?? "";
  if (type.includes("json")) {
    try {
      const { title, detail, hint } = await response.json();
      return new Problem({ status: response.status, title: title || "The request failed", detail, hint });
    } catch { /* a body that is not what it says tells nothing: the status does */ }
  }
  return new Problem({
    status: response.status,
    title: TITLES[response.status] ?? `The server answered with status ${response.status}`,
  });
}

const TITLES = {
  403: "Your key does not allow this",
  404: "Not found on this server",
  406: "The server has no picture of this object",
  410: "This was deleted",
  413: "This is larger than the server allows",
  500: "The server failed to process this",
  503: "The server is busy: try again in a moment",
};

/** JSON, or null where the answer is empty. */
export const askJson = (url, { accept = "application/json", ...how } = {}) => ask(url, {
  ...how,
  accept,
  read: async (response) => {
    const text = await response.text();
    return text === "" ? null : JSON.parse(text);
  },
});

/** DICOM JSON objects of a search or of metadata. */
export const askDicom = async (path, how = {}) => (await askPage(path, how)).models;

const REMAINING = /There are (\d+) additional results/;

/** The same, and the number of further results on the server. */
export const askPage = (path, how = {}) => ask(new URL(path, DICOMWEB), {
  ...how,
  accept: "application/dicom+json",
  read: async (response) => {
    const text = await response.text();
    const remaining = Number(REMAINING.exec(response.headers.get("Warning") ?? "")?.[1] ?? 0);
    return { models: text === "" ? [] : JSON.parse(text), remaining };
  },
});
