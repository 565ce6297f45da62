/** Whether a connection still lives: networks lose them without a word. */

import type { Output } from "./outputs.js";
import type { Timers } from "./timers.js";

const SILENCE_MS = 20_000;
/** The interval after the device woke, or its network came back. */
const URGENT_MS = 4000;

/** Watches one attempt, or the connection that it becomes. */
export class Silence {
  readonly #put: (output: Output) => void;
  readonly #timers: Timers;
  #canAsk = false;
  #hasAsked = false;
  #hasHeard = false;
  #isUrgent = false;

  /** `put`: where its outputs go. */
  constructor(put: (output: Output) => void, timers: Timers) {
    this.#put = put;
    this.#timers = timers;
  }

  /** Whether the interval under way is a short one. */
  get isUrgent(): boolean {
    return this.#isUrgent;
  }

  /** Watch from here on. `canAsk`: a ping can be sent; `hasAsked`: what was sent already wants an answer. */
  begin(canAsk: boolean, hasAsked: boolean): void {
    this.#canAsk = canAsk;
    this.#hasAsked = hasAsked;
    this.#beginInterval(SILENCE_MS);
  }

  /** Note that something came. */
  heard(): void {
    this.#hasHeard = true;
  }

  /** Ask for a sign of life, and give it little time. */
  hurry(): void {
    this.#hasAsked = true;
    this.#ask();
    this.#beginInterval(URGENT_MS);
    this.#isUrgent = true;
  }

  /** Whether the connection is dead, by the interval that ends now; if not, the next one begins. */
  check(): boolean {
    if (this.#hasAsked && !this.#hasHeard) return true;
    this.#hasAsked = !this.#hasHeard;
    if (this.#hasAsked) this.#ask();
    this.#beginInterval(SILENCE_MS);
    return false;
  }

  #ask(): void {
    if (this.#canAsk) this.#put({ type: "send", message: { type: "ping" } });
  }

  #beginInterval(afterMs: number): void {
    this.#hasHeard = false;
    this.#isUrgent = false;
    this.#timers.start("silence", afterMs);
  }
}
