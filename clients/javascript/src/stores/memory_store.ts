/** A store that is lost with the page or the process. */

import { type Change, type Stored, UserState } from "../data/user_state.js";
import type { Store } from "./store.js";

/** Keeps everything in memory; for one client. */
export class MemoryStore implements Store {
  readonly #states = new Map<string, UserState>();

  claim(userId: string): Promise<Stored | null> {
    return this.read(userId);
  }

  async read(userId: string): Promise<Stored | null> {
    return this.#states.get(userId)?.stored() ?? null;
  }

  async save(userId: string, changes: readonly Change[]): Promise<void> {
    const state = this.#states.get(userId) ?? UserState.empty("");
    this.#states.set(userId, state);
    for (const change of changes) {
      state.apply(change);
      if ("erase" in change) this.#states.delete(userId);
    }
  }

  close(): void {
    // There is nothing to release.
  }
}
