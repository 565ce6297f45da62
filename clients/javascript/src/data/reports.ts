/** What an app reports while it plays: written at once if that matters, else once in ten seconds. */

import type { Members } from "./messages.js";

/** The last report of a content since the user signed in. */
interface Last {
  readonly position_seconds: number;
  readonly state: string;
  readonly atMs: number;
}

export interface HeldReport {
  readonly data: Members;
  /** When it was reported, by the wall clock. */
  readonly atMs: number;
}

/** The reports of the user who is signed in, by key. */
export class Reports {
  readonly #last = new Map<string, Last>();
  readonly #held = new Map<string, HeldReport>();

  /** The reports that are shown but not queued yet, in the order in which each content was first held. */
  get held(): readonly (readonly [string, HeldReport])[] {
    return Array.from(this.#held);
  }

  /**
   * Note a report; whether playing on leads there from the one before: at up to double speed, give or take some
   * seconds.
   */
  goesOn(key: string, data: Members, nowMs: number): boolean {
    const last = this.#last.get(key);
    const { position_seconds, state } = data as unknown as Last;
    this.#last.set(key, { position_seconds, state, atMs: nowMs });
    if (last === undefined || last.state !== "playing" || state !== "playing") return false;
    const elapsedS = (nowMs - last.atMs) / 1000;
    const start = last.position_seconds;
    return position_seconds >= start - 1 && position_seconds <= start + 2 * elapsedS + 3;
  }

  /** Hold a report; it replaces an earlier one that is held. */
  hold(key: string, report: HeldReport): void {
    this.#held.set(key, report);
  }

  /** Drop what is held of a content; whether there was something. */
  letGo(key: string): boolean {
    return this.#held.delete(key);
  }
}
