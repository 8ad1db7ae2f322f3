/**
 * All commands on a picture: buttons, keys and the help are generated from this list.
 */

import { FITTED, zoomed } from "./geometry.js";
import { DEFAULTS, mirrored, turned } from "./state/options.js";

/**
 * @typedef {{name: string, label: string, keys: string[], icon?: string, group: string,
 *   run: () => void, isOn?: () => boolean, isOff?: () => boolean}} Command
 */

const WINDOW_STEP = 0.05;

/**
 * @param {import("./reading.js").Reading} reading
 * @param {{tool: {get: () => string, set: (tool: string) => void}, panes: object, split: () => void,
 *   cine: {toggle: () => void, faster: (factor: number) => void},
 *   toggleLayers: () => void, isLayersOpen: () => boolean, toggleMetadata: () => void, isMetadataOpen: () => boolean, download: () => void,
 *   share: () => void, help: () => void, series: (steps: number) => void, leave: () => void,
 *   presets: () => {name: string, center: number, width: number}[]}} doors
 * @returns {Command[]}
 */
export function listCommands(reading, doors) {
  return [
    ...handCommands(doors.tool, reading),
    ...measureCommands(doors, reading),
    ...pictureCommands(reading),
    ...viewCommands(reading),
    ...windowCommands(reading, doors),
    ...pagingCommands(reading, doors),
    ...doorCommands(doors),
  ];
}

function handCommands(chosen, reading) {
  const usable = () => (chosen.get() === "window" && !reading.isGray ? "pan" : chosen.get());
  const tool = (name, label, key, group = "Drag") => ({
    name, label, keys: [key], icon: name, group,
    run: () => chosen.set(name),
    isOn: () => usable() === name,
  });
  const isOff = () => reading.item?.kind !== "image";
  return [
    { ...tool("window", "Drag changes the window", "w"), isOff: () => !reading.isGray },
    tool("pan", "Drag moves the image", "p"),
    tool("zoom", "Drag zooms", "z"),
    { ...tool("line", "Measure a length", "l", "Measure"), isOff },
    { ...tool("angle", "Measure an angle: drag one side, then the other", "g", "Measure"), isOff },
    { ...tool("rectangle", "Mean and deviation in a rectangle", "b", "Measure"), isOff },
  ];
}

function measureCommands({ panes, split }, reading) {
  const isOff = () => reading.item?.kind !== "image";
  return [
    { name: "clear", label: "Remove the measures of this image", keys: ["Delete", "Backspace"],
      icon: "clear", group: "Measure", run: () => panes.active.measures.clear(),
      isOff: () => panes.active.measures.shapes.length === 0 },
    { name: "split", label: "Two images side by side", keys: ["s"], icon: "split", group: "View",
      isOff: () => isOff() && !panes.isSplit, isOn: () => panes.isSplit, run: split },
    { name: "link", label: "Scroll both together", keys: ["k"], icon: "link", group: "View",
      isOff: () => !panes.isSplit, isOn: () => panes.isSplit && panes.isLinked,
      run: () => panes.link(!panes.isLinked) },
  ];
}

function pictureCommands(reading) {
  const options = () => reading.store.get().options;
  const put = (patch) => reading.setOptions(patch);
  const isOff = () => reading.item?.kind !== "image";
  return [
    { name: "invert", label: "Invert", keys: ["i"], icon: "invert", group: "Image", isOff,
      run: () => put({ invert: !options().invert }), isOn: () => options().invert },
    { name: "rotate", label: "Rotate right", keys: ["r"], icon: "rotate", group: "Image", isOff,
      run: () => put(turned(options(), 1)) },
    { name: "rotateLeft", label: "Rotate left", keys: ["Shift+R"], group: "Image", isOff,
      run: () => put(turned(options(), -1)) },
    { name: "flipH", label: "Flip left and right", keys: ["h"], icon: "flipH", group: "Image", isOff,
      run: () => put(mirrored(options(), "h")) },
    { name: "flipV", label: "Flip top and bottom", keys: ["v"], icon: "flipV", group: "Image", isOff,
      run: () => put(mirrored(options(), "v")) },
    { name: "overlays", label: "Overlays", keys: ["o"], icon: "overlays", group: "Image", isOff,
      run: () => put({ overlays: !options().overlays }), isOn: () => options().overlays },
    { name: "annotation", label: "Annotation in the image", keys: ["a"], icon: "annotation",
      group: "Image", isOff,
      isOn: () => options().patient || options().technique,
      run: () => {
        const isOn = options().patient || options().technique;
        put({ patient: !isOn, technique: !isOn });
      } },
    { name: "reset", label: "Reset the image", keys: ["Shift+X"], icon: "reset", group: "Image", isOff,
      run: () => {
        put(DEFAULTS);
        reading.store.set({ view: FITTED });
      } },
  ];
}

function viewCommands(reading) {
  const set = (view) => reading.store.set({ view });
  const zoomBy = (factor) => {
    const { size } = reading.stage;
    const middle = { x: size.width / 2, y: size.height / 2 };
    set(zoomed(reading.store.get().view, factor, middle, reading.size, size));
  };
  const isNatural = () => Math.abs(reading.scale - 1) < 0.001;
  return [
    { name: "fit", label: "Fit the image, or actual size", keys: ["f"], icon: "fit",
      group: "View",
      isOff: () => reading.item?.kind !== "image",
      run: () => set(reading.store.get().view.zoom === 1 && !isNatural()
        ? { zoom: reading.naturalZoom, x: 0, y: 0 }
        : FITTED) },
    { name: "zoomIn", label: "Zoom in", keys: ["+", "="], group: "View", run: () => zoomBy(1.25) },
    { name: "zoomOut", label: "Zoom out", keys: ["-"], group: "View", run: () => zoomBy(0.8) },
  ];
}

function windowCommands(reading, doors) {
  const isOff = () => !reading.isGray;
  const change = (center, width) => {
    const window = reading.startingWindow;
    reading.setOptions({
      window: {
        ...window,
        center: rounded(window.center + center * window.width, window.width),
        width: Math.max(1, rounded(window.width * width, window.width)),
      },
    });
  };
  const presets = Array.from({ length: 9 }, (_, index) => ({
    name: `preset${index + 1}`,
    label: "Window presets 1 to 9",
    keys: [String(index + 1)],
    group: "Window",
    isOff,
    run: () => {
      const preset = doors.presets()[index];
      if (!preset) return;
      const { center, width } = preset;
      reading.setOptions({ window: { center, width, function: "linear" } });
    },
  }));
  return [
    { name: "brighter", label: "Brighter", keys: ["."], group: "Window", isOff,
      run: () => change(-WINDOW_STEP, 1) },
    { name: "darker", label: "Darker", keys: [","], group: "Window", isOff,
      run: () => change(WINDOW_STEP, 1) },
    { name: "wider", label: "Less contrast", keys: ["["], group: "Window", isOff,
      run: () => change(0, 1 + WINDOW_STEP * 2) },
    { name: "narrower", label: "More contrast", keys: ["]"], group: "Window", isOff,
      run: () => change(0, 1 - WINDOW_STEP * 2) },
    { name: "asStored", label: "Default window", keys: ["0"], group: "Window", isOff,
      run: () => reading.setOptions({ window: null, voi: "" }) },
    ...presets,
  ];
}

/** Rounded to the digits that matter for a window of this width. */
export function rounded(value, width) {
  const digits = width >= 20 ? 0 : Math.min(6, 2 - Math.floor(Math.log10(width)));
  return Number(value.toFixed(digits));
}

function pagingCommands(reading, doors) {
  return [
    { name: "next", label: "Next image", keys: ["ArrowDown", "PageDown"], group: "Page",
      run: () => reading.page(1) },
    { name: "previous", label: "Previous image", keys: ["ArrowUp", "PageUp"], group: "Page",
      run: () => reading.page(-1) },
    { name: "first", label: "First image", keys: ["Home"], group: "Page",
      run: () => reading.goTo(0) },
    { name: "last", label: "Last image", keys: ["End"], group: "Page",
      run: () => reading.goTo(reading.store.get().stack.length - 1) },
    { name: "nextSeries", label: "Next series", keys: ["ArrowRight"], group: "Page",
      run: () => doors.series(1) },
    { name: "previousSeries", label: "Previous series", keys: ["ArrowLeft"], group: "Page",
      run: () => doors.series(-1) },
    { name: "play", label: "Play or pause", keys: ["Space"], group: "Page",
      run: () => doors.cine.toggle() },
    { name: "faster", label: "Faster", keys: [">"], group: "Page",
      run: () => doors.cine.faster(1.25) },
    { name: "slower", label: "Slower", keys: ["<"], group: "Page",
      run: () => doors.cine.faster(0.8) },
  ];
}

function doorCommands(doors) {
  return [
    { name: "layers", label: "Layers on the image", keys: ["y"], icon: "layers", group: "Study",
      run: doors.toggleLayers, isOn: doors.isLayersOpen },
    { name: "info", label: "Attributes", keys: ["m"], icon: "info", group: "Study",
      run: doors.toggleMetadata, isOn: doors.isMetadataOpen },
    { name: "share", label: "Copy as URL or command", keys: ["c"], icon: "share", group: "Study",
      run: doors.share },
    { name: "download", label: "Download", keys: ["d"], icon: "download", group: "Study",
      run: doors.download },
    { name: "help", label: "Help", keys: ["?"], icon: "help", group: "Study", run: doors.help },
    { name: "leave", label: "Back to the studies", keys: ["Escape"], group: "Study",
      run: doors.leave },
  ];
}
