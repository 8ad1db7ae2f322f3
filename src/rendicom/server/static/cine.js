/** The bar below the image: position in the stack, and cine playback. */

import { frameTime } from "./dicom.js";
import { find, h } from "./dom.js";
import { icon } from "./icons.js";

const FASTEST = 60;
const UNKNOWN_SPEED = 12;

/** @param {import("./reading.js").Reading} reading */
export function createCine(reading) {
  const { store } = reading;
  let speed = 0;
  let isChosen = false;

  const play = h("button", {
    type: "button", class: "tool", "aria-label": "Play", title: "Play or pause (Space)",
    onclick: () => toggle(),
  }, icon("play"));
  const slider = h("input", {
    type: "range", min: "1", step: "1", "aria-label": "Image of the series",
    oninput: () => reading.goTo(Number(slider.value) - 1),
  });
  const where = h("output", { class: "where" });
  const rate = h("input", {
    type: "number", min: "1", max: String(FASTEST), step: "any", "aria-label": "Images per second",
    onchange: () => choose(Number(rate.value)),
  });
  find("#paging").append(
    play, slider, where,
    h("label", { class: "rate" }, rate, h("span", { "aria-hidden": "true", textContent: "/s" })),
  );

  /** The speed of the header, unless the user chose another. */
  function takeSpeed() {
    const time = reading.nearestModel ? frameTime(reading.nearestModel) : 0;
    if (!isChosen) speed = time > 0 ? Math.min(FASTEST, 1000 / time) : UNKNOWN_SPEED;
    rate.value = String(Number(speed.toFixed(1)));
  }

  function choose(wanted) {
    isChosen = true;
    speed = Math.min(FASTEST, Math.max(1, wanted || UNKNOWN_SPEED));
    takeSpeed();
  }

  function toggle() {
    const { isPlaying, stack } = store.get();
    if (stack.length < 2) return;
    store.set({ isPlaying: !isPlaying });
    if (!isPlaying) run();
    else reading.refresh();
  }

  /** Waits for each picture: with a slow connection playback is slower, but without gaps. */
  async function run() {
    reading.direction = 1;
    let due = performance.now();
    while (store.get().isPlaying) {
      const { stack, index, trouble } = store.get();
      if (trouble || document.hidden) return stop();
      due = Math.max(due + 1000 / speed, performance.now());
      reading.goTo((index + 1) % stack.length);
      reading.direction = 1;
      await Promise.all([reading.refresh(), until(due)]);
    }
  }

  function stop() {
    store.set({ isPlaying: false });
    reading.refresh();
  }

  store.on(["stack"], () => {
    isChosen = false;
  });
  store.on(["stack", "model"], takeSpeed);
  store.on(["stack", "index", "isPlaying"], ({ stack, index, isPlaying }) => {
    find("#paging").hidden = stack.length < 2;
    slider.max = String(stack.length);
    slider.value = String(index + 1);
    where.textContent = `${index + 1} / ${stack.length}`;
    slider.setAttribute("aria-valuetext", `${index + 1} of ${stack.length}`);
    if (play.dataset.playing === String(isPlaying)) return;
    play.dataset.playing = String(isPlaying);
    play.replaceChildren(icon(isPlaying ? "pause" : "play"));
    play.setAttribute("aria-label", isPlaying ? "Pause" : "Play");
  });

  return {
    toggle,
    faster(factor) {
      choose(speed * factor);
    },
  };
}

const until = (due) => new Promise((resolve) => {
  setTimeout(resolve, Math.max(0, due - performance.now()));
});
