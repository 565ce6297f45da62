/** The store of a browser: one IndexedDB database for all its tabs. */

import { ErasedError, type Store, SupersededError } from "./store.js";
import { type Change, type ConfirmedItem, type Head, type PendingWrite, UserState } from "./user_state.js";

/** A row of HEADS; `keeper`: the one client that may write this user's rows. */
type HeadRow = Partial<Head> & { readonly user: string; readonly keeper: string };
type ItemRow = ConfirmedItem & { readonly user: string };
type WriteRow = PendingWrite & { readonly user: string };

const HEADS = "heads";
const ITEMS = "items";
const QUEUE = "queue";
const ALL = [HEADS, ITEMS, QUEUE];

/** Each method creates its one transaction before it returns: IndexedDB then runs them in the order of the calls. */
export class IndexedDbStore implements Store {
  readonly #database: IDBDatabase;
  readonly #keeper: string;

  private constructor(database: IDBDatabase, keeper: string) {
    this.#database = database;
    this.#keeper = keeper;
  }

  /** `keeper` names this client among all. Rejects where the browser lacks or forbids IndexedDB. */
  static async open(name: string, keeper: string): Promise<IndexedDbStore> {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(HEADS, { keyPath: "user" });
      request.result.createObjectStore(ITEMS, { keyPath: ["user", "content_id"] });
      request.result.createObjectStore(QUEUE, { keyPath: ["user", "number"] });
    };
    const database = await result(request);
    database.onversionchange = () => database.close(); // a newer release of this client waits for it
    return new IndexedDbStore(database, keeper);
  }

  async claim(userId: string, isKnown: boolean): Promise<UserState | null> {
    const transaction = this.#database.transaction(ALL, "readwrite");
    const heads = transaction.objectStore(HEADS);
    const head = heads.get(userId) as IDBRequest<HeadRow | undefined>;
    let isErased = false;
    head.onsuccess = () => {
      isErased = isKnown && head.result === undefined;
      if (!isErased) heads.put({ ...head.result, user: userId, keeper: this.#keeper } satisfies HeadRow);
    };
    const state = await this.#state(transaction, userId);
    if (isErased) throw new ErasedError();
    return state;
  }

  async read(userId: string): Promise<UserState | null> {
    return this.#state(this.#database.transaction(ALL), userId);
  }

  async save(userId: string, changes: readonly Change[]): Promise<void> {
    // A write survives a loss of power; what the service has can be had again.
    const durability = changes.some((change) => "queue" in change) ? "strict" : "relaxed";
    const transaction = this.#database.transaction(ALL, "readwrite", { durability });
    const head = transaction.objectStore(HEADS).get(userId) as IDBRequest<HeadRow | undefined>;
    let isSuperseded = false;
    head.onsuccess = () => {
      isSuperseded = head.result?.keeper !== this.#keeper;
      if (head.result === undefined || isSuperseded) return;
      let row = head.result;
      for (const change of changes) {
        if ("set" in change) {
          row = { ...row, ...change.set };
          transaction.objectStore(HEADS).put(row);
        } else write(transaction, userId, change);
      }
    };
    await done(transaction);
    if (isSuperseded) throw new SupersededError();
  }

  close(): void {
    this.#database.close();
  }

  async #state(transaction: IDBTransaction, userId: string): Promise<UserState | null> {
    const head = transaction.objectStore(HEADS).get(userId) as IDBRequest<HeadRow | undefined>;
    const items = transaction.objectStore(ITEMS).getAll(ofUser(userId)) as IDBRequest<ItemRow[]>;
    const queue = transaction.objectStore(QUEUE).getAll(ofUser(userId)) as IDBRequest<WriteRow[]>;
    await done(transaction);
    return isHead(head.result) ? new UserState(head.result, items.result, queue.result) : null;
  }
}

function write(transaction: IDBTransaction, userId: string, change: Exclude<Change, { set: unknown }>): void {
  const items = transaction.objectStore(ITEMS);
  const queue = transaction.objectStore(QUEUE);
  if ("put" in change) items.put({ user: userId, ...change.put } satisfies ItemRow);
  else if ("drop" in change) items.delete([userId, change.drop]);
  else if ("clear" in change) items.delete(ofUser(userId));
  else if ("queue" in change) queue.put({ user: userId, ...change.queue } satisfies WriteRow);
  else if ("settle" in change) queue.delete([userId, change.settle]);
  else {
    items.delete(ofUser(userId));
    queue.delete(ofUser(userId));
    transaction.objectStore(HEADS).delete(userId);
  }
}

/** Whether more than the claim was ever stored. */
function isHead(row: HeadRow | undefined): row is HeadRow & Head {
  return row?.replica !== undefined;
}

/** Arrays sort after everything else: the keys [user, anything]. */
function ofUser(userId: string): IDBKeyRange {
  return IDBKeyRange.bound([userId], [userId, []]);
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function done(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}
