/** Where a client keeps what it knows, by user: what an app may pass in its place is a `Store`. */

import type { Change, Stored } from "../data/user_state.js";

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

/** The app has deleted what was kept of the user, without a word to the store. */
export class DeletedError extends Error {
  constructor() {
    super("the app has deleted what was kept of this user");
  }
}

/**
 * Calls take effect in the order they were made, also before an earlier one's promise is fulfilled.
 *
 * A call that rejects, or is not answered within some seconds, is survived: the client goes on in memory, and tries again
 * later, beginning with `claim`.
 */
export interface Store {
  /**
   * What is kept of the user, null if nothing is. From now on only this client may save it. `isKnown`: another client
   * has kept it until now. Rejects with an `ErasedError` where that one has erased it.
   */
  claim(userId: string, isKnown: boolean): Promise<Stored | null>;

  /** The same, only to look at. */
  read(userId: string): Promise<Stored | null>;

  /**
   * Keep `changes`, in order; all or nothing. `set`: these fields of the head; `put`: this item, in place of the one of
   * its `content_id`, in which is the list's name, too, where that is not the watchlist; `drop`: none of this one;
   * `clear`: no items; `queue`: this write, in place of the one of its number; `settle`: none of this number; `erase`:
   * nothing of the user. Rejects with a `SupersededError` where another client claimed the state later.
   */
  save(userId: string, changes: readonly Change[]): Promise<void>;

  /** Release everything. A later call may open it again. That it fails nobody is told: all that was saved is kept. */
  close(): void;
}
