/** One study: joins the reading with rail, tools, panels and the address. */

import { askDicom } from "./api.js";
import { createCine } from "./cine.js";
import { listCommands } from "./commands.js";
import { date, short, text } from "./dicom.js";
import { clearDocument, showDocument } from "./documents.js";
import { debounced, find } from "./dom.js";
import { openDownload, openShare } from "./export.js";
import { createHand } from "./hand.js";
import { icon } from "./icons.js";
import { listenToKeys, openHelp } from "./keyboard.js";
import { createMetadata } from "./metadata.js";
import { Reading } from "./reading.js";
import { fillRail, markSeries } from "./series.js";
import { listSeries, listStack } from "./stack.js";
import { formatRoute } from "./state/route.js";
import { createTools, presetsFor } from "./tools.js";

/** @param {{name: string, center: number, width: number}[]} rooms presets of the server */
export function createViewer(rooms) {
  const reading = new Reading(find("#canvas"));
  const hand = createHand(find("#image"), reading);
  const cine = createCine(reading);
  const metadata = createMetadata(reading);
  const open = { study: "", series: "", list: [] };
  let opening = new AbortController();
  let showing = new AbortController();
  const isOn = () => !find("#viewer").hidden;
  const presets = () => presetsFor(reading, rooms);

  const commands = listCommands(reading, {
    hand,
    cine,
    presets,
    toggleMetadata: () => metadata.toggle(),
    isMetadataOpen: () => metadata.isOpen(),
    download: () => openDownload(reading),
    share: () => openShare(reading),
    help: () => openHelp(commands),
    series: (steps) => goToSeries(steps),
    leave: () => {
      location.hash = "#/";
    },
  });
  createTools(reading, commands, { presets, onHand: hand.onChange, onPanel: metadata.onToggle });
  listenToKeys(isOn, commands);
  find("#back").append(icon("back"));
  reading.store.on(["index", "stack"], () => showItem());
  reading.store.on(["isBusy"], ({ isBusy }) => markBusy(isBusy));
  reading.store.on(["trouble"], ({ trouble }) => showTrouble(trouble));
  reading.store.on(["index", "stack", "options", "model", "found", "view", "room"], () => describe());
  reading.store.on(["index", "options"], debounced(() => keepAddress(), 250));

  /** @param {import("./state/route.js").Route} route */
  async function show(route) {
    opening.abort();
    opening = new AbortController();
    const { signal } = opening;
    try {
      if (route.study !== open.study) await openStudy(route.study, signal);
      const series = route.series || firstSeries();
      if (series !== open.series) await openSeries(route, series, signal);
      else place(route);
    } catch (problem) {
      if (!signal.aborted) showTrouble(problem);
    }
  }

  async function openStudy(study, signal) {
    open.study = "";
    open.series = "";
    leave();
    find("#rail").replaceChildren();
    describeStudy(null);
    markBusy(true);
    const [list, [model]] = await Promise.all([
      listSeries(study, { signal }),
      askDicom(`studies?StudyInstanceUID=${study}&includefield=00081030&limit=1`, { signal }),
    ]).finally(() => markBusy(false));
    if (list.length === 0) throw new Error("There is no such study on this server.");
    Object.assign(open, { study, list });
    describeStudy(model ?? list[0]);
    fillRail(study, list);
  }

  /** The first with pictures, or the first. */
  function firstSeries() {
    if (open.series) return open.series;
    const texts = ["SR", "KO", "PR", "DOC", "PLAN", "RTPLAN", "RTSTRUCT"];
    const found = open.list.find((each) => !texts.includes(text(each, "00080060")));
    return text(found ?? open.list[0], "0020000E");
  }

  async function openSeries(route, series, signal) {
    open.series = "";
    leave();
    markSeries(series);
    markBusy(true);
    const stack = await listStack(open.study, series, { signal }).finally(() => markBusy(false));
    if (stack.length === 0) throw new Error("There is nothing in this series.");
    open.series = series;
    reading.open(stack, Math.max(0, indexOf(stack, route)), route.options);
    if (document.activeElement === document.body) find("#image").focus({ preventScroll: true });
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
    const at = open.list.findIndex((each) => text(each, "0020000E") === open.series);
    const next = open.list[at + steps];
    if (next) location.hash = formatRoute({ study: open.study, series: text(next, "0020000E") });
  }

  function keepAddress() {
    const { item } = reading;
    if (!isOn() || !item || item.series !== open.series || opening.signal.aborted) return;
    const { options } = reading.store.get();
    const frame = item.frames > 1 && item.kind === "image" ? item.frame : 0;
    history.replaceState(null, "", formatRoute({ ...item, frame, options }));
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
    showing.abort();
    clearDocument();
    reading.open([], 0, reading.store.get().options);
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

  function showTrouble(trouble) {
    find("#trouble").hidden = !trouble;
    find("#trouble").textContent = trouble?.message ?? "";
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

  function describe() {
    const { stack, index, options } = reading.store.get();
    const { window, item } = reading;
    const said = (value) => short(value, 2).replace("-", "−");
    const position = stack.length > 1 ? `Image ${index + 1} of ${stack.length}` : "";
    const isGray = reading.isGray && stack.length > 0;
    const gray = isGray && window
      ? `Window ${said(window.center)} / ${said(window.width)}`
      : isGray && options.voi ? "Window of all values" : "";
    find("#image-state").textContent = [position, gray].filter(Boolean).join("  ·  ");
    const isImage = item?.kind === "image";
    find("#zoom-state").textContent = isImage ? `${Math.round(reading.scale * 100)} %` : "";
    const words = [
      isImage ? "Image" : "Document", text(reading.nearestModel, "00080060"), position, gray,
    ];
    find("#canvas").setAttribute("aria-label", words.filter(Boolean).join(", "));
  }

  return { show, hide: leaveStudy, commands };

  function leaveStudy() {
    opening.abort();
    open.study = "";
    open.series = "";
    leave();
  }
}
