/** Where a client keeps what it knows, by user. */

import { type Change, UserState } from "./user_state.js";

/** Another client has claimed the user's state since: this one must not write any more. */
export class Superseded extends Error {
  constructor() {
    super("another tab keeps this user's state now");
  }
}

/** The user was signed out, in another tab, and everything of it erased. */
export class Erased extends Error {
  constructor() {
    super("another tab has erased this user's state");
  }
}

/** Calls take effect in the order they were made, also before an earlier one's promise is fulfilled. */
export interface Store {
  /**
   * What is kept of `user`, null if nothing is. From now on only this client may save it. `isKnown`: another client has
   * kept it until now. Rejects with `Erased` where that one has erased it.
   */
  claim(user: string, isKnown: boolean): Promise<UserState | null>;

  /** The same, only to look at. */
  read(user: string): Promise<UserState | null>;

  /** All or nothing. Rejects with `Superseded` where another client claimed the state later. */
  save(user: string, changes: readonly Change[]): Promise<void>;

  close(): void;
}

/** Keeps everything until the page or the process ends; for one client. */
export class MemoryStore implements Store {
  readonly #states = new Map<string, UserState>();

  claim(user: string): Promise<UserState | null> {
    return this.read(user);
  }

  async read(user: string): Promise<UserState | null> {
    const state = this.#states.get(user);
    return state === undefined ? null : new UserState(state.head, state.items.values(), state.queue.values());
  }

  async save(user: string, changes: readonly Change[]): Promise<void> {
    const state = this.#states.get(user) ?? UserState.empty("");
    this.#states.set(user, state);
    for (const change of changes) {
      state.apply(change);
      if ("erase" in change) this.#states.delete(user);
    }
  }

  close(): void {}
}
