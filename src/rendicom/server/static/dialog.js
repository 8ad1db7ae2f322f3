/** Dialogs and small panels below a button. */

import { h } from "./dom.js";
import { icon } from "./icons.js";

/**
 * Opens a modal dialog; it is gone when closed. Resolves to its return value.
 * @param {string} title
 * @param {(Node|string)[]} content
 * @param {{name?: string}} [how]
 */
export function openDialog(title, content, { name = "" } = {}) {
  const id = `dialog-${name || "title"}`;
  const dialog = h(
    "dialog",
    { class: `dialog ${name}`, "aria-labelledby": id },
    h(
      "header",
      {},
      h("h2", { id, textContent: title }),
      h("button", {
        type: "button", class: "quiet", "aria-label": "Close", onclick: () => dialog.close(),
      }, icon("close")),
    ),
    ...content,
  );
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  const before = document.activeElement;
  document.body.append(dialog);
  dialog.showModal();
  const closed = new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      before?.focus?.();
      resolve(dialog.returnValue);
    }, { once: true });
  });
  return { dialog, closed };
}

/** Whether a modal dialog is open. */
export const isDialogOpen = () => document.querySelector("dialog[open]") !== null;

/**
 * Asks for the API key. Resolves to the key, or an empty text.
 * @param {boolean} wasWrong
 */
export async function askForKey(wasWrong) {
  const input = h("input", {
    type: "password", name: "key", required: true, autocomplete: "off", spellcheck: false,
    "aria-describedby": "key-hint",
  });
  const form = h(
    "form",
    { method: "dialog" },
    h("p", {
      id: "key-hint",
      textContent: wasWrong
        ? "The server did not accept this key. Check it, or ask the server's administrator."
        : "This server requires an API key. The key is kept in this tab only, until you close it.",
    }),
    h("label", {}, "API key ", input),
    h("p", { class: "buttons" }, h("button", { class: "primary", value: "given" }, "Continue")),
  );
  const { dialog, closed } = openDialog("API key", [form], { name: "key" });
  input.focus();
  dialog.returnValue = "";
  return await closed === "given" ? input.value.trim() : "";
}

/**
 * Makes `button` open `panel` next to it; a click elsewhere or Escape closes it.
 * @param {HTMLButtonElement} button @param {HTMLElement} panel @param {() => void} [onOpen]
 */
export function attachPanel(button, panel, onOpen = () => {}) {
  panel.popover = "auto";
  button.popoverTargetElement = panel;
  button.setAttribute("aria-haspopup", "dialog");
  button.setAttribute("aria-expanded", "false");
  panel.addEventListener("beforetoggle", ({ newState }) => {
    if (newState === "open") onOpen();
  });
  panel.addEventListener("toggle", ({ newState }) => {
    const isOpen = newState === "open";
    button.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) placeNear(panel, button);
  });
}

/** Below the button, or above it if there is no space; always within the window. */
function placeNear(panel, button) {
  const anchor = button.getBoundingClientRect();
  const { width, height } = panel.getBoundingClientRect();
  const left = Math.max(8, Math.min(anchor.left, innerWidth - width - 8));
  const below = anchor.bottom + 6;
  const top = below + height > innerHeight - 8 ? Math.max(8, anchor.top - height - 6) : below;
  panel.style.left = `${left}px`;
  panel.style.top = `${top}px`;
}
