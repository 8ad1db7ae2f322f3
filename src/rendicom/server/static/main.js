/** The entry point of the page: shows the list of studies or a study, by the address. */

import { askJson, key, onKeyNeeded } from "./api.js";
import { askForKey } from "./dialog.js";
import { find } from "./dom.js";
import { icon } from "./icons.js";
import { openHelp } from "./keyboard.js";
import { applyLook, listenToLook } from "./look.js";
import { parseRoute } from "./state/route.js";
import { createStudies } from "./studies.js";
import { createViewer } from "./viewer.js";

onKeyNeeded(async (wasWrong) => {
  const given = await askForKey(wasWrong);
  if (given) key.set(given);
  return given !== "";
});

/** Presets of the server; the page works without them. */
async function presets() {
  try {
    const told = await askJson(new URL("page/parameters.json", document.baseURI));
    return told.presets ?? [];
  } catch {
    return [];
  }
}

const studies = createStudies();
const help = find("[data-action='help']");
help.append(icon("help"));
const viewer = presets().then((rooms) => {
  const made = createViewer(rooms);
  help.addEventListener("click", () => openHelp(made.commands));
  return made;
});

listenToLook(() => parseRoute(location.hash) !== null);

async function go() {
  const route = parseRoute(location.hash);
  applyLook(route !== null);
  find("#studies").hidden = route !== null;
  find("#viewer").hidden = route === null;
  if (route === null) {
    (await viewer).hide();
    studies.show();
  } else {
    studies.hide();
    studies.opened(route.study);
    (await viewer).show(route);
  }
}

addEventListener("hashchange", go);
go();
