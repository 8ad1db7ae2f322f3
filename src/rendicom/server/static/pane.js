/** A pane for one image: canvas, overlay, and the line below it. */

import { askMeasure, figure, Measures } from "./measures.js";
import { createOverlay } from "./overlay.js";
import { debounced, h } from "./dom.js";
import { Reading } from "./reading.js";
import { date, short, text } from "./dicom.js";

const WAIT = 50;

export class Pane {
  /**
   * @param {number} number counted from 1
   * @param {import("./pictures.js").Pictures} [pictures] those of another pane, to share
   */
  constructor(number, pictures) {
    const id = (name) => (number === 1 ? name : `${name}-${number}`);
    this.canvas = h("canvas", { id: id("canvas"), role: "img", "aria-label": "No image yet" });
    this.image = h("div", {
      id: id("image"), class: "image", role: "group", tabIndex: 0,
      "aria-label": number === 1 ? "Image" : "Second image", "aria-describedby": id("image-state"),
    }, this.canvas);
    this.state = h("p", { id: id("image-state"), class: "image-state" });
    this.pointer = h("p", { id: id("pointer-state"), class: "pointer-state", "aria-hidden": "true" });
    this.zoom = h("p", { id: id("zoom-state"), class: "zoom-state", "aria-hidden": "true" });
    const spoken = h("p", { class: "hidden", role: "status" });
    this.element = h("div", { class: "pane", "data-pane": String(number) }, this.image,
      h("div", { class: "strip" }, this.state, this.pointer, this.zoom), spoken);
    this.reading = new Reading(this.canvas, pictures);
    this.measures = new Measures(this.reading);
    this.draw = createOverlay(this.image, this.reading, () => this.measures.shapes);
    this.measures.listeners.push(this.draw, () => {
      spoken.textContent = this.measures.said;
    });
    const { store } = this.reading;
    store.on(["index", "stack", "options", "model", "found", "view", "room"], () => {
      this.#describe();
      this.draw();
    });
    store.on(["index", "stack"], () => {
      this.measures.drop();
      this.#look();
    });
    this.#watchPointer();
  }

  /** @param {boolean} isWanted whether the line below the image begins with the day of its study */
  sayDay(isWanted) {
    this.saysDay = isWanted;
    this.#describe();
  }

  #describe() {
    const { reading } = this;
    const { stack, index, options } = reading.store.get();
    const { window, item } = reading;
    const said = (value) => short(value, 2).replace("-", "−");
    const position = stack.length > 1 ? `Image ${index + 1} of ${stack.length}` : "";
    const isGray = reading.isGray && stack.length > 0;
    const gray = isGray && window
      ? `Window ${said(window.center)} / ${said(window.width)}`
      : isGray && options.voi ? "Full range" : "";
    const day = this.saysDay ? date(text(reading.nearestModel, "00080020")) : "";
    this.state.textContent = [day, position, gray].filter(Boolean).join("  ·  ");
    const isImage = item?.kind === "image";
    this.zoom.textContent = isImage ? `${Math.round(reading.scale * 100)} %` : "";
    const words = [
      isImage ? "Image" : "Document", text(reading.nearestModel, "00080060"), position, gray,
    ];
    this.canvas.setAttribute("aria-label", words.filter(Boolean).join(", "));
  }

  // --- the value under the pointer -----------------------------------------------------------

  #watchPointer() {
    this.at = null;
    this.asking = new AbortController();
    this.lookSoon = debounced(() => this.#ask(), WAIT);
    this.image.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch" || event.buttons === 0) this.#pointAt(event);
      if (event.buttons === 0) this.measures.move(this.reading.imagePoint(event));
    });
    this.image.addEventListener("pointerdown", (event) => this.#pointAt(event));
    this.image.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "touch") return;
      this.at = null;
      this.#look();
    });
  }

  #pointAt(event) {
    const { x, y } = this.reading.imagePoint(event);
    const point = { x: Math.floor(x) + 0.5, y: Math.floor(y) + 0.5 };
    if (this.at?.x === point.x && this.at.y === point.y) return;
    this.at = point;
    this.#look();
  }

  #look() {
    this.asking.abort();
    this.pointer.textContent = "";
    this.lookSoon();
  }

  async #ask() {
    const { at, reading: { item, turn } } = this;
    if (at === null || item?.kind !== "image" || this.reading.store.get().isPlaying) return;
    if (at.x < 0 || at.y < 0 || at.x > turn.columns || at.y > turn.rows) return;
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    try {
      const found = await askMeasure(item, "point", [at], signal);
      if (!signal.aborted) this.pointer.textContent = pointText(at, found);
    } catch { /* an image that cannot be measured in says so where it should be */ }
  }
}

/** `56 HU  ·  x 44, y 62  ·  −40, −4, 30 mm` */
export function pointText({ x, y }, { value, unit, position }) {
  const values = [value].flat().map(figure).join(" / ");
  const where = position?.map((each) => short(each, 1).replace("-", "−")).join(", ");
  return [
    unit ? `${values} ${unit}` : values, `x ${Math.floor(x)}, y ${Math.floor(y)}`,
    where && `${where} mm`,
  ].filter(Boolean).join("  ·  ");
}
