/**
 * Reports, encapsulated documents and videos. Documents are not trusted: active content is removed,
 * and they are shown in a sandboxed frame.
 */

import { ask, LATER } from "./api.js";
import { find, h } from "./dom.js";
import { icon } from "./icons.js";
import { save } from "./export.js";
import { nameOfClass } from "./names.js";
import { instanceUrl } from "./stack.js";
import { formatRoute, parseRoute } from "./state/route.js";

const ACTING = "script, style, link, meta, base, iframe, frame, object, embed, form, svg, math";
const MOST_IMAGES = 60;
const DICOMWEB_PATH = /\/dicomweb(\/studies\/[0-9./a-z]+?)(?:\/(?:rendered|thumbnail))?(?:[?#].*)?$/;

/** It may read its own style and, on a click, navigate this page. No scripts: see ACTING. */
const REPORT_MAY = "allow-same-origin allow-top-navigation-by-user-activation";

let urls = [];

/** Removes the document. */
export function clearDocument() {
  const place = find("#document");
  place.replaceChildren();
  place.hidden = true;
  for (const url of urls) URL.revokeObjectURL(url);
  urls = [];
}

/**
 * Shows an item; rejects with a problem if it cannot be shown.
 * @param {import("./stack.js").Item} item @param {AbortSignal} signal
 */
export async function showDocument(item, signal) {
  const show = { document: showReport, pdf: showPdf, video: showVideo, other: showOther }[item.kind];
  const shown = await show(item, signal);
  if (signal.aborted) return;
  const place = find("#document");
  place.replaceChildren(...shown);
  place.hidden = false;
}

const fetchBlob = (item, accept, signal) => ask(`${instanceUrl(item)}/rendered`, {
  accept, signal, read: (response) => response.blob(),
});

function blobUrl(blob) {
  const url = URL.createObjectURL(blob);
  urls.push(url);
  return url;
}

/** Shows the picture or document that the server renders for an object without pixels. */
async function showOther(item, signal) {
  // Several images, or frames, are a loop.
  const accept = "image/png, image/jpeg;q=0.9, image/apng;q=0.85, image/gif;q=0.84, text/html;q=0.05";
  const blob = await fetchBlob(item, accept, signal);
  if (!blob.type.startsWith("image/")) return showReport(item, signal);
  const picture = h("img", { class: "drawn", src: blobUrl(blob), alt: await nameOfClass(item.sopClass) });
  return [picture];
}

/**
 * The class of an instance without a picture, and a link to its file.
 * @param {import("./stack.js").Item|undefined} item @param {Error} problem
 * @param {HTMLElement|null} [way] a link to something that can be shown
 */
export async function describeAbsent(item, problem, way = null) {
  if (!item) return [h("p", { textContent: problem.message })];
  const url = instanceUrl(item);
  const button = h("button", { type: "button", class: "primary", onclick: async () => {
    button.disabled = true;
    try {
      const accept = "application/dicom; transfer-syntax=*";
      save(await ask(url, { accept, read: (response) => response.blob() }), `${item.instance}.dcm`);
    } finally {
      button.disabled = false;
    }
  } }, icon("download"), " Download the DICOM file");
  const isExpected = problem.status === 406;
  return [
    h("h2", { textContent: await nameOfClass(item.sopClass) }),
    h("p", { class: "dim", textContent: isExpected
      ? "This kind of object has no picture. Its attributes and its file are available."
      : problem.message }),
    h("p", {}, way, way && " ", button),
  ];
}

async function showReport(item, signal) {
  const blob = await fetchBlob(item, "text/html;q=0.9, application/problem+json", signal);
  const clean = harmless(await blob.text());
  await inlineImages(clean, signal);
  const page = new Blob([`<!doctype html>${clean.documentElement.outerHTML}`], {
    type: "text/html; charset=utf-8",
  });
  return [frame(blobUrl(page), "Report", REPORT_MAY)];
}

function frame(src, title, sandbox) {
  const element = h("iframe", { title, referrerpolicy: "no-referrer" });
  if (sandbox !== null) element.setAttribute("sandbox", sandbox);
  element.src = src;
  return element;
}

/**
 * The document without active content, in our own style; references to instances become links
 * within this page.
 * @param {string} source
 */
function harmless(source) {
  // The browser would report blocked styles on parsing; the protection is the removal below.
  const unstyled = source.replace(/<style[\s\S]*?<\/style>/gi, "");
  const parsed = new DOMParser().parseFromString(unstyled, "text/html");
  for (const element of parsed.querySelectorAll(ACTING)) element.remove();
  for (const element of parsed.querySelectorAll("*")) {
    for (const { name } of [...element.attributes]) {
      if (/^(on|style$|action$|formaction$|srcset$|background$|target$|ping$)/i.test(name)) {
        element.removeAttribute(name);
      }
    }
  }
  for (const link of parsed.querySelectorAll("a[href], area[href]")) lead(link);
  const style = parsed.createElement("link");
  style.rel = "stylesheet";
  style.href = new URL("static/document.css", document.baseURI).href;
  const charset = parsed.createElement("meta");
  charset.setAttribute("charset", "utf-8");
  parsed.head.prepend(charset, style);
  return parsed;
}

function lead(link) {
  const href = link.getAttribute("href");
  const path = DICOMWEB_PATH.exec(href)?.[1];
  const route = path ? parseRoute(path) : null;
  if (route) {
    link.href = new URL(formatRoute({ ...route, frame: path.includes("/frames/") ? route.frame : 0 }),
      document.baseURI).href;
    link.target = "_top";
  } else if (!href.startsWith("#")) link.removeAttribute("href");
}

/** Pictures of our server, which may need a key, are embedded in the document; others are removed. */
async function inlineImages(parsed, signal) {
  const images = [...parsed.querySelectorAll("img")];
  await Promise.all(images.map(async (image, at) => {
    const source = image.getAttribute("src") ?? "";
    if (source.startsWith("data:image/")) return;
    const path = DICOMWEB_PATH.exec(source)?.[1];
    image.removeAttribute("src");
    if (!path || at >= MOST_IMAGES) return;
    const url = new URL(`dicomweb${path}/thumbnail?viewport=256,256`, document.baseURI);
    const blob = await ask(url, { accept: "image/jpeg", signal, priority: LATER, read: (r) => r.blob() })
      .catch(() => null);
    if (blob) image.src = await dataUrl(blob);
  }));
}

const dataUrl = (blob) => new Promise((resolve) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.readAsDataURL(blob);
});

/** The browser's viewer does not work in a sandbox. Shown as a PDF only, the bytes cannot run scripts. */
async function showPdf(item, signal) {
  const fetched = await fetchBlob(item, "application/pdf", signal);
  const blob = new Blob([fetched], { type: "application/pdf" });
  const button = h("button", {
    type: "button", class: "primary", onclick: () => save(blob, `${item.instance}.pdf`),
  }, icon("download"), " Download the PDF");
  const bar = h("p", { class: "document-bar" }, button);
  return navigator.pdfViewerEnabled ? [bar, frame(blobUrl(blob), "PDF document", null)] : [bar];
}

async function showVideo(item, signal) {
  const blob = await fetchBlob(item, "video/mp4, video/mpeg;q=0.5", signal);
  const video = h("video", { controls: true, loop: true, muted: true, playsInline: true });
  video.src = blobUrl(blob);
  await new Promise((resolve, reject) => {
    video.addEventListener("loadedmetadata", resolve, { once: true });
    video.addEventListener("error", () => reject(new Error("The browser cannot play this video.")), {
      once: true,
    });
  });
  return [video];
}
