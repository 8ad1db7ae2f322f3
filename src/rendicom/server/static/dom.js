/** Creates elements. Text is always inserted as text, never as HTML, here and elsewhere. */

/** @param {string} selector @returns {HTMLElement} */
export const find = (selector) => document.querySelector(selector);

/**
 * An element with properties (`on…` are listeners, names with a hyphen and `role` attributes,
 * `class` its classes) and children; children that are null or false are left out.
 * @param {string} tag
 * @param {Object<string, unknown>} [properties]
 * @param {...(Node|string|null|false)} children
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name.includes("-") || name === "role" || name === "list" || name === "for") {
      element.setAttribute(name, String(value));
    } else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== false));
  return element;
}

/** Calls `run` when it was not called again for `milliseconds`. */
export function debounced(run, milliseconds) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...values), milliseconds);
  };
}
