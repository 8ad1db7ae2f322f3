/** The rail of series. */

import { count, date, number, text } from "./dicom.js";
import { find, h } from "./dom.js";
import { formatRoute } from "./state/route.js";
import { thumbnail } from "./thumbnails.js";

/** @param {string} study @param {object[]} series DICOM JSON of each */
export function fillRail(study, series) {
  find("#rail").classList.toggle("single", series.length === 1);
  find("#rail").replaceChildren(h("ol", {}, ...series.map((model) => seriesElement(study, model))));
}

/**
 * Offers other studies of the patient; the rail shows the series of the chosen one.
 * @param {object[]} studies DICOM JSON of each @param {string} open
 */
export function offerInRail(studies, open) {
  find("#rail .choose")?.remove();
  if (studies.length < 2) return;
  find("#rail").classList.remove("single");
  find("#rail").prepend(h("label", { class: "choose" }, "Study", h("select", {
    onchange: ({ target }) => {
      location.hash = formatRoute({ study: target.value });
    },
  }, ...studies.map((model) => {
    const [uid, day] = [text(model, "0020000D"), date(text(model, "00080020"))];
    const title = [day, text(model, "00081030")].filter(Boolean).join(" · ") || "Without a date";
    return h("option", { value: uid, textContent: title, selected: uid === open });
  }))));
}

/** Marks the series that is open. @param {string} uid */
export function markSeries(uid) {
  for (const link of find("#rail").querySelectorAll("a")) {
    const isOpen = link.dataset.series === uid;
    if (isOpen) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
    if (isOpen) link.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}

function seriesElement(study, model) {
  const series = text(model, "0020000E");
  const modality = text(model, "00080060");
  const images = number(model, "00201209");
  const described = text(model, "0008103E");
  const title = described || modality || "Without description";
  const order = text(model, "00200011");
  const facts = [described && modality, order && `no. ${order}`].filter(Boolean).join(" · ");
  return h("li", {}, h(
    "a",
    { href: formatRoute({ study, series }), "data-series": series },
    thumbnail(`studies/${study}/series/${series}`, 96),
    h("span", { class: "words" },
      h("span", { class: "title", textContent: title }),
      h("span", { class: "dim", textContent: facts }),
      h("span", { class: "dim", textContent: images > 0 ? count(images, "instance") : "" })),
  ));
}
