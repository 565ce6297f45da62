/** How long a client stays offline, and what the app is told of it. */

import { Backoff } from "./backoff.js";
import type { Output } from "./outputs.js";
import type { Timers } from "./timers.js";

/** Begins each pause between attempts. */
export class Pauses {
  readonly #put: (output: Output) => void;
  readonly #timers: Timers;
  readonly #random: () => number;
  readonly #backoff = new Backoff();

  /** `put`: where its outputs go; `random`: in [0, 1). */
  constructor(put: (output: Output) => void, timers: Timers, random: () => number) {
    this.#put = put;
    this.#timers = timers;
    this.#random = random;
  }

  /** Begin again with short pauses: an attempt got somewhere, or the app wants another one now. */
  shorten(): void {
    this.#backoff.reset();
  }

  /** Wait, as a rule longer than the last time, and at least `atLeastMs`. */
  backOff(code: number | null, reason: string, atLeastMs: number): void {
    this.wait(Math.max(this.#backoff.nextMs(this.#random()), atLeastMs), code, reason);
  }

  /** Wait for `afterMs`. */
  wait(afterMs: number, code: number | null, reason: string): void {
    this.#timers.start("reconnect", afterMs);
    this.tell(code, afterMs, reason);
  }

  /**
   * Only tell the app that a connection or attempt ended; `retryInMs` 0: no pause follows; null: the app has to
   * connect.
   */
  tell(code: number | null, retryInMs: number | null, reason: string): void {
    this.#put({ type: "emit", event: { type: "disconnected", code, retry_in_ms: retryInMs, reason } });
  }
}
