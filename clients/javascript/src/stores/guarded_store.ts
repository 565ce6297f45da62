/**
 * Any store, wrapped so that a client goes on even if it fails: what cannot be saved is kept in memory, and is saved
 * when the store works again.
 *
 * A failed save may or may not have left its changes in the store, and no number may be given twice under one replica:
 * so a user's state goes on in memory under a new replica.
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
  /** The store had something of this user's that memory lacked; memory has it now, and is to be claimed again. */
  readonly onMerged: (userId: string) => void;
}

class SilentError extends Error {
  constructor() {
    super("the store does not answer");
  }
}

/** How long a store may take for a call, in seconds while the page is awake; one more for each 1,000 rows. */
const LIMIT_S = 5;
const ROWS_PER_S = 1000;
const LEAST_RETRY_MS = 1000;

/**
 * Rejects as a store does; an error that is neither superseded nor erased comes once for each failure: then claim
 * again.
 */
export class GuardedStore {
  readonly #inner: Store;
  readonly #whenWorking: Storage;
  readonly #deps: GuardedStoreDeps;
  /** What the store should hold for each user that this client serves. */
  readonly #mirrors = new Map<string, Mirror>();
  readonly #backoff = new Backoff();
  #isWorking = true;
  #isClosed = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  /** `whenWorking`: the kind of storage that `inner` is while it works. */
  constructor(inner: Store, whenWorking: Storage, deps: GuardedStoreDeps) {
    this.#inner = withDeadlines(inner);
    this.#whenWorking = whenWorking;
    this.#deps = deps;
  }

  get storage(): Storage {
    return this.#isWorking ? this.#whenWorking : "memory";
  }

  /** As in `Store`. `copy`: what to go on with if the store fails and nothing else is known. */
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
        // It may still be readable though it can't be claimed, on a full disk for example. The failure was told.
        if (!(error instanceof SilentError)) known ??= await this.read(userId).catch(() => null);
      }
    }
    const mirror = this.#mirrors.get(userId) ?? new Mirror(known);
    this.#mirrors.set(userId, mirror);
    return mirror.fork(this.#deps.newReplica());
  }

  /** As in `Store`; rejects if the store fails. */
  async read(userId: string): Promise<UserState | null> {
    return stateOf(await this.#inner.read(userId));
  }

  /** As in `Store`. */
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

  /** Whether the user wanted an erasure that the store has not done yet. */
  owesErasure(userId: string): boolean {
    return !this.#isWorking && this.#mirrors.get(userId)?.isErased === true;
  }

  /**
   * Another client serves the user now, or (not `isAnother`) none does; only then what could not be stored yet is kept.
   */
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

  /** Go on in memory. Throws `error` again if it is no failure of the store. */
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
      if (!this.#isWorking) this.#retryLater(); // the app was told already that the store fails
      return;
    }
    if (!this.#isClosed) onStorage(this.#whenWorking, "the store works again");
  }

  /** Go back to the store: what is saved from here on goes into it. */
  #join(): void {
    if (this.#isClosed) return;
    for (const mirror of this.#mirrors.values()) mirror.join();
    this.#isWorking = true;
    this.#backoff.reset();
  }
}

/** `store`, whose calls reject if it does not answer in time, or with something that no client has saved. */
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

/** `promise`, or a rejection if it takes too long. Counts seconds one by one, so that a page's sleep does not count. */
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
