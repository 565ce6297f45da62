/** Does once what is asked for many times in a short while. */

/** The least time between two runs: one frame, as nobody sees more. */
const FRAME_MS = 16;

/** Runs `act` when asked; asked several times in a short while, it runs once. */
export class Burst {
  readonly #act: () => void;
  #isDue = false;
  #notBeforeMs = 0;

  constructor(act: () => void) {
    this.#act = act;
  }

  /** Run at the end of this turn; or, after the last run, a frame later, or as much later as that run took. */
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
