/**
 * Any store, made such that a client goes on whatever becomes of it: what the store does not take is kept in memory, and
 * goes into the store when that works again.
 *
 * What a save that failed has left in the store cannot be known, and nothing may be numbered twice under one replica: in
 * memory a user's state goes on under another one.
 */

import { Backoff } from "../core/backoff.js";
import type { Change, Storage, Stored, UserState } from "../data/user_state.js";
import { loadRejoining } from "../parts.js";
import { Mirror, stateOf } from "./mirror.js";
import { ErasedError, type Store, SupersededError } from "./store.js";

export interface GuardedStoreDeps {
  readonly newReplica: () => string;
  /** The store has failed, or works again. */
  readonly onStorage: (storage: Storage, reason: string) => void;
  /** The store held of this user what memory lacked; now that is in memory, to be claimed again. */
  readonly onMerged: (userId: string) => void;
}

class SilentError extends Error {
  constructor() {
    super("the store does not answer");
  }
}

/** How long a store may take for a call: so many seconds while the page is awake, and one more for each 1,000 rows. */
const LIMIT_S = 5;
const ROWS_PER_S = 1000;
const LEAST_RETRY_MS = 1000;

/** Rejects as a store does, with another error than its own two once for each failure: claim again then. */
export class GuardedStore {
  readonly #inner: Store;
  readonly #whenWorking: Storage;
  readonly #deps: GuardedStoreDeps;
  /** Of the users that this client serves. */
  readonly #mirrors = new Map<string, Mirror>();
  readonly #backoff = new Backoff();
  #isWorking = true;
  #isClosed = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  /** `whenWorking`: what `inner` is as long as it does not fail. */
  constructor(inner: Store, whenWorking: Storage, deps: GuardedStoreDeps) {
    this.#inner = withDeadlines(inner);
    this.#whenWorking = whenWorking;
    this.#deps = deps;
  }

  get storage(): Storage {
    return this.#isWorking ? this.#whenWorking : "memory";
  }

  /** As a store's. `copy`: with what to go on if the store fails and nothing else is known. */
  async claim(userId: string, isKnown: boolean, copy: UserState | null): Promise<UserState | null> {
    this.#isClosed = false;
    let known = copy;
    if (this.#isWorking) {
      try {
        const stored = await this.#inner.claim(userId, isKnown);
        this.#mirrors.set(userId, new Mirror(stateOf(stored)));
        return stateOf(stored);
      } catch (error) {
        this.#fail(error);
        // What can still be read of what can't be claimed: on a full disk, for example. That it fails was told.
        if (!(error instanceof SilentError)) known ??= await this.read(userId).catch(() => null);
      }
    }
    const mirror = this.#mirrors.get(userId) ?? new Mirror(known);
    this.#mirrors.set(userId, mirror);
    return mirror.fork(this.#deps.newReplica());
  }

  /** As a store's; rejects where that fails. */
  async read(userId: string): Promise<UserState | null> {
    return stateOf(await this.#inner.read(userId));
  }

  /** As a store's. */
  async save(userId: string, changes: readonly Change[]): Promise<void> {
    if (this.#isWorking) {
      try {
        await this.#inner.save(userId, changes);
      } catch (error) {
        this.#fail(error);
        throw error;
      }
    }
    this.#mirrors.get(userId)?.note(changes);
  }

  /** Whether what the user wanted to be erased is still in the store. */
  owesErasure(userId: string): boolean {
    return !this.#isWorking && this.#mirrors.get(userId)?.isErased === true;
  }

  /** Another client serves the user now, or nobody does; what could not be stored yet is only kept for the latter. */
  release(userId: string, isAnother: boolean): void {
    if (isAnother || this.#isWorking) this.#mirrors.delete(userId);
  }

  close(): void {
    clearTimeout(this.#retry);
    this.#isClosed = true;
    this.#isWorking = true;
    this.#mirrors.clear();
    this.#inner.close();
  }

  /** Go on in memory. Throws `error` where it is no failure of the store. */
  #fail(error: unknown): void {
    if (error instanceof SupersededError || error instanceof ErasedError) throw error;
    if (!this.#isWorking || this.#isClosed) return;
    this.#isWorking = false;
    this.#deps.onStorage("memory", String(error));
    this.#retryLater();
  }

  #retryLater(): void {
    const afterMs = Math.max(this.#backoff.nextMs(Math.random()), LEAST_RETRY_MS);
    this.#retry = setTimeout(() => void this.#recover(), afterMs);
  }

  async #recover(): Promise<void> {
    const { onMerged, onStorage } = this.#deps;
    try {
      const { rejoin } = await loadRejoining();
      if (this.#isWorking) return; // closed meanwhile
      await rejoin(this.#inner, this.#mirrors, onMerged, () => this.#join());
    } catch {
      if (!this.#isWorking) this.#retryLater(); // it has been told that the store fails
      return;
    }
    if (!this.#isClosed) onStorage(this.#whenWorking, "the store works again");
  }

  /** What is saved from here on goes into the store. */
  #join(): void {
    if (this.#isClosed) return;
    for (const mirror of this.#mirrors.values()) mirror.join();
    this.#isWorking = true;
    this.#backoff.reset();
  }
}

/** `store`; what it does not answer in time, or with something else than a client has saved, is rejected. */
function withDeadlines(store: Store): Store {
  return {
    claim: async (userId, isKnown) => checked(await within(store.claim(userId, isKnown))),
    read: async (userId) => checked(await within(store.read(userId))),
    save: (userId, changes) => within(store.save(userId, changes), changes.length),
    close: () => void (async () => store.close())().catch(() => undefined), // all that was saved is kept
  };
}

function checked(stored: Stored | null): Stored | null {
  const isState =
    stored === null ||
    (typeof stored?.head?.replica === "string" && Array.isArray(stored.items) && Array.isArray(stored.queue));
  if (!isState) throw new TypeError("the store holds something else than a client's state");
  return stored;
}

/** `promise`, or a rejection when it takes too long. Counts seconds one by one: those of a page that sleeps do not count. */
function within<T>(promise: Promise<T>, rows = 0): Promise<T> {
  let seconds = LIMIT_S + rows / ROWS_PER_S;
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      seconds -= 1;
      if (seconds > 0) return;
      clearInterval(timer);
      reject(new SilentError());
    }, 1000);
    promise.then(resolve, reject).finally(() => clearInterval(timer));
  });
}
