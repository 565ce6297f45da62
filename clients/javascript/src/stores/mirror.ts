/** What a client goes on with where its store fails. rejoining.ts makes it and what the store holds one again. */

import type { PendingWrite } from "../data/stored.js";
import { type Change, type Stored, UserState, userState } from "../data/user_state.js";

/** What a store holds, or would hold if it worked. */
export class Mirror {
  #state: UserState | null;
  /** Operations and origins that it has, or has had: of the store's writes all others are news. */
  readonly #known = new Set<string>();
  /** What was noted since the fork, or the last `take`. */
  #missed: Change[] = [];
  #isForked = false;
  /** Nothing of what the store holds may stay. */
  #isErased = false;

  constructor(state: UserState | null) {
    this.#state = state;
  }

  get state(): UserState | null {
    return this.#state;
  }

  get isErased(): boolean {
    return this.#isErased;
  }

  note(changes: readonly Change[]): void {
    this.#state ??= UserState.empty("");
    for (const change of changes) {
      this.#state.apply(change);
      if ("erase" in change) this.#erase();
      else if (this.#isForked && "queue" in change) this.#know(change.queue);
      if (this.#isForked) this.#missed.push(change);
    }
  }

  /** Whether there is something to take. */
  get isAhead(): boolean {
    return this.#missed.length > 0;
  }

  /** Take what the store has missed. */
  take(): Change[] {
    const missed = this.#missed;
    this.#missed = [];
    return missed;
  }

  /** The store has all of it. */
  join(): void {
    this.#isForked = false;
    this.#isErased = false;
    this.#known.clear();
  }

  /** Go on under another replica; what there is then, for a client. */
  fork(replica: string): UserState | null {
    this.#isForked = true;
    if (this.#state === null) return null;
    for (const write of this.#state.queue.values()) this.#know(write);
    this.note([{ set: { replica, adds: 0 } }]);
    return stateOf(this.#state.stored());
  }

  /** Become this: what the store held was taken over. */
  replace(stored: Stored): void {
    for (const write of stored.queue) this.#know(write);
    this.#state = userState(stored);
  }

  /** Whether it has the write, or has had it. */
  knows({ operation_id, origin = "" }: PendingWrite): boolean {
    return this.#known.has(operation_id) || this.#known.has(origin);
  }

  #erase(): void {
    this.#state = null;
    this.#isErased = true;
  }

  #know({ operation_id, origin }: PendingWrite): void {
    this.#known.add(operation_id);
    if (origin !== undefined) this.#known.add(origin);
  }
}

/** As a client has it; null: nothing is kept. */
export function stateOf(stored: Stored | null): UserState | null {
  return stored && userState(stored);
}
