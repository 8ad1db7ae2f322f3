/**
 * The state of one pane: the item of a stack, its display options, and the requests for its
 * pictures. The parts around it (tools, cine, panels) change `store`; this listens.
 */

import { LATER, SOON, askDicom } from "./api.js";
import { aspect, number, text, wholeRange, windowsOf } from "./dicom.js";
import { debounced } from "./dom.js";
import {
  FITTED, fittingScale, imageToPicture, pictureSize, pictureToImage, placed, scaleOf, wantedSize,
} from "./geometry.js";
import { Pictures } from "./pictures.js";
import { Screen } from "./screen.js";
import { itemUrl } from "./stack.js";
import { Stage } from "./stage.js";
import { DEFAULTS, optionPairs, parseWindow, queryText } from "./state/options.js";
import { createStore } from "./state/store.js";
import { resourcePath } from "./state/route.js";

const QUICK_SIDE = 384;
const AHEAD = 4;
const BEHIND = 2;
const MOST_MODELS = 64;

export class Reading {
  /**
   * @param {HTMLCanvasElement} canvas @param {Pictures} [pictures] those of another reading, to share
   */
  constructor(canvas, pictures = new Pictures()) {
    /** UID of the series that is open. */
    this.series = "";
    this.store = createStore({
      stack: [],
      index: 0,
      options: DEFAULTS,
      view: FITTED,
      /** Size of the stage in device pixels. */
      room: null,
      /** Metadata of the current instance, once loaded. */
      model: null,
      /** The window that the server used, if none was set. */
      found: null,
      /** The server's warnings about the picture. @type {string[]} */
      warnings: [],
      /** The reason why an object is shown alone and not on its images. */
      fault: "",
      isBusy: false,
      isPlaying: false,
      trouble: null,
    });
    this.pictures = pictures;
    this.models = new Map();
    this.lastModel = null;
    /** UID of the instance whose metadata are being loaded. */
    this.learning = null;
    this.learnSoon = debounced(() => this.#learn(), 250);
    this.stage = new Stage(canvas, (size) => {
      this.store.set({ room: size });
      this.refresh();
    });
    this.isQuick = false;
    this.direction = 1;
    this.ahead = new AbortController();
    this.screen = new Screen(this.pictures, {
      onShown: (wish, picture, bitmap) => this.#shown(wish, picture, bitmap),
      onTrouble: (wish, trouble) => this.#failed(wish, trouble),
      onBusy: (isBusy) => this.store.set({ isBusy }),
    });
    this.store.on(["stack"], () => this.#learn());
    this.store.on(["index"], () => this.learnSoon());
    this.store.on(["options", "index", "stack"], () => this.refresh());
    this.store.on(["view"], () => this.#placed());
  }

  /** @returns {import("./stack.js").Item|undefined} */
  get item() {
    const { stack, index } = this.store.get();
    return stack[index];
  }

  /** Metadata of the instance, or of its neighbour in the series until they are loaded. */
  get nearestModel() {
    return this.store.get().model ?? this.lastModel;
  }

  /** Whether the picture is gray, so that a window applies. */
  get isGray() {
    return this.item?.kind === "image" && !this.#isColour(this.item);
  }

  #isColour(item) {
    const photometric = item.photometric || text(this.nearestModel, "00280004");
    return photometric !== "" && !photometric.startsWith("MONOCHROME");
  }

  get aspect() {
    return this.nearestModel && this.item ? aspect(this.nearestModel, this.item.frame) : 1;
  }

  /** Rotation, flip and size of the stored image in the picture. */
  get turn() {
    const { item } = this;
    const { rotate, flip } = this.store.get().options;
    return {
      rotate, flip, aspect: this.aspect,
      rows: item?.rows || number(this.nearestModel, "00280010") || 512,
      columns: item?.columns || number(this.nearestModel, "00280011") || 512,
    };
  }

  /** Size of the turned picture in pixels of the image. */
  get size() {
    const { turn } = this;
    return pictureSize(turn, turn.rotate, turn.aspect);
  }

  /** A point of the picture in the stored image. */
  fromPicture = (point) => pictureToImage(point, this.turn);

  /** Where a pointer is in the stored image. @param {{clientX: number, clientY: number}} event */
  imagePoint(event) {
    const place = placed(this.size, this.stage.size, this.store.get().view);
    const at = this.stage.point(event);
    return this.fromPicture({ x: (at.x - place.x) / this.scale, y: (at.y - place.y) / this.scale });
  }

  /** Where a point of the stored image is on the stage, in CSS pixels. */
  toScreen(point) {
    const place = placed(this.size, this.stage.size, this.store.get().view);
    const { x, y } = imageToPicture(point, this.turn);
    const { density } = this.stage;
    return { x: (place.x + x * this.scale) / density, y: (place.y + y * this.scale) / density };
  }

  /** The window on screen, if it is known. */
  get window() {
    const { options, model, found } = this.store.get();
    if (options.window) return options.window;
    if (found) return found;
    if (model === null || options.voi) return null;
    const [first] = windowsOf(model, this.item.frame);
    return first ? { function: "linear", ...first } : null;
  }

  /** The window that changes start from, even if none is known. */
  get startingWindow() {
    const { center, width, function: name = "linear" } = this.window
      ?? wholeRange(this.store.get().model ?? {});
    return { center, width, function: name };
  }

  /** @param {Partial<import("./state/options.js").Options>} patch */
  setOptions(patch) {
    const options = { ...this.store.get().options, ...patch };
    this.store.set({ options, ...("window" in patch || "voi" in patch ? { found: null } : {}) });
  }

  /** Goes `steps` items on; the ends are ends. @returns {boolean} whether there was somewhere to go */
  page(steps) {
    const { stack, index } = this.store.get();
    return this.goTo(Math.min(Math.max(index + steps, 0), stack.length - 1));
  }

  /** @param {number} index */
  goTo(index) {
    const { stack, index: before } = this.store.get();
    if (index === before || index < 0 || index >= stack.length) return false;
    this.direction = Math.sign(index - before);
    const isOther = stack[index].instance !== stack[before].instance;
    const model = isOther ? this.models.get(stack[index].instance) ?? null : this.store.get().model;
    this.store.set({ index, model, found: null });
    return true;
  }

  /** @param {import("./stack.js").Item[]} stack */
  open(stack, index, options) {
    this.screen.stop();
    this.ahead.abort();
    this.stage.clear();
    const model = this.models.get(stack[index]?.instance) ?? null;
    this.lastModel = model;
    this.store.set({
      stack, index, options, model, view: FITTED, found: null, warnings: [], fault: "", trouble: null,
      isPlaying: false,
    });
  }

  /** A small, fast picture during a drag, the full one afterwards. */
  setQuick(isQuick) {
    this.isQuick = isQuick;
    this.refresh();
  }

  /** Name and value of all parameters of a picture of `item`, apart from its size. */
  pairs() {
    const pairs = optionPairs(this.store.get().options);
    const isSquare = Math.abs(this.aspect - 1) < 0.001;
    return isSquare ? pairs : [...pairs, ["square-pixels", "yes"]];
  }

  /** URL and media type of the picture of an item. */
  wish(item, isQuick = false) {
    const pairs = this.pairs();
    const { view } = this.store.get();
    const wanted = wantedSize(this.size, this.stage.size, view);
    const size = isQuick ? quickSize(this.size, wanted) : wanted;
    if (size) pairs.push(["viewport", `${size.width},${size.height}`]);
    if (isQuick) pairs.push(["quality", "80"]);
    const query = queryText(pairs);
    // Gray pictures are lossless; color images are JPEG, as most of them are stored.
    const accept = isQuick || this.#isColour(item) || this.store.get().isPlaying
      ? "image/jpeg"
      : "image/png";
    return { url: `${itemUrl(item)}/rendered${query ? `?${query}` : ""}`, accept, isQuick, item };
  }

  /** Loads and shows the current picture. Resolves when it is shown. */
  refresh() {
    const { item } = this;
    if (item?.kind !== "image" || this.#isUnsure()) return Promise.resolve();
    this.#placed();
    return this.screen.show(this.wish(item, this.isQuick));
  }

  /** Whether the picture must wait for its pixel aspect ratio: only the first of a series. */
  #isUnsure() {
    return this.nearestModel === null && this.learning !== null;
  }

  #placed() {
    this.stage.place(this.size, this.store.get().view);
    const { view } = this.store.get();
    if (view.zoom !== this.lastZoom) {
      this.lastZoom = view.zoom;
      clearTimeout(this.zoomTimer);
      this.zoomTimer = setTimeout(() => this.refresh(), 160);
    }
  }

  /** Device pixels for a pixel of the image. */
  get scale() {
    return scaleOf(this.size, this.stage.size, this.store.get().view);
  }

  /** The zoom at which a pixel of the image is one of the screen. */
  get naturalZoom() {
    return 1 / fittingScale(this.size, this.stage.size);
  }

  #shown(wish, picture, bitmap) {
    this.stage.show(bitmap, wish.isQuick ? "quick" : "full");
    if (wish.item !== this.item) return;
    const window = parseWindow(picture.voi.replace(/^window /, ""));
    const { options } = this.store.get();
    this.store.set({ trouble: null, found: options.window ? null : window, warnings: picture.warnings });
    if (!wish.isQuick) this.#prefetch();
  }

  #failed(wish, trouble) {
    if (wish.item !== this.item) return;
    this.stage.clear();
    this.store.set({ trouble, warnings: [] });
  }

  /** Prefetches the neighbours, those in the direction of travel first. */
  #prefetch() {
    const former = this.ahead;
    this.ahead = new AbortController();
    const { signal } = this.ahead;
    const { stack, index, isPlaying } = this.store.get();
    const ahead = isPlaying ? 16 : AHEAD;
    const order = [
      ...Array.from({ length: ahead }, (_, step) => (step + 1) * this.direction),
      ...Array.from({ length: isPlaying ? 0 : BEHIND }, (_, step) => -(step + 1) * this.direction),
    ];
    for (const step of order) {
      const at = isPlaying ? (index + step + stack.length) % stack.length : index + step;
      const item = stack[at];
      if (item?.kind !== "image") continue;
      const { url, accept } = this.wish(item);
      if (this.pictures.has(url, accept)) continue;
      this.pictures.get(url, accept, { signal, priority: LATER }).catch(() => {});
    }
    // Last, so that requests in progress that are still wanted continue.
    former.abort();
  }

  /** Loads the metadata of the current instance. */
  async #learn() {
    const { item } = this;
    if (item === undefined || this.store.get().model !== null || this.learning === item.instance) {
      return;
    }
    this.learning = item.instance;
    let trouble = null;
    try {
      this.#keepModel(item.instance, await askForModel(item));
    } catch (problem) {
      trouble = problem;
    }
    if (this.learning === item.instance) this.learning = null;
    if (this.item?.instance !== item.instance) return;
    const model = this.models.get(item.instance) ?? null;
    this.lastModel = model ?? this.lastModel;
    // If a picture cannot be shown, its own request reports why.
    this.store.set(trouble && item.kind !== "image" ? { model, trouble } : { model });
    this.refresh();
  }

  #keepModel(instance, model) {
    this.models.set(instance, model);
    if (this.models.size > MOST_MODELS) this.models.delete(this.models.keys().next().value);
  }
}

async function askForModel(item) {
  const path = `${resourcePath({ ...item, frame: 0 })}/metadata`;
  const [model] = await askDicom(path, { priority: SOON });
  return model ?? null;
}

function quickSize(picture, wanted) {
  const whole = wanted ?? picture;
  const scale = Math.min(1, QUICK_SIDE / Math.max(whole.width, whole.height));
  const side = (pixels) => Math.max(1, Math.round(pixels * scale));
  return { width: side(whole.width), height: side(whole.height) };
}
