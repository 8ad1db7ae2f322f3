/** What dragging on the image does: window, move, zoom or measure. */

import { rounded } from "./commands.js";
import { FITTED, bounded, zoomed } from "./geometry.js";
import { listenToGestures } from "./gestures.js";
import { KINDS } from "./measures.js";

const SETTLED = 180;

/** The selected tool, for all images. */
export function createTool() {
  const listeners = [];
  let tool = "window";
  return {
    get: () => tool,
    set(next) {
      tool = next;
      for (const run of listeners) run();
    },
    onChange: (run) => listeners.push(run),
  };
}

/**
 * Connects gestures on the image of a pane to the selected tool.
 * @param {import("./pane.js").Pane} pane @param {ReturnType<typeof createTool>} chosen
 */
export function listenToHand({ image: element, reading, measures }, chosen) {
  let start = null;
  let timer = 0;

  const usable = () => (chosen.get() === "window" && !reading.isGray ? "pan" : chosen.get());
  const view = () => reading.store.get().view;
  const put = (next) => reading.store.set({ view: next });
  const isImage = () => reading.item?.kind === "image";

  /** A drag over the width of the stage changes the window by about four times its initial width. */
  function windowBy(dx, dy) {
    if (start === null) return;
    start.dx += dx;
    start.dy += dy;
    const { window } = start;
    const step = Math.max(window.width, 1e-3) / 160;
    reading.setOptions({
      window: {
        ...window,
        center: rounded(window.center + start.dy * step, window.width),
        width: Math.max(window.function === "linear" ? 1 : 1e-3,
          rounded(window.width + start.dx * step, window.width)),
      },
    });
    if (!reading.isQuick) reading.setQuick(true);
    clearTimeout(timer);
    timer = setTimeout(() => reading.setQuick(false), SETTLED);
  }

  function moveBy(dx, dy) {
    const { density, size } = reading.stage;
    const now = view();
    put(bounded({ ...now, x: now.x + dx * density, y: now.y + dy * density }, reading.size, size));
  }

  function zoomBy(factor, at) {
    put(zoomed(view(), factor, reading.stage.point(at), reading.size, reading.stage.size));
  }

  listenToGestures(element, {
    tool: usable,
    start(kind, event) {
      if (KINDS.includes(kind) && isImage()) measures.begin(kind, reading.imagePoint(event));
      if (kind === "window" && isImage()) start = { window: reading.startingWindow, dx: 0, dy: 0 };
      element.dataset.dragging = kind;
    },
    drag(kind, dx, dy, event) {
      if (!isImage()) return;
      if (KINDS.includes(kind)) measures.move(reading.imagePoint(event));
      else if (kind === "window") windowBy(dx, dy);
      else if (kind === "pan") moveBy(dx, dy);
      else zoomBy(Math.exp(-dy / 150), event);
    },
    end(kind) {
      if (KINDS.includes(kind)) measures.end();
      start = null;
      delete element.dataset.dragging;
      clearTimeout(timer);
      if (reading.isQuick) reading.setQuick(false);
    },
    page: (steps) => reading.page(steps),
    canPage: () => reading.store.get().stack.length > 1,
    zoom(factor, at) {
      if (isImage()) zoomBy(factor, at);
    },
    toggle(at) {
      if (!isImage() || KINDS.includes(usable())) return;
      if (view().zoom === 1) zoomBy(Math.max(reading.naturalZoom, 2), at);
      else put(FITTED);
    },
  });

  const mark = () => {
    element.dataset.tool = usable();
  };
  chosen.onChange(() => {
    measures.drop();
    mark();
  });
  mark();
  reading.store.on(["index", "stack", "model"], mark);
}
