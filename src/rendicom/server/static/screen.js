/**
 * Shows the latest wanted picture on the stage. One picture is loaded at a time; those that are
 * superseded before their turn are not requested.
 */

import { NOW } from "./api.js";

const PATIENCE = 300;

/**
 * @typedef {{url: string, accept: string, isQuick: boolean}} Wish
 */

export class Screen {
  /**
   * @param {import("./pictures.js").Pictures} pictures
   * @param {{onShown: (wish: Wish, picture: object, bitmap: ImageBitmap) => void,
   *   onTrouble: (wish: Wish, problem: Error) => void, onBusy: (isBusy: boolean) => void}} tell
   */
  constructor(pictures, tell) {
    this.pictures = pictures;
    this.tell = tell;
    this.wish = null;
    this.underWay = null;
  }

  /**
   * Resolves when this picture, or a newer one, is on screen, or has failed.
   * @param {Wish} wish
   */
  show(wish) {
    const { underWay } = this;
    if (underWay && isSame(underWay.wish, wish)) {
      this.wish = null;
      return underWay.done;
    }
    this.wish = wish;
    if (underWay === null) return this.#next();
    // A picture that is late is given up for the newer one.
    if (performance.now() - underWay.since > PATIENCE) underWay.controller.abort();
    return underWay.done.then(() => this.#following());
  }

  /** Cancels the wanted picture and the one that is loading. */
  stop() {
    this.wish = null;
    this.underWay?.controller.abort();
  }

  #following() {
    return this.underWay?.done ?? Promise.resolve();
  }

  #next() {
    const { wish } = this;
    if (wish === null) return Promise.resolve();
    this.wish = null;
    const controller = new AbortController();
    const underWay = { wish, controller, since: performance.now() };
    this.underWay = underWay;
    this.tell.onBusy(true);
    underWay.done = this.#fetch(wish, controller.signal).finally(() => {
      this.underWay = null;
      this.tell.onBusy(this.wish !== null);
      this.#next();
    });
    return underWay.done;
  }

  async #fetch(wish, signal) {
    try {
      const picture = await this.pictures.get(wish.url, wish.accept, { signal, priority: NOW });
      const bitmap = await createImageBitmap(picture.blob);
      if (signal.aborted) bitmap.close();
      else this.tell.onShown(wish, picture, bitmap);
    } catch (problem) {
      if (!signal.aborted) this.tell.onTrouble(wish, problem);
    }
  }
}

const isSame = (one, other) => one.url === other.url && one.accept === other.accept;
