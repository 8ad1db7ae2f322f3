/** The list of studies: search, pages, and progress while the server indexes files. */

import { askJson, askPage } from "./api.js";
import { count, date, number, text, time, values } from "./dicom.js";
import { find, h } from "./dom.js";
import { icon } from "./icons.js";
import { formatRoute } from "./state/route.js";
import { thumbnail } from "./thumbnails.js";
import { droppedFiles, upload } from "./upload.js";

const PAGE = 50;
const POLL = 2000;
const MOST_TAGS = 6;
const MODALITIES = ["CT", "CR", "DX", "ES", "IO", "MG", "MR", "NM", "OP", "PT", "RF", "SM", "SR", "US", "XA"];
const EXTRA = "00081030,00201206,00201208,00080061";

export function createStudies() {
  const form = find("#search");
  const state = { offset: 0, shown: [], opened: "", isStale: true, order: "-StudyDate" };
  let searching = new AbortController();
  let polling = 0;

  find("#modalities").append(...MODALITIES.map((each) => h("option", { value: each })));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    state.offset = 0;
    search();
  });
  find("#more").addEventListener("click", () => {
    find("#more").setAttribute("aria-expanded", String(form.classList.toggle("open")));
  });
  form.addEventListener("reset", () => setTimeout(() => form.requestSubmit()));
  for (const button of find("#pager").querySelectorAll("button")) {
    button.addEventListener("click", () => {
      state.offset = Math.max(0, state.offset + Number(button.dataset.page) * PAGE);
      search().then(() => find("#results").focus());
    });
  }

  listenToFiles(() => search());

  /** Sorts by a column; a second click reverses the order. */
  function sortBy(keyword) {
    const isFirst = state.order.replace("-", "") !== keyword;
    const falls = isFirst ? keyword === "StudyDate" : !state.order.startsWith("-");
    state.order = (falls ? "-" : "") + keyword;
    state.offset = 0;
    search().then(() => find(`[data-order="${keyword}"]`)?.focus());
  }

  async function search() {
    searching.abort();
    searching = new AbortController();
    const { signal } = searching;
    find("#results").setAttribute("aria-busy", "true");
    try {
      const query = queryOf(new FormData(form));
      query.append("includefield", EXTRA);
      query.append("orderby", state.order);
      query.append("limit", String(PAGE));
      query.append("offset", String(state.offset));
      const { models, remaining } = await askPage(`studies?${query}`, { signal });
      state.isStale = false;
      list(models, remaining);
    } catch (problem) {
      if (!signal.aborted) tell(problem.message);
    } finally {
      if (!signal.aborted) find("#results").removeAttribute("aria-busy");
    }
  }

  function list(found, remaining) {
    state.shown = found;
    const last = state.offset + found.length;
    find("#pager").hidden = found.length === 0;
    for (const button of find("#pager").querySelectorAll("button")) {
      const isBack = button.dataset.page === "-1";
      button.disabled = isBack ? state.offset === 0 : remaining === 0;
      button.hidden = state.offset === 0 && remaining === 0;
    }
    const whole = count(last + remaining, "study", "studies");
    find("#pager-text").textContent = found.length === last + remaining
      ? whole
      : `${state.offset + 1}–${last} of ${whole}`;
    if (found.length > 0) find("#results").replaceChildren(table(found, state.order, sortBy));
    else if (isFiltered()) tell("No study matches. A name may be given in part, and with * and ?.");
    else watch();
  }

  const isFiltered = () => [...new FormData(form).values()].some((each) => each.trim() !== "");

  function tell(...content) {
    find("#results").replaceChildren(h("p", { class: "notice", role: "status" }, ...content));
  }

  /** Shows the progress of indexing, and polls until it is complete. */
  async function watch() {
    clearTimeout(polling);
    if (find("#studies").hidden) return;
    try {
      const status = await askJson(new URL("page/status.json", document.baseURI));
      const { found, indexed, failed, is_complete: isComplete } = status.indexing;
      find("#index-state").textContent = stateText(status);
      find("[data-action='upload']").hidden = !status.writable;
      if (state.shown.length === 0 && !isFiltered()) {
        if (status.instances > 0) await search();
        else tell(...emptyText(status, isComplete, found, indexed, failed));
      } else if (!isComplete && state.offset === 0 && !isFiltered()) await search();
      if (!isComplete || state.shown.length === 0) polling = setTimeout(watch, POLL);
    } catch (problem) {
      if (state.shown.length === 0) tell(problem.message);
      polling = setTimeout(watch, POLL * 3);
    }
  }

  return {
    show() {
      document.title = "Studies – Rendicom";
      if (state.isStale) search().then(watch);
      else {
        watch();
        find(`#results a[data-study="${state.opened}"]`)?.focus();
      }
    },
    hide() {
      clearTimeout(polling);
    },
    /** Remembers where the person was. @param {string} study */
    opened(study) {
      state.opened = study;
    },
  };
}

/** Upload, if the server permits it: by a button, or by dropping files on the list. */
function listenToFiles(onStored) {
  const button = find("[data-action='upload']");
  const input = find("#files");
  const place = find("#studies");
  button.append(icon("upload"));
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    upload([...input.files], onStored);
    input.value = "";
  });
  place.addEventListener("dragover", (event) => {
    if (button.hidden) return;
    event.preventDefault();
    place.classList.add("dropping");
  });
  for (const name of ["dragleave", "drop"]) {
    place.addEventListener(name, () => place.classList.remove("dropping"));
  }
  place.addEventListener("drop", async (event) => {
    if (button.hidden) return;
    event.preventDefault();
    upload(await droppedFiles(event.dataTransfer), onStored);
  });
}

function stateText({ studies, instances, indexing: { found, indexed, is_complete: isComplete } }) {
  if (isComplete) return `${count(studies, "study", "studies")}, ${count(instances, "instance")}`;
  return `Indexing: ${indexed.toLocaleString("en")} of ${count(found, "file")}…`;
}

function emptyText({ writable }, isComplete, found, indexed, failed) {
  if (!isComplete) {
    return [`No studies yet: indexing ${count(found, "file")}…`,
      h("progress", { max: Math.max(found, 1), value: indexed + failed, "aria-label": "Indexing" })];
  }
  const files = found > 0
    ? ` None of ${count(found, "file")} is a DICOM instance that can be listed.`
    : "";
  const hint = writable
    ? " Drop files here, send some with STOW-RS, or copy them into a served folder."
    : " Copy files into a served folder, and they are listed here.";
  return [`No studies yet.${files}${hint}`];
}

/** @param {FormData} given */
function queryOf(given) {
  const query = new URLSearchParams();
  const put = (name, wanted) => {
    if (wanted) query.append(name, wanted);
  };
  const word = (name) => String(given.get(name) ?? "").trim();
  const anywhere = (wanted) => (wanted && !/[*?]/.test(wanted) ? `*${wanted}*` : wanted);
  put("PatientName", anywhere(word("PatientName").replace(/,\s*/g, "^")));
  put("PatientID", anywhere(word("PatientID")));
  put("AccessionNumber", anywhere(word("AccessionNumber")));
  put("ModalitiesInStudy", word("ModalitiesInStudy").toUpperCase());
  const [from, to] = ["from", "to"].map((name) => word(name).replaceAll("-", ""));
  put("StudyDate", from || to ? `${from}-${to}` : "");
  return query;
}

/** Columns, each with the attribute that the server sorts it by. */
const COLUMNS = [
  ["", ""], ["Patient", "PatientName"], ["Date", "StudyDate"], ["Modality", "ModalitiesInStudy"],
  ["Description", "StudyDescription"], ["Accession", "AccessionNumber"],
  ["Content", "NumberOfStudyRelatedInstances"],
];

function table(found, order, onSort) {
  return h(
    "table",
    { class: "studies" },
    h("caption", { class: "hidden", textContent: "Studies" }),
    h("thead", {}, h("tr", {}, ...COLUMNS.map(([name, keyword]) => (
      name ? heading(name, keyword, order, onSort) : h("td"))))),
    h("tbody", {}, ...found.map(row)),
  );
}

function heading(name, keyword, order, onSort) {
  const isSorted = order.replace("-", "") === keyword;
  const way = order.startsWith("-") ? "descending" : "ascending";
  return h("th", { scope: "col", "aria-sort": isSorted ? way : null },
    h("button", { type: "button", class: "sort", "data-order": keyword, onclick: () => onSort(keyword) },
      name, isSorted && icon(way)));
}

/** The first few modalities, and the number of others. */
function tags(all) {
  const shown = all.length > MOST_TAGS ? [...all.slice(0, MOST_TAGS - 1), `+${all.length - MOST_TAGS + 1}`] : all;
  return shown.map((each) => h("span", {
    class: "tag", textContent: each, title: each.startsWith("+") ? all.join(", ") : null,
  }));
}

function row(model) {
  const study = text(model, "0020000D");
  const cell = (name, ...content) => h("td", { class: name }, ...content);
  const content = [
    [number(model, "00201206"), "series", "series"], [number(model, "00201208"), "instance"],
  ];
  const when = [date(text(model, "00080020")), time(text(model, "00080030"))];
  return h(
    "tr",
    {},
    cell("look", thumbnail(`studies/${study}`, 56)),
    cell("patient",
      h("a", {
        href: formatRoute({ study }), "data-study": study,
        textContent: text(model, "00100010") || "Without a name",
      }),
      h("span", { class: "dim", textContent: text(model, "00100020") })),
    cell("date", h("span", { textContent: when[0] }), h("span", { class: "dim", textContent: when[1] })),
    cell("modality", ...tags(values(model, "00080061"))),
    cell("description", text(model, "00081030")),
    cell("accession", text(model, "00080050")),
    cell("content dim", content
      .filter(([many]) => many > 0)
      .map(([many, ...words]) => count(many, ...words)).join(", ")),
  );
}
