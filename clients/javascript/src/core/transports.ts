/** Which transport the next attempt uses, and when the WebSocket is tried again: some networks let none through. */

import type { Then } from "./close_policy.js";
import type { Output, Transport } from "./outputs.js";
import type { Timers } from "./timers.js";

/** How often in a row the WebSocket has to fail before another transport is tried. */
const FAILURES = 2;
const FIRST_PROBE_MS = 60_000;
const LAST_PROBE_MS = 900_000;

/** Counts what failed. An attempt failed if it ended before any message of the service came. */
export class Transports {
  readonly #put: (output: Output) => void;
  readonly #timers: Timers;
  readonly #nowMs: () => number;
  #current: Transport = "websocket";
  #failures = 0;
  #hasMessage = false;
  /** The transport that works, while a WebSocket is tried in its place. */
  #insteadOf: Transport | null = null;
  #probePauseMs = FIRST_PROBE_MS;
  /** When the WebSocket is to be probed, by the wall clock. */
  #probeMs: number | null = null;
  #isProbing = false;

  /** `put`: where its outputs go. */
  constructor(put: (output: Output) => void, timers: Timers, nowMs: () => number) {
    this.#put = put;
    this.#timers = timers;
    this.#nowMs = nowMs;
  }

  /** The transport of the attempt or connection under way, or else of the next one. */
  get current(): Transport {
    return this.#current;
  }

  /** Forget all failures: the network may be another one. */
  beginAgain(): void {
    this.#current = "websocket";
    this.#failures = 0;
    this.#insteadOf = null;
    this.#forgetProbes();
  }

  #forgetProbes(): void {
    this.#probePauseMs = FIRST_PROBE_MS;
    this.#probeMs = null;
  }

  /** Note that an attempt begins. */
  beginAttempt(): void {
    this.#hasMessage = false;
  }

  /** Note that the current transport works. */
  messageCame(): void {
    this.#hasMessage = true;
    this.#insteadOf = null;
    if (this.#current === "websocket") {
      this.#failures = 0;
      this.#forgetProbes();
    }
  }

  /** Choose the next attempt's transport; whether to use it at once: a WebSocket was tried in its place. */
  attemptEnded(then: Then, isSilence = false): boolean {
    const isOfNetwork = then === "reconnect" || then === "reconnect_without_upgrade";
    if (this.#hasMessage || !isOfNetwork) return false;
    if (this.#insteadOf !== null) {
      this.#current = this.#insteadOf;
      this.#insteadOf = null;
      this.#lengthenPause();
      return true;
    }
    if (this.#current === "websocket") {
      this.#failures += then === "reconnect" ? 1 : FAILURES;
      if (this.#failures >= FAILURES) this.#current = "stream";
    } else if (this.#current === "stream" && isSilence) {
      this.#current = "polling"; // something on the way holds the answer back until it is complete
    } else {
      this.#current = "websocket";
      this.#failures = FAILURES - 1;
    }
    return false;
  }

  // The WebSocket beside another transport

  /** Have the WebSocket probed after a pause; connections that end meanwhile do not put it off further. */
  timeProbe(): void {
    if (this.#current === "websocket") return;
    const nowMs = this.#nowMs();
    this.#probeMs ??= nowMs + this.#probePauseMs;
    this.#timers.start("probe", Math.min(Math.max(this.#probeMs - nowMs, 0), this.#probePauseMs));
  }

  /** See whether a WebSocket can be had. */
  probe(target: string, token: string): void {
    this.#isProbing = true;
    this.#put({ type: "probe", target, token });
  }

  /** Accept no answer of the probe any more. */
  endProbe(): void {
    this.#isProbing = false;
  }

  /** Whether to try a WebSocket now in place of what works; if not, it is probed again after a longer pause. */
  probed(isThere: boolean): boolean {
    if (!this.#isProbing) return false;
    this.#isProbing = false;
    if (isThere) {
      this.#insteadOf = this.#current;
      this.#current = "websocket";
    } else {
      this.#lengthenPause();
      this.timeProbe();
    }
    return isThere;
  }

  #lengthenPause(): void {
    this.#probePauseMs = Math.min(2 * this.#probePauseMs, LAST_PROBE_MS);
    this.#probeMs = null;
  }
}
