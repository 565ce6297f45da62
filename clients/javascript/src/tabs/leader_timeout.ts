/** Finds a leader that does not answer: asleep in the background, say. */

/** How long it may take to do a call. */
const LEADER_TIMEOUT_MS = 3000;

export class LeaderTimeout {
  readonly #onExpired: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(onExpired: () => void) {
    this.#onExpired = onExpired;
  }

  /** Count from now, unless it counts already. */
  start(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#onExpired();
    }, LEADER_TIMEOUT_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
