/** Notices a leader that does not answer, as one asleep in the background. */

/** How long a leader may take to do a call. */
const LEADER_TIMEOUT_MS = 3000;

export class LeaderTimeout {
  readonly #onExpired: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(onExpired: () => void) {
    this.#onExpired = onExpired;
  }

  /** Start counting, unless it is counting already. */
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
