/**
 * Geometry of the picture in the stage. Lengths are device pixels; `zoom` is 1 if the whole picture
 * just fits, `x` and `y` are the offset of its center from the center of the stage.
 *
 * @typedef {{width: number, height: number}} Size
 * @typedef {{zoom: number, x: number, y: number}} View
 */

export const FITTED = Object.freeze({ zoom: 1, x: 0, y: 0 });

const MOST_PIXELS = 32;

/**
 * Size of the picture once it is turned, in pixels of the image.
 * @param {{rows: number, columns: number}} item @param {number} rotate
 * @param {number} aspect vertical divided by horizontal size of a pixel
 * @returns {Size}
 */
export function pictureSize({ rows, columns }, rotate, aspect) {
  const size = {
    width: Math.round(columns * Math.max(1, 1 / aspect)),
    height: Math.round(rows * Math.max(1, aspect)),
  };
  return rotate % 180 === 0 ? size : { width: size.height, height: size.width };
}

/** Device pixels for a pixel of the image where the whole just fits. @param {Size} picture @param {Size} stage */
export const fittingScale = (picture, stage) =>
  Math.min(stage.width / picture.width, stage.height / picture.height);

/** @param {Size} picture @param {Size} stage @param {View} view */
export const scaleOf = (picture, stage, view) => fittingScale(picture, stage) * view.zoom;

/** Keeps a view within bounds: some of the picture stays in sight. */
export function bounded(view, picture, stage) {
  const fitting = fittingScale(picture, stage);
  const least = Math.min(0.5, 1 / fitting);
  const zoom = Math.min(Math.max(view.zoom, least), Math.max(MOST_PIXELS / fitting, 8));
  const reach = (length, room) => Math.max(length * fitting * zoom, room) / 2;
  const clamp = (shift, most) => Math.min(Math.max(shift, -most), most);
  return {
    zoom,
    x: clamp(view.x, reach(picture.width, stage.width)),
    y: clamp(view.y, reach(picture.height, stage.height)),
  };
}

/** Zooms by `factor` and keeps the point `at` of the stage where it is. */
export function zoomed(view, factor, at, picture, stage) {
  const wanted = bounded({ ...view, zoom: view.zoom * factor }, picture, stage);
  const ratio = wanted.zoom / view.zoom;
  const keep = (shift, point, room) => (point - room / 2) * (1 - ratio) + shift * ratio;
  return bounded({
    zoom: wanted.zoom,
    x: keep(view.x, at.x, stage.width),
    y: keep(view.y, at.y, stage.height),
  }, picture, stage);
}

/** Rectangle of the stage that the picture covers. */
export function placed(picture, stage, view) {
  const scale = scaleOf(picture, stage, view);
  const [width, height] = [picture.width * scale, picture.height * scale];
  return {
    x: (stage.width - width) / 2 + view.x,
    y: (stage.height - height) / 2 + view.y,
    width,
    height,
  };
}

/** Part of the turned picture that is in sight, in pixels of the image. */
export function inSight(picture, stage, view) {
  const place = placed(picture, stage, view);
  const scale = place.width / picture.width;
  const cut = (start, room, length) => {
    const from = Math.max(0, -start / scale);
    return [from, Math.min(length, (room - start) / scale) - from];
  };
  const [x, width] = cut(place.x, stage.width, picture.width);
  const [y, height] = cut(place.y, stage.height, picture.height);
  return { x, y, width, height };
}

/**
 * The region of the stored image that ends up as the part `seen` of the turned and mirrored one.
 * @param {{x: number, y: number, width: number, height: number}} seen
 * @param {Size} picture the turned picture
 * @param {{rotate: number, flip: string}} options
 */
export function storedRegion(seen, picture, { rotate, flip }) {
  let { x, y, width, height } = seen;
  let size = { ...picture };
  if (flip === "h") x = size.width - x - width;
  if (flip === "v") y = size.height - y - height;
  for (let left = rotate; left > 0; left -= 90) {
    // One quarter back: what lies at the right was at the top.
    [x, y, width, height] = [y, size.width - x - width, height, width];
    size = { width: size.height, height: size.width };
  }
  return { x, y, width, height };
}

/**
 * The size to request, or null for the full matrix. When zoomed, sizes go in steps, so that not
 * every turn of the wheel requests another picture.
 * @param {Size} picture @param {Size} stage @param {View} view
 * @returns {Size|null}
 */
export function wantedSize(picture, stage, view) {
  const fitting = fittingScale(picture, stage);
  const steps = Math.ceil(Math.log2(view.zoom) * 2 - 1e-6);
  const scale = view.zoom === 1 ? fitting : fitting * 2 ** (steps / 2);
  if (!(scale < 1)) return null;
  const length = (pixels) => Math.max(1, Math.round(pixels * scale));
  return { width: length(picture.width), height: length(picture.height) };
}

/*
 * Points: in the stored image (x and y from the outer corner of its first pixel), in the turned and
 * mirrored picture, and on the stage. A `turn` is {rotate, flip, aspect, rows, columns}.
 */

/** How much wider and higher a stored pixel is in the picture. */
const stretch = (aspect) => ({ x: Math.max(1, 1 / aspect), y: Math.max(1, aspect) });

/** Where a point of the stored image is in the picture. @param {{x: number, y: number}} point */
export function imageToPicture({ x, y }, { rotate, flip, aspect, rows, columns }) {
  const by = stretch(aspect);
  let [px, py] = [x * by.x, y * by.y];
  let [width, height] = [columns * by.x, rows * by.y];
  for (let left = rotate; left > 0; left -= 90) {
    [px, py] = [height - py, px];
    [width, height] = [height, width];
  }
  return { x: flip === "h" ? width - px : px, y: flip === "v" ? height - py : py };
}

/** Where a point of the picture is in the stored image. */
export function pictureToImage({ x, y }, { rotate, flip, aspect, rows, columns }) {
  const by = stretch(aspect);
  let [width, height] = [columns * by.x, rows * by.y];
  if (rotate % 180 !== 0) [width, height] = [height, width];
  let [px, py] = [flip === "h" ? width - x : x, flip === "v" ? height - y : y];
  for (let left = rotate; left > 0; left -= 90) {
    [px, py] = [py, width - px];
    [width, height] = [height, width];
  }
  return { x: px / by.x, y: py / by.y };
}
