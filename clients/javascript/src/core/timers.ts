/** The timers that are running, and whether the device has slept through the end of one. */

import { type Output, TIMERS, type Timer } from "./outputs.js";

const SLEPT_MS = 10_000;

/** Starts and stops the shell's timers. */
export class Timers {
  readonly #put: (output: Output) => void;
  readonly #nowMs: () => number;
  /** When each running timer is due, by the wall clock. */
  readonly #dueMs = new Map<Timer, number>();

  /** `put`: where its outputs go. */
  constructor(put: (output: Output) => void, nowMs: () => number) {
    this.#put = put;
    this.#nowMs = nowMs;
  }

  /** Have the timer run out in `afterMs`, whatever it was set to before. */
  start(timer: Timer, afterMs: number): void {
    this.#dueMs.set(timer, this.#nowMs() + afterMs);
    this.#put({ type: "start_timer", timer, afterMs });
  }

  /** Stop it, if it runs. */
  stop(timer: Timer): void {
    if (this.#dueMs.delete(timer)) this.#put({ type: "stop_timer", timer });
  }

  isRunning(timer: Timer): boolean {
    return this.#dueMs.has(timer);
  }

  /** Stop those that belong to a connection or an attempt. */
  stopAll(): void {
    for (const timer of TIMERS) this.stop(timer);
  }

  /** Note that it ran out; whether that came so late that the device must have slept. */
  ranOut(timer: Timer): boolean {
    const nowMs = this.#nowMs();
    const dueMs = this.#dueMs.get(timer) ?? nowMs;
    this.#dueMs.delete(timer);
    return nowMs - dueMs > SLEPT_MS;
  }
}
