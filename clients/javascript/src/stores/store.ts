/** Where a client keeps what it knows, by user. An app may pass a `Store` of its own. */

import type { Change, Stored } from "../data/user_state.js";

/** Another client has claimed the user's state meanwhile: this one must not write any more. */
export class SupersededError extends Error {
  constructor() {
    super("another tab keeps this user's state now");
  }
}

/** The user was signed out in another tab, and everything of this user erased. */
export class ErasedError extends Error {
  constructor() {
    super("another tab has erased this user's state");
  }
}

/** The app has deleted what was kept of the user behind the store's back. */
export class DeletedError extends Error {
  constructor() {
    super("the app has deleted what was kept of this user");
  }
}

/**
 * Calls take effect in the order they were made, also before an earlier one's promise is fulfilled.
 *
 * A call may reject, or not answer within some seconds: the client then goes on in memory, and tries again later,
 * beginning with `claim`.
 */
export interface Store {
  /**
   * What is kept of the user; null: nothing. From now on only this client may save it. `isKnown`: another client is
   * known to have kept it until now. Rejects with an `ErasedError` if that one has erased it.
   */
  claim(userId: string, isKnown: boolean): Promise<Stored | null>;

  /** What is kept of the user, without claiming it. */
  read(userId: string): Promise<Stored | null>;

  /**
   * Apply `changes`, in order; all or nothing. `set`: set these fields of the head; `put`: keep this item, replacing
   * the one with the same `content_id` (which includes the list, unless that is the watchlist); `drop`: delete the item
   * with this id; `clear`: delete all items; `queue`: keep this write, replacing the one with the same number;
   * `settle`: delete the write with this number; `erase`: delete all of the user. Rejects with a `SupersededError` if
   * another client has claimed the state later.
   */
  save(userId: string, changes: readonly Change[]): Promise<void>;

  /** Release everything. A later call may open it again. A failure is ignored: all that was saved is kept. */
  close(): void;
}
