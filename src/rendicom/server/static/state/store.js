/** A state with listeners for its changes. */

/**
 * @template {object} T
 * @param {T} initial
 */
export function createStore(initial) {
  let state = Object.freeze({ ...initial });
  const listeners = new Set();

  return {
    /** @returns {Readonly<T>} */
    get: () => state,

    /** Takes over what differs; those who listen for it hear of it once. @param {Partial<T>} patch */
    set(patch) {
      const changed = Object.keys(patch).filter((name) => !Object.is(state[name], patch[name]));
      if (changed.length === 0) return;
      state = Object.freeze({ ...state, ...patch });
      for (const { names, run } of [...listeners]) {
        if (names.some((name) => changed.includes(name))) run(state);
      }
    },

    /** Calls `run` whenever one of `names` changes. @returns {() => void} ends it */
    on(names, run) {
      const listener = { names, run };
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
