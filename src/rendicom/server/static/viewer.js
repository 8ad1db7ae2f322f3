/** One study: joins the reading with rail, tools, panels and the address. */

import { askDicom } from "./api.js";
import { createCine } from "./cine.js";
import { listCommands } from "./commands.js";
import { date, text } from "./dicom.js";
import { clearDocument, describeAbsent, showDocument } from "./documents.js";
import { debounced, find, h } from "./dom.js";
import { openDownload, openShare } from "./export.js";
import { createTool, listenToHand } from "./hand.js";
import { icon } from "./icons.js";
import { createLayers, firstFilledFrame, firstPlace, isAboutImages, opensOnImages } from "./layers.js";
import { listenToKeys, openHelp } from "./keyboard.js";
import { createMetadata } from "./metadata.js";
import { createPanes } from "./panes.js";
import { fillRail, markSeries, offerInRail } from "./series.js";
import { listSeries, listStack, listStudies } from "./stack.js";
import { layerOf } from "./state/options.js";
import { formatRoute } from "./state/route.js";
import { createTools, presetsFor } from "./tools.js";

/** @param {{name: string, center: number, width: number}[]} rooms presets of the server */
export function createViewer(rooms) {
  const panes = createPanes();
  const { reading } = panes;
  const tool = createTool();
  for (const pane of panes.panes) listenToHand(pane, tool);
  const cine = createCine(reading);
  const metadata = createMetadata(reading);
  const layers = createLayers(reading);
  const open = { study: "", list: [], patient: "" };
  let opening = new AbortController();
  let showing = new AbortController();
  const isOn = () => !find("#viewer").hidden;
  const presets = () => presetsFor(reading, rooms);

  const commands = listCommands(reading, {
    tool,
    panes,
    split: () => splitOrNot(),
    cine,
    presets,
    toggleLayers: () => {
      if (metadata.isOpen()) metadata.toggle();
      layers.toggle();
    },
    isLayersOpen: layers.isOpen,
    toggleMetadata: () => {
      if (layers.isOpen()) layers.toggle();
      metadata.toggle();
    },
    isMetadataOpen: () => metadata.isOpen(),
    download: () => openDownload(reading, open.study),
    share: () => openShare(reading),
    help: () => openHelp(commands),
    series: (steps) => goToSeries(steps),
    leave: () => {
      const { measures } = panes.active;
      if (measures.drawn) measures.drop();
      else location.hash = "#/";
    },
  });
  createTools(reading, commands, {
    presets, onChange: [tool.onChange, metadata.onToggle, layers.onChange, panes.onChange, onMeasured],
  });
  listenToKeys(isOn, commands);
  find("#back").append(icon("back"));
  reading.store.on(["index", "stack"], () => showItem());
  reading.store.on(["isBusy"], ({ isBusy }) => markBusy(isBusy));
  reading.store.on(["trouble"], ({ trouble }) => showTrouble(trouble));
  const keepSoon = debounced(() => keepAddress(), 250);
  panes.onChange(() => {
    markSeries(reading.series);
    followStudy();
    keepSoon();
  });
  reading.store.on(["index", "options"], keepSoon);

  /** Studies by ID of the patient, as they were when first requested. */
  const studiesOf = new Map();

  /** The address that the page has followed or written. */
  let known = "";

  /** @param {import("./state/route.js").Route} route */
  async function show(route) {
    known = location.hash;
    opening.abort();
    opening = new AbortController();
    const { signal } = opening;
    try {
      if (!route.beside) return await showOne(route, signal);
      panes.split(true);
      for (const [at, each] of [route, route.beside].entries()) {
        panes.activate(panes.panes[at]);
        await showOne(each, signal);
      }
      panes.activate(panes.panes[0]);
    } catch (problem) {
      if (!signal.aborted) showTrouble(problem);
    }
    return undefined;
  }

  /** In the active pane. */
  async function showOne(route, signal) {
    if (route.study !== open.study) await openStudy(route.study, signal);
    const series = route.series || firstSeries();
    if (series !== reading.series) await openSeries(panes.active, route, series, signal);
    else place(route);
  }

  async function openStudy(study, signal) {
    open.study = "";
    if (panes.isSplit) close(panes.active);
    else leave();
    find("#rail").replaceChildren();
    describeStudy(null);
    markBusy(true);
    const found = await askStudy(study, signal).finally(() => markBusy(false));
    if (found.list.length === 0) throw new Error("There is no such study on this server.");
    enterStudy(study, found);
  }

  async function askStudy(study, signal) {
    const [list, [model]] = await Promise.all([
      listSeries(study, { signal }),
      askDicom(`studies?StudyInstanceUID=${study}&includefield=00081030&limit=1`, { signal }),
    ]);
    return { list, model: model ?? list[0] };
  }

  function enterStudy(study, { list, model }) {
    Object.assign(open, { study, list, patient: text(model, "00100020") });
    describeStudy(model);
    fillRail(study, list);
    markSeries(reading.series);
    offerStudies();
  }

  /** Rail and title are of the study of the active image. */
  async function followStudy() {
    const { item } = reading;
    if (!item || !open.study) return;
    if (item.study === open.study) return void offerStudies();
    const { signal } = opening;
    const found = await askStudy(item.study, signal).catch(() => null);
    if (found && !signal.aborted && reading.item?.study === item.study) enterStudy(item.study, found);
  }

  /** While two images are side by side, one may be of another study of the patient. */
  async function offerStudies() {
    const { study, patient } = open;
    if (!panes.isSplit || patient === "") return offerInRail([], study);
    if (!studiesOf.has(patient)) studiesOf.set(patient, listStudies(patient).catch(() => []));
    const found = await studiesOf.get(patient);
    if (study === open.study && panes.isSplit) offerInRail(found, study);
    return undefined;
  }

  /** The first with pictures, or the first. */
  function firstSeries() {
    if (reading.series) return reading.series;
    return text(open.list.find(isPictured) ?? open.list[0], "0020000E");
  }

  async function openSeries(pane, route, series, signal) {
    close(pane);
    markSeries(series);
    markBusy(true);
    const stack = await listStack(open.study, series, { signal }).finally(() => markBusy(false));
    if (stack.length === 0) throw new Error("There is nothing in this series.");
    const [item] = stack;
    let fault = "";
    if (!route.instance && opensOnImages(item.sopClass)) {
      const { place, problem } = await firstPlace(item, { signal });
      if (place && place.study === open.study) return showOnImage(place, route.options);
      fault = item.kind === "image" ? problem : "";
      if (item.kind === "image" && isAboutImages(item.sopClass)) {
        const frame = await firstFilledFrame(item, { signal }).catch(() => 1);
        Object.assign(route, { instance: item.instance, frame });
      }
    }
    // A document takes the whole stage.
    if (panes.isSplit && stack.some(({ kind }) => kind !== "image")) panes.split(false);
    const shown = panes.isSplit ? pane : panes.active;
    shown.reading.series = series;
    shown.reading.open(stack, Math.max(0, indexOf(stack, route)), route.options);
    shown.reading.store.set({ fault });
    if (!route.instance) panes.align(shown);
    if (document.activeElement === document.body) shown.image.focus({ preventScroll: true });
  }

  /** A segmentation, structure set or dose is seen on its images. */
  function showOnImage({ layer, ...place }, options) {
    // On a phone the list would cover the image.
    if (matchMedia("(min-width: 900px)").matches) layers.open();
    location.replace(formatRoute({ ...place, options: { ...options, layers: [layerOf(layer)] } }));
  }

  const indexOf = (stack, { instance, frame }) => stack.findIndex(
    (item) => item.instance === instance && (item.frame === frame || item.kind !== "image"),
  );

  /** Another frame or look of the series that is open: a step back or forth in the history. */
  function place(route) {
    if (route.instance) reading.goTo(Math.max(0, indexOf(reading.store.get().stack, route)));
    reading.setOptions(route.options);
  }

  function goToSeries(steps) {
    const at = open.list.findIndex((each) => text(each, "0020000E") === reading.series);
    const next = open.list[at + steps];
    if (next) location.hash = formatRoute({ study: open.study, series: text(next, "0020000E") });
  }

  /** The second image is that of the next series with pictures, or of the same one. */
  async function splitOrNot() {
    if (panes.isSplit) return panes.split(false);
    const { stack, index, options } = reading.store.get();
    const at = open.list.findIndex((each) => text(each, "0020000E") === reading.series);
    const next = open.list.slice(at + 1).find((each) => isPictured(each));
    panes.split(true);
    const { reading: second } = panes.panes[1];
    second.series = reading.series;
    second.open(stack, index, options);
    if (!next) return undefined;
    panes.activate(panes.panes[1]);
    const route = { study: open.study, series: text(next, "0020000E") };
    location.hash = formatRoute(route);
    return undefined;
  }

  function keepAddress() {
    const shown = (panes.isSplit ? panes.panes : [panes.active]).map((pane) => routeOf(pane.reading));
    if (!isOn() || shown.includes(null) || opening.signal.aborted) return;
    // The user has navigated, and the event of the browser is still to come.
    if (location.hash !== known) return;
    const [route, beside] = shown;
    history.replaceState(null, "", formatRoute({ ...route, beside }));
    known = location.hash;
  }

  /** The address of an image; null while it is not there yet. */
  function routeOf({ item, series, store }) {
    if (!item || item.series !== series) return null;
    const { options } = store.get();
    const frame = item.frames > 1 && item.kind === "image" ? item.frame : 0;
    return { ...item, frame, options };
  }

  // --- what is on the stage ------------------------------------------------------------------

  async function showItem() {
    showing.abort();
    showing = new AbortController();
    const { signal } = showing;
    const { item } = reading;
    clearDocument();
    if (!item || item.kind === "image") return;
    reading.stage.clear();
    markBusy(true);
    try {
      await showDocument(item, signal);
    } catch (problem) {
      if (!signal.aborted) instead(item, problem);
    } finally {
      markBusy(false);
    }
  }

  /** A video that does not play is paged through as pictures. */
  function instead(item, problem) {
    if (item.kind !== "video") return reading.store.set({ trouble: problem });
    const { stack, options } = reading.store.get();
    const frames = Array.from({ length: item.frames }, (_, at) => (
      { ...item, kind: "image", frame: at + 1 }));
    const at = stack.indexOf(item);
    reading.open([...stack.slice(0, at), ...frames, ...stack.slice(at + 1)], at, options);
  }

  function leave() {
    panes.split(false);
    close(panes.active);
  }

  function close(pane) {
    showing.abort();
    clearDocument();
    pane.reading.series = "";
    pane.reading.open([], 0, pane.reading.store.get().options);
    showTrouble(null);
  }

  let busyTimer = 0;
  function markBusy(isBusy) {
    clearTimeout(busyTimer);
    find("#stage").setAttribute("aria-busy", String(isBusy));
    if (!isBusy) find("#loading").hidden = true;
    else {
      busyTimer = setTimeout(() => {
        find("#loading").hidden = false;
      }, 250);
    }
  }

  async function showTrouble(trouble) {
    const place = find("#trouble");
    place.hidden = !trouble;
    const { item } = reading;
    const content = trouble ? await describeAbsent(item, trouble, wayOut(trouble)) : [];
    if (item === reading.item) place.replaceChildren(...content);
  }

  /** A layer that cannot be drawn can be left out: the image without it may be fine. */
  function wayOut({ message }) {
    const { layers } = reading.store.get().options;
    const kept = layers.filter(({ uid }) => !message.includes(uid));
    if (kept.length === layers.length) return null;
    return h("button", {
      type: "button", class: "primary", textContent: "Show the image without it",
      onclick: () => reading.setOptions({ layers: kept }),
    });
  }

  function describeStudy(model) {
    find("#patient").textContent = model ? text(model, "00100010") || "Without a name" : "";
    const facts = [
      text(model, "00100020"), date(text(model, "00080020")), text(model, "00081030"),
    ];
    find("#study-line").textContent = facts.filter(Boolean).join(" · ");
    const day = date(text(model, "00080020"));
    document.title = day ? `Study of ${day} – Rendicom` : "Rendicom";
  }

  return { show, hide: leaveStudy, commands };

  function leaveStudy() {
    opening.abort();
    studiesOf.clear();
    open.study = "";
    leave();
  }

  function onMeasured(run) {
    for (const { measures } of panes.panes) measures.listeners.push(run);
  }
}

const TEXTS = ["SR", "KO", "PR", "DOC", "PLAN", "RTPLAN", "RTSTRUCT"];

/** Whether a series has pictures, as far as its modality says. */
const isPictured = (model) => !TEXTS.includes(text(model, "00080060"));
