/** What an app reports while it plays: written at once where that matters, else once in ten seconds. */

import type { Members } from "./messages.js";

/** The last report of a content in this run of the user's session. */
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

/** Of one user who is signed in; by key. */
export class Reports {
  readonly #last = new Map<string, Last>();
  readonly #held = new Map<string, HeldReport>();

  /** What is shown and not in the queue yet, in the order in which each content was first held. */
  get held(): readonly (readonly [string, HeldReport])[] {
    return Array.from(this.#held);
  }

  /** Note a report; whether it goes on with what was reported before, as playing does: at up to twice the speed. */
  goesOn(key: string, data: Members, nowMs: number): boolean {
    const last = this.#last.get(key);
    const { position_seconds, state } = data as unknown as Last;
    this.#last.set(key, { position_seconds, state, atMs: nowMs });
    if (last === undefined || last.state !== "playing" || state !== "playing") return false;
    const elapsedS = (nowMs - last.atMs) / 1000;
    const start = last.position_seconds;
    return position_seconds >= start - 1 && position_seconds <= start + 2 * elapsedS + 3;
  }

  /** Hold a report; it takes the place of an earlier one. */
  hold(key: string, report: HeldReport): void {
    this.#held.set(key, report);
  }

  /** Drop what is held of a content; whether there was something. */
  letGo(key: string): boolean {
    return this.#held.delete(key);
  }
}
