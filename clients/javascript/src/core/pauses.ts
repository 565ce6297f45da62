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

  /** Begin again with short ones: the attempts get somewhere, or the app wants another one. */
  shorten(): void {
    this.#backoff.reset();
  }

  /** Wait longer than the last time. */
  backOff(code: number | null, reason: string, atLeastMs: number): void {
    this.wait(Math.max(this.#backoff.nextMs(this.#random()), atLeastMs), code, reason);
  }

  /** Wait so long. */
  wait(afterMs: number, code: number | null, reason: string): void {
    this.#timers.start("reconnect", afterMs);
    this.tell(code, afterMs, reason);
  }

  /** Only tell the app of the end of a connection or attempt; `retryInMs`: 0: there is none; null: until the app connects. */
  tell(code: number | null, retryInMs: number | null, reason: string): void {
    this.#put({ type: "emit", event: { type: "disconnected", code, retry_in_ms: retryInMs, reason } });
  }
}
