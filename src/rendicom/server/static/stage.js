/** The canvas: draws one picture at the position of the view, in device pixels. */

import { placed } from "./geometry.js";

export class Stage {
  /** @param {HTMLCanvasElement} canvas @param {(size: object) => void} onResize */
  constructor(canvas, onResize) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.bitmap = null;
    this.picture = { width: 1, height: 1 };
    this.view = { zoom: 1, x: 0, y: 0 };
    this.size = { width: 1, height: 1 };
    this.isAsked = false;
    new ResizeObserver(() => {
      if (this.#measure()) onResize(this.size);
    }).observe(canvas.parentElement);
    this.#measure();
  }

  /** Device pixels for a CSS pixel. */
  get density() {
    return window.devicePixelRatio || 1;
  }

  /** Point of a pointer event in device pixels of the stage. @param {{clientX: number, clientY: number}} event */
  point({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    return { x: (clientX - box.left) * this.density, y: (clientY - box.top) * this.density };
  }

  #measure() {
    const { clientWidth, clientHeight } = this.canvas.parentElement;
    const size = {
      width: Math.round(clientWidth * this.density),
      height: Math.round(clientHeight * this.density),
    };
    if (size.width === 0 || size.height === 0) return false;
    if (size.width === this.size.width && size.height === this.size.height) return false;
    this.size = size;
    Object.assign(this.canvas, size);
    this.draw();
    return true;
  }

  /** Takes the place of what was shown. @param {ImageBitmap} bitmap @param {"quick"|"full"} kind */
  show(bitmap, kind) {
    this.canvas.dataset.shown = kind;
    this.bitmap?.close();
    this.bitmap = bitmap;
    this.draw();
  }

  clear() {
    this.canvas.dataset.shown = "nothing";
    this.bitmap?.close();
    this.bitmap = null;
    this.draw();
  }

  /** @param {import("./geometry.js").Size} picture @param {import("./geometry.js").View} view */
  place(picture, view) {
    this.picture = picture;
    this.view = view;
    if (this.isAsked) return;
    this.isAsked = true;
    requestAnimationFrame(() => {
      this.isAsked = false;
      this.draw();
    });
  }

  draw() {
    const { context, size, bitmap } = this;
    context.fillStyle = "#000";
    context.fillRect(0, 0, size.width, size.height);
    if (bitmap === null) return;
    const { x, y, width, height } = placed(this.picture, size, this.view);
    const isExact = Math.abs(bitmap.width - width) < 1 && Math.abs(bitmap.height - height) < 1;
    context.imageSmoothingEnabled = !isExact && width / bitmap.width < 8;
    context.imageSmoothingQuality = "high";
    // At actual size a picture is aligned to whole pixels, or it would be blurred.
    if (isExact) context.drawImage(bitmap, Math.round(x), Math.round(y));
    else context.drawImage(bitmap, x, y, width, height);
  }
}
