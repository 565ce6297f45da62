/**
 * How long to wait before the next attempt: full jitter, so that a million devices do not come back at once.
 *
 * Source: Brooker 2015, "Exponential Backoff And Jitter".
 */

export const BASE_MS = 500;
export const CAP_MS = 30_000;

/** Counts the attempts in a row that failed. */
export class Backoff {
  #failures = 0;

  /** Count one more failure; how long to wait now. `random`: in [0, 1). */
  nextMs(random: number): number {
    const boundMs = Math.min(CAP_MS, BASE_MS * 2 ** this.#failures);
    this.#failures += 1;
    return Math.floor(random * boundMs);
  }

  /** Start again from the shortest wait. */
  reset(): void {
    this.#failures = 0;
  }
}
