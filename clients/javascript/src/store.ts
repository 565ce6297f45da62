/** Where a client keeps what it knows, by user. */

import type { Change, UserState } from "./user_state.js";

/** Another client has claimed the user's state since: this one must not write any more. */
export class SupersededError extends Error {
  constructor() {
    super("another tab keeps this user's state now");
  }
}

/** The user was signed out, in another tab, and everything of it erased. */
export class ErasedError extends Error {
  constructor() {
    super("another tab has erased this user's state");
  }
}

/** Calls take effect in the order they were made, also before an earlier one's promise is fulfilled. */
export interface Store {
  /**
   * What is kept of the user, null if nothing is. From now on only this client may save it. `isKnown`: another client
   * has kept it until now. Rejects with an `ErasedError` where that one has erased it.
   */
  claim(userId: string, isKnown: boolean): Promise<UserState | null>;

  /** The same, only to look at. */
  read(userId: string): Promise<UserState | null>;

  /** All or nothing. Rejects with a `SupersededError` where another client claimed the state later. */
  save(userId: string, changes: readonly Change[]): Promise<void>;

  close(): void;
}
