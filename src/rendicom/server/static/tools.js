/** The buttons above the image, and the panels of two of them: presets and annotation. */

import { attachPanel } from "./dialog.js";
import { short, text, windowsOf } from "./dicom.js";
import { find, h } from "./dom.js";
import { icon } from "./icons.js";
import { hintOf } from "./keyboard.js";

/**
 * @param {import("./reading.js").Reading} reading
 * @param {import("./commands.js").Command[]} commands
 * @param {{presets: () => object[], onChange: ((run: () => void) => void)[]}} doors
 */
export function createTools(reading, commands, doors) {
  const byName = new Map(commands.map((command) => [command.name, command]));
  const buttons = [];
  const button = (name) => {
    const made = commandButton(byName.get(name));
    buttons.push(made);
    return made.element;
  };
  const presets = presetsButton(reading, doors);
  const annotation = annotationButton(reading);
  find("#toolbar").append(
    group("Drag", button("window"), button("pan"), button("zoom")),
    group("Measure", button("line"), button("angle"), button("rectangle"), button("clear")),
    group("Window", presets.button, button("invert")),
    group("Orientation", button("rotate"), button("flipH"), button("flipV"), button("fit")),
    group("Drawn into the image", button("overlays"), annotation.button),
    group("Reset", button("reset")),
    group("Side by side", button("split"), button("link")),
    presets.panel,
    annotation.panel,
  );
  find("#actions").append(button("layers"), button("info"), button("share"), button("download"), button("help"));
  roveFocus(find("#toolbar"));
  roveFocus(find("#actions"));

  const refresh = () => {
    for (const { refresh: each } of buttons) each();
    presets.button.disabled = !reading.isGray;
    annotation.refresh();
  };
  reading.store.on(["options", "index", "stack", "model", "view"], refresh);
  for (const listen of doors.onChange) listen(refresh);
  refresh();
}

const group = (label, ...members) =>
  h("div", { class: "group", role: "group", "aria-label": label }, ...members);

function commandButton(command) {
  const element = h("button", {
    type: "button", class: "tool", "aria-label": command.label, title: hintOf(command),
    "data-command": command.name, onclick: () => command.run(),
  }, icon(command.icon));
  return {
    element,
    refresh() {
      if (command.isOn) element.setAttribute("aria-pressed", String(command.isOn()));
      element.disabled = command.isOff?.() ?? false;
    },
  };
}

/** One stop of the Tab key for a toolbar; arrows go from button to button (WAI-ARIA toolbar). */
function roveFocus(toolbar) {
  const stops = () => [...toolbar.querySelectorAll("button.tool:not(:disabled)")];
  const choose = (chosen) => {
    for (const each of toolbar.querySelectorAll("button.tool")) each.tabIndex = each === chosen ? 0 : -1;
  };
  choose(toolbar.querySelector("button.tool"));
  toolbar.addEventListener("focusin", ({ target }) => {
    if (target.matches("button.tool")) choose(target);
  });
  toolbar.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const all = stops();
    const at = all.indexOf(event.target);
    if (!steps || at < 0) return;
    event.preventDefault();
    all[(at + steps + all.length) % all.length].focus();
  });
  new MutationObserver(() => {
    const current = toolbar.querySelector("button.tool[tabindex='0']");
    if (!current || current.disabled) choose(stops()[0]);
  }).observe(toolbar, { subtree: true, attributeFilter: ["disabled"] });
}

// --- presets ---------------------------------------------------------------------------------

function presetsButton(reading, { presets }) {
  const button = h("button", {
    type: "button", class: "tool", "aria-label": "Window and presets", title: "Window and presets",
  }, icon("presets"));
  const panel = h("div", { class: "panel", id: "presets", role: "dialog", "aria-label": "Window and presets" });
  attachPanel(button, panel, () => panel.replaceChildren(...presetsContent(reading, presets, panel)));
  return { button, panel };
}

function presetsContent(reading, presets, panel) {
  const { center, width, function: name } = reading.startingWindow;
  const field = (label, key, given) => h(
    "label",
    {},
    label,
    h("input", { type: "number", name: key, step: "any", required: true, value: String(given) }),
  );
  const select = h("select", { name: "function" }, ...["linear", "linear-exact", "sigmoid"].map(
    (each) => h("option", { value: each, textContent: each, selected: each === name }),
  ));
  const form = h(
    "form",
    { class: "numbers", onsubmit: (event) => {
      event.preventDefault();
      const given = new FormData(form);
      reading.setOptions({ window: {
        center: Number(given.get("center")),
        width: Math.max(Number(given.get("width")), given.get("function") === "linear" ? 1 : 1e-6),
        function: given.get("function"),
      } });
    } },
    field("Center", "center", center),
    field("Width", "width", width),
    h("label", {}, "Function", select),
    h("button", { class: "primary", textContent: "Set" }),
  );
  const choose = (label, patch, detail = "") => h("button", {
    type: "button", class: "choice", onclick: () => {
      reading.setOptions({ window: null, voi: "", ...patch });
      panel.hidePopover();
    },
  }, h("span", { textContent: label }), h("span", { class: "dim", textContent: detail }));
  const windowChoice = (preset) => choose(
    preset.label,
    { window: { center: preset.center, width: preset.width, function: "linear" } },
    `${short(preset.center, 2)} / ${short(preset.width, 2)}`.replace("-", "−"),
  );
  return [
    form,
    h("div", { class: "choices" },
      choose("Default window", {}),
      choose("Full range", { voi: "minmax" }),
      ...presets().map(windowChoice)),
  ];
}

/**
 * Presets of the keys 1 to 9 and the panel: common windows for CT, otherwise those of the file.
 * @param {import("./reading.js").Reading} reading @param {object[]} rooms presets of the server
 */
export function presetsFor(reading, rooms) {
  const model = reading.nearestModel;
  if (text(model, "00080060") === "CT") {
    return rooms.map((preset) => ({ ...preset, label: titled(preset.name) }));
  }
  const own = model && reading.item ? windowsOf(model, reading.item.frame) : [];
  return own.slice(0, 9).map((window, index) => (
    { ...window, label: window.explanation || `Window ${index + 1} of the file` }));
}

const titled = (name) => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("-", " ");

// --- annotation ------------------------------------------------------------------------------

function annotationButton(reading) {
  const button = h("button", {
    type: "button", class: "tool", "aria-label": "Annotation in the image",
    title: "Annotation in the image (a)",
  }, icon("annotation"));
  const box = (key, label) => h("label", { class: "check" }, h("input", {
    type: "checkbox", name: key, onchange: ({ target }) => reading.setOptions({ [key]: target.checked }),
  }), label);
  const panel = h(
    "div",
    { class: "panel", id: "annotation", role: "dialog", "aria-label": "Annotation in the image" },
    box("patient", " Patient data"),
    box("technique", " Acquisition technique"),
    h("p", { class: "dim", textContent: "Drawn into the picture, also in downloads." }),
  );
  attachPanel(button, panel);
  return {
    button,
    panel,
    refresh() {
      const { options } = reading.store.get();
      for (const each of panel.querySelectorAll("input")) each.checked = options[each.name];
      button.setAttribute("aria-pressed", String(options.patient || options.technique));
      button.disabled = reading.item?.kind !== "image";
    },
  };
}
