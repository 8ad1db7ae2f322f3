/** The picture as a file, and commands that get it: a URL, curl, rendicom, Python. */

import { DICOMWEB, ask, key } from "./api.js";
import { openDialog } from "./dialog.js";
import { count } from "./dicom.js";
import { h } from "./dom.js";
import { inSight, storedRegion } from "./geometry.js";
import { icon } from "./icons.js";
import { instanceUrl, itemUrl } from "./stack.js";
import { queryText } from "./state/options.js";
import { resourcePath } from "./state/route.js";
import { say } from "./status.js";

const FORMATS = [
  { label: "JPEG", mediaType: "image/jpeg", extension: "jpg" },
  { label: "PNG", mediaType: "image/png", extension: "png" },
  { label: "GIF", mediaType: "image/gif", extension: "gif" },
];

/** @typedef {{url: string, mediaType: string, name: string, text: string}} Target */

/**
 * The request for the picture on screen.
 * @param {import("./reading.js").Reading} reading
 * @param {{format: object, scope: "image"|"loop", size: "full"|"screen"}} choice
 * @returns {Target}
 */
export function targetOf(reading, { format, scope, size }) {
  const { item } = reading;
  const isLoop = scope === "loop";
  const pairs = reading.pairs();
  if (size === "screen") pairs.push(["viewport", screenViewport(reading)]);
  const query = queryText(pairs).replaceAll("'", "%27");
  const url = `${isLoop ? instanceUrl(item) : itemUrl(item)}/rendered`;
  const frame = !isLoop && item.frames > 1 ? `-${String(item.frame).padStart(4, "0")}` : "";
  const accept = queryText([["accept", format.mediaType]]).replace("%2F", "/");
  return {
    url: query ? `${url}?${query}` : url,
    text: `${url}?${query ? `${query}&` : ""}${accept}`,
    mediaType: format.mediaType,
    name: `${item.instance}${frame}.${format.extension}`,
  };
}

/** The visible part, at the resolution of the screen. */
function screenViewport(reading) {
  const { size: stage } = reading.stage;
  const { view, options } = reading.store.get();
  const seen = inSight(reading.size, stage, view);
  const box = [seen.width, seen.height].map((side) => Math.max(1, Math.round(side * reading.scale)));
  const isWhole = seen.width === reading.size.width && seen.height === reading.size.height;
  if (isWhole) return box.join(",");
  const { x, y, width, height } = storedRegion(seen, reading.size, options);
  return [...box, ...[x, y, width, height].map(Math.round)].join(",");
}

/** The choices of both dialogs. */
function chooser(reading, onChange) {
  const { width, height } = reading.size;
  const isLoop = reading.item.frames > 1;
  const form = h(
    "form",
    { class: "choose", onchange: () => onChange(), onsubmit: (event) => event.preventDefault() },
    radios("Format", "format", FORMATS.map(({ label, extension }) => [extension, label])),
    radios("Size", "size", [
      ["full", `Full size (${width} × ${height})`],
      ["screen", "As on screen"],
    ]),
    isLoop && radios("Frames", "scope", [
      ["image", "This frame"],
      ["loop", `All ${reading.item.frames} frames, as a loop (GIF)`],
    ]),
  );
  const chosen = () => {
    const given = new FormData(form);
    const scope = given.get("scope") ?? "image";
    const extension = scope === "loop" ? "gif" : given.get("format");
    return targetOf(reading, {
      format: FORMATS.find((each) => each.extension === extension),
      scope,
      size: given.get("size"),
    });
  };
  return { form, chosen };
}

function radios(legend, name, choices) {
  return h("fieldset", {}, h("legend", { textContent: legend }), ...choices.map(([value, label], at) =>
    h("label", { class: "check" }, h("input", { type: "radio", name, value, checked: at === 0 }),
      ` ${label}`)));
}

/** The DICOM files of a study or a series, as one archive. */
function archives(item, study) {
  const link = (label, resource) => {
    const url = `${DICOMWEB}${resourcePath(resource)}`;
    const name = `${Object.values(resource).at(-1)}.zip`;
    if (!key.get()) {
      const href = `${url}?accept=application/zip`;
      return h("a", { class: "button", href }, icon("archive"), ` ${label}`);
    }
    // A link cannot send the key: the browser holds the archive in memory until it is complete.
    const button = h("button", { type: "button", onclick: async () => {
      button.disabled = true;
      try {
        save(await ask(url, { accept: "application/zip", read: (response) => response.blob() }), name);
      } catch (problem) {
        say(problem.message);
      }
      button.disabled = false;
    } }, icon("archive"), ` ${label}`);
    return button;
  };
  return h("section", { class: "archives" },
    h("h3", { textContent: "DICOM files" }),
    h("p", {}, link("This study (ZIP)", { study }),
      item && link("This series (ZIP)", { study, series: item.series })));
}

/** @param {import("./reading.js").Reading} reading @param {string} study */
export function openDownload(reading, study) {
  const files = archives(reading.item, study);
  if (reading.item?.kind !== "image") {
    openDialog("Download", [files], { name: "download" });
    return;
  }
  const state = h("p", { class: "dim", role: "status" });
  const { form, chosen } = chooser(reading, () => {
    state.textContent = "";
  });
  const button = h("button", { class: "primary", autofocus: true, textContent: "Download" });
  form.append(state, h("p", { class: "buttons" }, button));
  const { dialog } = openDialog("Download", [form, files], { name: "download" });
  form.addEventListener("submit", async () => {
    const target = chosen();
    button.disabled = true;
    state.textContent = "The server is preparing the file…";
    try {
      const { blob } = await reading.pictures.get(target.url, target.mediaType);
      save(blob, target.name);
      say(`Downloaded ${count(blob.size, "byte")}.`);
      dialog.close();
    } catch (problem) {
      state.textContent = problem.message;
      button.disabled = false;
    }
  });
}

/** Hands a file to the person. @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

// --- commands --------------------------------------------------------------------------------

/** @param {Target} target @returns {[string, string][]} labels and texts */
export function snippets({ url, text, mediaType, name }, hasKey) {
  const header = hasKey ? " -H \"X-API-Key: $RENDICOM_API_KEY\"" : "";
  const keyLine = hasKey ? ", \"X-API-Key\": os.environ[\"RENDICOM_API_KEY\"]" : "";
  const python = [
    ...(hasKey ? ["import os"] : []),
    "import urllib.request",
    "",
    `url = "${url}"`,
    `headers = {"Accept": "${mediaType}"${keyLine}}`,
    "request = urllib.request.Request(url, headers=headers)",
    `with urllib.request.urlopen(request) as response, open("${name}", "wb") as file:`,
    "    file.write(response.read())",
  ];
  return [
    ["URL", text],
    ["curl", `curl -f -H 'Accept: ${mediaType}'${header} -o ${name} '${url}'`],
    ["rendicom get", `rendicom get '${url}' ${name}${header}`],
    ["Python", python.join("\n")],
  ];
}

/** @param {import("./reading.js").Reading} reading */
export function openShare(reading) {
  if (reading.item?.kind !== "image") return say("There is no picture to copy here.");
  const list = h("div", { class: "snippets" });
  const fill = () => list.replaceChildren(
    ...[...snippets(chosen(), key.get() !== ""), ["Link to this page", location.href]].map(snippet),
  );
  const { form, chosen } = chooser(reading, fill);
  fill();
  openDialog("Copy", [form, list], { name: "share" });
}

function snippet([label, text]) {
  const area = h("textarea", {
    readOnly: true, value: text, rows: text.split("\n").length, spellcheck: false,
    "aria-label": label, wrap: "off",
  });
  return h(
    "section",
    {},
    h("header", {},
      h("h3", { textContent: label }),
      h("button", {
        type: "button", "aria-label": `Copy ${label}`, textContent: "Copy", autofocus: label === "URL",
        onclick: () => copy(area, label),
      })),
    area,
  );
}

/** Without a secure context, only the selection can be copied. */
async function copy(area, label) {
  try {
    await navigator.clipboard.writeText(area.value);
  } catch {
    area.focus();
    area.select();
    if (!document.execCommand("copy")) return say("The browser blocks copying: press Ctrl+C.");
  }
  say(`${label} copied.`);
}
