/** One image, or two side by side that scroll together. Tools, keys and the rail act on the active one. */

import { LATER, askDicom } from "./api.js";
import { text } from "./dicom.js";
import { find } from "./dom.js";
import { Pane } from "./pane.js";
import { areParallel, distanceAlong, placeOf } from "./patient.js";

export function createPanes() {
  const first = new Pane(1);
  const second = new Pane(2, first.reading.pictures);
  const panes = [first, second];
  const places = new Map();
  const followers = [];
  const listeners = [];
  let active = first;
  let isSplit = false;
  let isLinked = true;
  let isFollowing = false;

  find("#panes").append(...panes.map(({ element }) => element));
  for (const pane of panes) {
    for (const name of ["pointerdown", "focusin", "wheel"]) {
      pane.element.addEventListener(name, () => activate(pane), { passive: true, capture: true });
    }
    let former = null;
    pane.reading.store.on(["index", "stack"], ({ stack }) => {
      // A change of series does not move the other image.
      if (stack === former) follow(pane);
      else sayDays();
      former = stack;
    });
  }
  mark();

  function mark() {
    find("#panes").classList.toggle("split", isSplit);
    second.element.hidden = !isSplit;
    for (const pane of panes) pane.element.classList.toggle("active", isSplit && pane === active);
  }

  /** If the images are of two studies, each shows its date. */
  function sayDays() {
    const [study, other] = panes.map(({ reading: { item } }) => item?.study);
    for (const pane of panes) pane.sayDay(isSplit && Boolean(study && other) && study !== other);
  }

  function activate(pane) {
    if (pane === active) return;
    active.reading.store.set({ isPlaying: false });
    active = pane;
    mark();
    const state = pane.reading.store.get();
    for (const run of followers) run(state);
    for (const run of listeners) run();
  }

  function split(isWanted) {
    isSplit = isWanted;
    if (!isSplit) {
      activate(first);
      second.reading.open([], 0, second.reading.store.get().options);
      second.reading.series = "";
    }
    mark();
    sayDays();
    for (const pane of panes) learnPlaces(pane.reading);
    for (const run of listeners) run();
  }

  // --- scrolling together --------------------------------------------------------------------

  function follow(pane) {
    if (!isSplit || !isLinked || isFollowing) return;
    const other = pane === first ? second.reading : first.reading;
    isFollowing = true;
    other.goTo(matching(pane.reading, other));
    isFollowing = false;
  }

  /** The image at the same position if both have one, else that of the same number in a study. */
  function matching(from, to) {
    const { index } = from.store.get();
    const { stack } = to.store.get();
    const here = placeAt(from.item);
    const distances = stack.map((item) => {
      const there = placeAt(item);
      return areParallel(here, there) ? Math.abs(distanceAlong(here, there)) : Infinity;
    });
    const least = Math.min(...distances);
    if (Number.isFinite(least)) return distances.indexOf(least);
    // Image numbers are comparable within one study only.
    const isOneStudy = from.item?.study === to.item?.study;
    return isOneStudy ? Math.min(index, stack.length - 1) : to.store.get().index;
  }

  const placeAt = (item) => places.get(item?.series)?.get(`${item.instance}/${item.frame}`) ?? null;

  /** Moves a pane to the position of the other. */
  async function align(pane) {
    if (!isSplit || !isLinked) return;
    const other = pane === first ? second : first;
    await Promise.all([learnPlaces(pane.reading), learnPlaces(other.reading)]);
    follow(other);
  }

  const learning = new Map();

  /** Positions of the images of a series; requested only if two series scroll together. */
  function learnPlaces({ store }) {
    const { stack } = store.get();
    const [item] = stack;
    if (!isSplit || !item) return undefined;
    if (!learning.has(item.series)) learning.set(item.series, askPlaces(item, stack));
    return learning.get(item.series);
  }

  async function askPlaces(item, stack) {
    const found = new Map();
    places.set(item.series, found);
    const path = `studies/${item.study}/series/${item.series}/metadata`;
    const models = await askDicom(path, { priority: LATER }).catch(() => []);
    const byInstance = new Map(models.map((model) => [text(model, "00080018"), model]));
    for (const { instance, frame } of stack) {
      found.set(`${instance}/${frame}`, placeOf(byInstance.get(instance), frame));
    }
  }

  // --- the active one ------------------------------------------------------------------------

  const store = {
    get: () => active.reading.store.get(),
    set: (patch) => active.reading.store.set(patch),
    on(names, run) {
      followers.push(run);
      for (const pane of panes) {
        pane.reading.store.on(names, (state) => {
          if (pane === active) run(state);
        });
      }
    },
  };

  /** The reading of the active pane; listeners are notified when it changes. */
  const reading = new Proxy({}, {
    get(_, name) {
      if (name === "store") return store;
      const found = active.reading[name];
      return typeof found === "function" ? found.bind(active.reading) : found;
    },
    set(_, name, given) {
      active.reading[name] = given;
      return true;
    },
  });

  return {
    panes,
    reading,
    get active() {
      return active;
    },
    get isSplit() {
      return isSplit;
    },
    get isLinked() {
      return isLinked;
    },
    activate,
    align,
    split,
    link(isWanted) {
      isLinked = isWanted;
      if (isLinked) follow(active);
      for (const run of listeners) run();
    },
    onChange: (run) => listeners.push(run),
  };
}
