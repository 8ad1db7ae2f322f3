/** Line icons of our own, drawn on a square of 24. */

const PATHS = {
  window: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16M12 8h6M12 12h8M12 16h6",
  pan: "M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3",
  zoom: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5L20 20M10.5 7.5v6M7.5 10.5h6",
  presets: "M4 7h8M18 7h2M4 17h3M13 17h7M15 4.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5"
    + "M10 14.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5",
  invert: "M4 4h16v16H4zM4 20L20 4M15 15.5h3.5M7.5 6v4M5.5 8h4",
  rotate: "M19 11a7.5 7.5 0 1 0-2 6M19 4v7h-7",
  flipH: "M12 3v3M12 9v2M12 14v2M12 19v2M9 7v10H3zM15 7v10h6z",
  flipV: "M3 12h3M9 12h2M14 12h2M19 12h2M7 9h10V3zM7 15h10v6z",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  overlays: "M12 4l9 4.5-9 4.5-9-4.5zM4 13l8 4 8-4M4 17l8 4 8-4",
  annotation: "M5 6V4h14v2M12 4v12M9 16h6M4 20h16",
  reset: "M5 13a7.5 7.5 0 1 0 2-6M5 4v7h7",
  info: "M5 3h10l4 4v14H5zM15 3v4h4M8 11h8M8 14h8M8 17h5",
  share: "M9 9h11v11H9zM15 9V4H4v11h5",
  download: "M12 4v11M7 10.5l5 5 5-5M4 20h16",
  help: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M9.5 9.5a2.5 2.5 0 1 1 3.5 2.3"
    + "c-.7.4-1 .9-1 1.700M12 16.5v.3",
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6L6 18",
  play: "M8 5v14l11-7z",
  pause: "M8 5v14M16 5v14",
  previous: "M15 6l-6 6 6 6",
  next: "M9 6l6 6-6 6",
  document: "M6 3h9l4 4v14H6zM14 3v5h5M9 12h6M9 15h6M9 18h4",
};

const NAMESPACE = "http://www.w3.org/2000/svg";

/** @param {keyof typeof PATHS} name */
export function icon(name) {
  const svg = document.createElementNS(NAMESPACE, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  const path = document.createElementNS(NAMESPACE, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
