/**
 * Converts mouse, pen and touch events to actions: drag (with the selected tool), page, zoom. The
 * right button zooms, the middle button moves; two fingers pinch and move, or scroll if both move
 * up or down.
 */

const SCROLL_STEP = 24;
const SLOP = 10;

/**
 * @param {HTMLElement} element
 * @param {{start: (tool: string, event: PointerEvent) => void, drag: (tool: string, dx: number, dy: number, event: PointerEvent) => void,
 *   end: (tool: string) => void, page: (steps: number) => void, canPage: () => boolean,
 *   zoom: (factor: number, at: {clientX: number, clientY: number}) => void, toggle: (at: object) => void,
 *   tool: () => string}} on
 */
export function listenToGestures(element, on) {
  const pointers = new Map();
  let dragging = "";
  let pair = null;

  element.addEventListener("pointerdown", (event) => {
    if (event.target.closest("button, a, input")) return;
    try {
      element.setPointerCapture(event.pointerId);
    } catch { /* the pointer is gone already */ }
    pointers.set(event.pointerId, event);
    if (pointers.size === 2) beginPair();
    else if (pointers.size === 1) begin([on.tool(), "pan", "zoom"][event.button] ?? on.tool(), event);
  });

  element.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (before === undefined) return;
    pointers.set(event.pointerId, event);
    if (pointers.size === 2 && pair) movePair();
    else if (dragging && pointers.size === 1) {
      on.drag(dragging, event.clientX - before.clientX, event.clientY - before.clientY, event);
    }
  });

  for (const name of ["pointerup", "pointercancel"]) {
    element.addEventListener(name, (event) => {
      if (!pointers.delete(event.pointerId)) return;
      pair = null;
      if (pointers.size === 0 && dragging) finish();
    });
  }

  function begin(tool, event) {
    dragging = tool;
    on.start(tool, event);
  }

  function finish() {
    on.end(dragging);
    dragging = "";
  }

  function spread() {
    const [a, b] = [...pointers.values()];
    return {
      distance: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY),
      clientX: (a.clientX + b.clientX) / 2,
      clientY: (a.clientY + b.clientY) / 2,
    };
  }

  function beginPair() {
    if (dragging) finish();
    pair = { first: spread(), last: spread(), kind: "", paged: 0 };
  }

  /** The first movement above a threshold decides the gesture of two fingers. */
  function movePair() {
    const now = spread();
    if (pair.kind === "") {
      const apart = Math.abs(now.distance - pair.first.distance);
      const along = Math.abs(now.clientY - pair.first.clientY);
      const aside = Math.abs(now.clientX - pair.first.clientX);
      if (Math.max(apart, along, aside) < SLOP) return;
      pair.kind = along > apart && along > aside && on.canPage() ? "scroll" : "pinch";
    }
    if (pair.kind === "scroll") {
      const steps = Math.trunc((pair.first.clientY - now.clientY) / SCROLL_STEP);
      if (steps !== pair.paged) on.page(steps - pair.paged);
      pair.paged = steps;
    } else {
      on.zoom(now.distance / pair.last.distance, now);
      on.drag("pan", now.clientX - pair.last.clientX, now.clientY - pair.last.clientY);
    }
    pair.last = now;
  }

  listenToWheel(element, on);
  element.addEventListener("contextmenu", (event) => event.preventDefault());
  element.addEventListener("dblclick", (event) => on.toggle(event));
}

function listenToWheel(element, on) {
  let rolled = 0;
  element.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : 40;
    const amount = (event.deltaY || event.deltaX) * lines;
    if (event.ctrlKey || event.metaKey || !on.canPage()) {
      on.zoom(Math.exp(-Math.max(-120, Math.min(120, amount)) / 400), event);
      return;
    }
    // A notch of a wheel is one step; the many small movements of a touchpad are added up.
    rolled = Math.sign(amount) === Math.sign(rolled) ? rolled + amount : amount;
    const steps = Math.abs(amount) >= 50 ? Math.sign(amount) : Math.trunc(rolled / 40);
    if (steps === 0) return;
    rolled = 0;
    on.page(steps);
  }, { passive: false });
}
