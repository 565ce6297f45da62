/**
 * How long to wait before the next attempt: full jitter, so that a million devices do not come back at once.
 *
 * Source: Brooker 2015, Exponential Backoff And Jitter.
 */

const FIRST_MS = 500;
const MOST_MS = 30_000;

export class Backoff {
  /** Attempts in a row that failed. */
  #failures = 0;

  /** `random`: in [0, 1). */
  next(random: number): number {
    const ceiling = Math.min(MOST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    return Math.floor(random * ceiling);
  }

  reset(): void {
    this.#failures = 0;
  }
}
