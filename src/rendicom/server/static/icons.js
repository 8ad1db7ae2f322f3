/** Line icons of our own, drawn on a square of 24. */

const PATHS = {
  window: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16M12 8h6M12 12h8M12 16h6",
  pan: "M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3",
  zoom: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5L20 20M10.5 7.5v6M7.5 10.5h6",
  line: "M5 19L19 5M3 17l4 4M17 3l4 4M9 12l2 2M12 9l2 2",
  angle: "M4 20L17 5M4 20h17M12 11a9 9 0 0 1 3.500 9",
  rectangle: "M4 6h16v12H4zM4 6l16 12M8.500 6v.1M15 6v.1",
  clear: "M4 7h16M9 7V4h6v3M6.500 7l1 13h9l1-13M10 11v6M14 11v6",
  split: "M3 5h18v14H3zM12 5v14",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1.500 1.500M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1.500-1.500",
  layers: "M12 3l9 5-9 5-9-5zM3 13l9 5 9-5",
  upload: "M12 20V9M7.500 13.500L12 9l4.500 4.500M4 4h16",
  archive: "M3 5h18v4H3zM5 9v11h14V9M10 13h4",
  light: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M18.700 5.300l-1.400 1.400M6.700 17.300l-1.400 1.400",
  dark: "M19.500 14.500A8 8 0 0 1 9.500 4.500a8 8 0 1 0 10 10z",
  ascending: "M7 14l5-6 5 6",
  descending: "M7 10l5 6 5-6",
  presets: "M4 7h8M18 7h2M4 17h3M13 17h7M15 4.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5"
    + "M10 14.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5",
  invert: "M4 4h16v16H4zM4 20L20 4M15 15.5h3.5M7.5 6v4M5.5 8h4",
  rotate: "M19 11a7.5 7.5 0 1 0-2 6M19 4v7h-7",
  flipH: "M12 3v3M12 9v2M12 14v2M12 19v2M9 7v10H3zM15 7v10h6z",
  flipV: "M3 12h3M9 12h2M14 12h2M19 12h2M7 9h10V3zM7 15h10v6z",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  overlays: "M4 4h16v16H4zM8 9h8M8 12h5M15 14.500l3 3M18 14.500l-3 3",
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
