/** What a client goes on with if its store fails. rejoining.ts merges it with what the store holds. */

import type { PendingWrite } from "../data/stored.js";
import { type Change, type Stored, UserState, userState } from "../data/user_state.js";

/** What a store holds, or would hold if it worked. */
export class Mirror {
  #state: UserState | null;
  /** Ids and origins of the writes that it has, or had: any other write in the store is news. */
  readonly #known = new Set<string>();
  /** The changes noted since the fork, or the last `take`. */
  #missed: Change[] = [];
  #isForked = false;
  /** Whether all that the store holds has to go. */
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

  /** Go on under another replica; returns the state from which a client goes on. */
  fork(replica: string): UserState | null {
    this.#isForked = true;
    if (this.#state === null) return null;
    for (const write of this.#state.queue.values()) this.#know(write);
    this.note([{ set: { replica, adds: 0 } }]);
    return stateOf(this.#state.stored());
  }

  /** Become `stored`, into which what the store held was merged. */
  replace(stored: Stored): void {
    for (const write of stored.queue) this.#know(write);
    this.#state = userState(stored);
  }

  /** Whether it has the write, or had it. */
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

/** `stored` as a client uses it; null: nothing is kept. */
export function stateOf(stored: Stored | null): UserState | null {
  return stored && userState(stored);
}
