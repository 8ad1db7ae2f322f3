/** What dragging on the image does: window, move or zoom. */

import { rounded } from "./commands.js";
import { FITTED, bounded, zoomed } from "./geometry.js";
import { listenToGestures } from "./gestures.js";

const SETTLED = 180;

/**
 * @param {HTMLElement} element @param {import("./reading.js").Reading} reading
 * @returns {{tool: string, set: (tool: string) => void, onChange: (run: () => void) => void}}
 */
export function createHand(element, reading) {
  let tool = "window";
  const listeners = [];
  let start = null;
  let timer = 0;

  const usable = () => (tool === "window" && !reading.isGray ? "pan" : tool);
  const view = () => reading.store.get().view;
  const put = (next) => reading.store.set({ view: next });
  const isImage = () => reading.item?.kind === "image";

  /** A width of the stage is some four times the window it began with. */
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
    start(kind) {
      if (kind === "window" && isImage()) start = { window: reading.startingWindow, dx: 0, dy: 0 };
      element.dataset.dragging = kind;
    },
    drag(kind, dx, dy, event) {
      if (!isImage()) return;
      if (kind === "window") windowBy(dx, dy);
      else if (kind === "pan") moveBy(dx, dy);
      else zoomBy(Math.exp(-dy / 150), event);
    },
    end() {
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
      if (!isImage()) return;
      if (view().zoom === 1) zoomBy(Math.max(reading.naturalZoom, 2), at);
      else put(FITTED);
    },
  });

  const hand = {
    get tool() {
      return usable();
    },
    set(next) {
      tool = next;
      element.dataset.tool = usable();
      for (const run of listeners) run();
    },
    onChange: (run) => listeners.push(run),
  };
  hand.set(tool);
  reading.store.on(["index", "stack", "model"], () => {
    element.dataset.tool = usable();
  });
  return hand;
}
