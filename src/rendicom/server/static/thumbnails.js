/** Small pictures that are loaded when they scroll into view. */

import { DICOMWEB, LATER, ask } from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

const loaders = new WeakMap();

const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    observer.unobserve(target);
    loaders.get(target)?.();
  }
}, { rootMargin: "200px" });

/**
 * A picture of a study or series; empty until it is loaded, or if there is none.
 * @param {string} path below the DICOMweb services @param {number} side in CSS pixels
 */
export function thumbnail(path, side) {
  const image = h("img", { class: "thumbnail", alt: "", width: side, height: side, decoding: "async" });
  loaders.set(image, async () => {
    const pixels = Math.round(side * Math.min(2, window.devicePixelRatio || 1));
    try {
      const blob = await ask(`${DICOMWEB}${path}/thumbnail?viewport=${pixels},${pixels}`, {
        accept: "image/jpeg", priority: LATER, read: (response) => response.blob(),
      });
      const url = URL.createObjectURL(blob);
      image.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
      image.src = url;
    } catch {
      image.replaceWith(h("span", { class: "thumbnail missing" }, icon("document")));
    }
  });
  observer.observe(image);
  return image;
}
