/** Makes one of much that happens at once. */

/** How soon it may be done again: nobody sees more than a frame. */
const FRAME_MS = 16;

/** Does something as often as it is asked for, but for what comes close together: that is done once. */
export class Burst {
  readonly #act: () => void;
  #isDue = false;
  #notBeforeMs = 0;

  constructor(act: () => void) {
    this.#act = act;
  }

  /** Have it done at the end of this turn; if it was done just now, a frame, or as long as that took, later. */
  ask(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    const afterMs = this.#notBeforeMs - performance.now();
    if (afterMs > 0) setTimeout(this.#run, afterMs);
    else void Promise.resolve().then(this.#run);
  }

  readonly #run = (): void => {
    this.#isDue = false;
    const beganMs = performance.now();
    try {
      this.#act();
    } finally {
      const endedMs = performance.now();
      this.#notBeforeMs = endedMs + Math.max(FRAME_MS, endedMs - beganMs);
    }
  };
}
