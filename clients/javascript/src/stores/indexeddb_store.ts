/** The store of a browser: one IndexedDB database for all its tabs. */

import type { ConfirmedItem, PendingWrite } from "../data/stored.js";
import type { Change, Head, Stored } from "../data/user_state.js";
import { ErasedError, type Store, SupersededError } from "./store.js";

/** A row of HEADS; `keeper`: the one client that may write this user's rows. */
type HeadRow = Partial<Head> & { readonly user: string; readonly keeper: string };
type WriteRow = PendingWrite & { readonly user: string };

/**
 * Rows of ITEMS, in the order of their keys: first what came as a whole list, in numbered blocks, then what has changed
 * since, by content. (Chromium takes 600 ms for 10,000 items with a row each, and 30 ms for 20 blocks.)
 */
interface BlockRow {
  readonly user: string;
  readonly content_id: number;
  readonly items: readonly ConfirmedItem[];
}
type ItemRow = ConfirmedItem & { readonly user: string };
interface DroppedRow {
  readonly user: string;
  readonly content_id: string;
  readonly isDropped: true;
}
type AnyItemRow = BlockRow | ItemRow | DroppedRow;

const HEADS = "heads";
const ITEMS = "items";
const QUEUE = "queue";
const ALL = [HEADS, ITEMS, QUEUE];

/**
 * Begins the name of an empty object store. The rest is random: it shows whether the database was deleted and made
 * again.
 */
const MADE = "made ";

/** How many items are read or written in one go: that takes some ms, where all of a long list would block the page. */
const SLICE = 500;

/** A list with more rows than this is written as a few blocks again when it is claimed. */
const MAX_ITEM_ROWS = 2000;

/**
 * Each method creates its one transaction before it returns, or as soon as the database is open: IndexedDB then runs them
 * in the order of the calls. A database that the browser has closed is opened again.
 */
export class IndexedDbStore implements Store {
  readonly #name: string;
  readonly #keeper: string;
  #opening: Promise<IDBDatabase> | null = null;
  #database: IDBDatabase | null = null;
  /** Which database of this name it is, by its MADE store; null: it was never open. */
  #made: string | null = null;
  /** Whether the database was made since this client began: it was deleted, or was never there. */
  #wasMadeAgain = false;
  /** The users that this client has claimed in this database. */
  readonly #claimed = new Set<string>();
  /** The users whose state it has looked for in this database. */
  readonly #known = new Set<string>();

  /** `keeper`: the unique name of this client. */
  constructor(name: string, keeper: string) {
    this.#name = name;
    this.#keeper = keeper;
  }

  async claim(userId: string, isKnown: boolean): Promise<Stored | null> {
    const transaction = this.#begin("readwrite") ?? (await this.#reopened("readwrite"));
    const heads = transaction.objectStore(HEADS);
    const head = heads.get(userId) as IDBRequest<HeadRow | undefined>;
    let isGone = false;
    head.onsuccess = abortingIn(transaction, () => {
      isGone = isKnown && !isHead(head.result);
      if (!isGone) heads.put({ ...head.result, user: userId, keeper: this.#keeper } satisfies HeadRow);
    });
    const state = await stateOf(transaction, userId, (rows) => {
      if (rows.length <= MAX_ITEM_ROWS) return;
      transaction.objectStore(ITEMS).delete(ofUser(userId));
      writeBlocks(transaction, userId, itemsOf(rows));
    });
    if (isGone) throw this.#mayBeDeleted(userId) ? new DeletedError() : new ErasedError();
    this.#claimed.add(userId);
    this.#known.add(userId);
    return state;
  }

  async read(userId: string): Promise<Stored | null> {
    const state = await stateOf(this.#begin("readonly") ?? (await this.#reopened("readonly")), userId);
    if (state === null && this.#mayBeDeleted(userId)) throw new DeletedError();
    this.#known.add(userId);
    return state;
  }

  async save(userId: string, changes: readonly Change[]): Promise<void> {
    // The user's writes must survive a loss of power; all else can be fetched from the service again.
    const durability = changes.some((each) => "queue" in each) ? "strict" : "relaxed";
    const transaction = this.#begin("readwrite", durability) ?? (await this.#reopened("readwrite", durability));
    if (!this.#claimed.has(userId)) throw new DeletedError();
    const heads = transaction.objectStore(HEADS);
    const head = heads.get(userId) as IDBRequest<HeadRow | undefined>;
    let isSuperseded = false;
    head.onsuccess = abortingIn(transaction, () => {
      isSuperseded = head.result?.keeper !== this.#keeper;
      if (head.result === undefined || isSuperseded || changes.length === 0) return;
      const row = { ...head.result };
      for (const each of changes) if ("set" in each) Object.assign(row, each.set);
      heads.put(row);
      write(transaction, userId, changes);
    });
    await done(transaction);
    if (isSuperseded) throw new SupersededError();
  }

  close(): void {
    this.#database?.close();
    this.#forget();
  }

  /** Whether a user's state is missing because its database was deleted, rather than erased by a client. */
  #mayBeDeleted(userId: string): boolean {
    return this.#wasMadeAgain && !this.#known.has(userId);
  }

  /** A transaction, if the database is open. */
  #begin(mode: IDBTransactionMode, durability: IDBTransactionDurability = "default"): IDBTransaction | null {
    try {
      return this.#database?.transaction(ALL, mode, { durability }) ?? null;
    } catch {
      this.#forget(); // the browser closed it without an event
      return null;
    }
  }

  async #reopened(mode: IDBTransactionMode, durability: IDBTransactionDurability = "default"): Promise<IDBTransaction> {
    this.#opening ??= this.#open();
    return (await this.#opening).transaction(ALL, mode, { durability });
  }

  #open(): Promise<IDBDatabase> {
    const opening = this.#openAny().then(
      (database) => {
        // A newer release of this client waits for this, or the database is being deleted.
        database.onversionchange = () => this.close();
        database.onclose = () => this.#forget();
        this.#compare(database);
        if (this.#opening === opening) this.#database = database;
        else database.close(); // given up meanwhile
        return database;
      },
      (error) => {
        this.#forget();
        throw error;
      },
    );
    return opening;
  }

  async #openAny(): Promise<IDBDatabase> {
    const request = indexedDB.open(this.#name, 1);
    request.onupgradeneeded = () => {
      this.#made ??= ""; // a new database; "" differs from its name, so `#compare` sees that
      request.result.createObjectStore(MADE + Math.random());
      request.result.createObjectStore(HEADS, { keyPath: "user" });
      request.result.createObjectStore(ITEMS, { keyPath: ["user", "content_id"] });
      request.result.createObjectStore(QUEUE, { keyPath: ["user", "number"] });
    };
    try {
      return await resultOf(request);
    } catch (error) {
      if ((error as DOMException).name !== "VersionError") throw error;
    }
    // A newer release that changes the rows of a table also renames it: tables with these names have the rows of ours.
    const database = await resultOf(indexedDB.open(this.#name));
    if (ALL.every((name) => database.objectStoreNames.contains(name))) return database;
    database.close();
    throw new Error("the database is of a newer version");
  }

  /** Note whether it is the database that this client knew. */
  #compare({ objectStoreNames }: IDBDatabase): void {
    const made = Array.from(objectStoreNames).find((name) => name.startsWith(MADE)) ?? "";
    if (this.#made !== null && this.#made !== made) {
      this.#wasMadeAgain = true;
      this.#claimed.clear();
      this.#known.clear();
    }
    this.#made = made;
  }

  #forget(): void {
    this.#database = null;
    this.#opening = null;
  }
}

class DeletedError extends Error {
  constructor() {
    super("the browser has deleted the database");
  }
}

/**
 * What is kept of the user, read a slice at a time. `onItems` gets the rows of items, with the transaction still open.
 */
async function stateOf(
  transaction: IDBTransaction,
  userId: string,
  onItems: (rows: readonly AnyItemRow[]) => void = () => undefined,
): Promise<Stored | null> {
  const head = transaction.objectStore(HEADS).get(userId) as IDBRequest<HeadRow | undefined>;
  const items = readRows<AnyItemRow>(transaction.objectStore(ITEMS), userId, (row) => row.content_id, onItems);
  const queue = readRows<WriteRow>(transaction.objectStore(QUEUE), userId, (row) => row.number);
  await done(transaction);
  if (!isHead(head.result)) return null;
  const { user: _, keeper: __, ...kept } = head.result;
  return { head: kept, items: itemsOf(items), queue };
}

/** The user's rows: complete when `onRead` is called, or the transaction is done. `keyOf`: a row's key. */
function readRows<Row>(
  store: IDBObjectStore,
  userId: string,
  keyOf: (row: Row) => IDBValidKey,
  onRead: (rows: readonly Row[]) => void = () => undefined,
): Row[] {
  const rows: Row[] = [];
  const readOn = (range: IDBKeyRange): void => {
    const request = store.getAll(range, SLICE) as IDBRequest<Row[]>;
    request.onsuccess = () => {
      for (const row of request.result) rows.push(row);
      const last = request.result[SLICE - 1];
      if (last === undefined) onRead(rows);
      else readOn(IDBKeyRange.bound([userId, keyOf(last)], [userId, []], true));
    };
  };
  readOn(ofUser(userId));
  return rows;
}

function itemsOf(rows: readonly AnyItemRow[]): ConfirmedItem[] {
  const items = new Map<string, ConfirmedItem>();
  for (const row of rows) {
    if ("items" in row) for (const item of row.items) items.set(item.content_id, item);
    else if ("isDropped" in row) items.delete(row.content_id);
    else items.set(row.content_id, row);
  }
  return Array.from(items.values());
}

/** Write `changes`, a slice at a time. */
function write(transaction: IDBTransaction, userId: string, changes: readonly Change[]): void {
  let at = 0;
  const writeOn = (): void => {
    let request: IDBRequest | null = null;
    for (const end = Math.min(at + SLICE, changes.length); at < end; ) {
      const change = changes[at] as Change;
      request = writeOne(transaction, userId, change) ?? request;
      at += 1;
      if (!("clear" in change)) continue;
      const items = itemsFrom(changes, at);
      writeBlocks(transaction, userId, items);
      at += items.length;
    }
    if (at >= changes.length)
      transaction.commit?.(); // without waiting: the page may be left now
    else if (request === null) writeOn();
    else request.onsuccess = abortingIn(transaction, writeOn);
  };
  writeOn();
}

/** The items of the run of puts that begins at `start`. */
function itemsFrom(changes: readonly Change[], start: number): ConfirmedItem[] {
  const items: ConfirmedItem[] = [];
  for (let at = start; ; at += 1) {
    const change = changes[at];
    if (change === undefined || !("put" in change)) return items;
    items.push(change.put);
  }
}

function writeBlocks(transaction: IDBTransaction, userId: string, items: readonly ConfirmedItem[]): void {
  for (let at = 0; at < items.length; at += SLICE) {
    const row: BlockRow = { user: userId, content_id: at, items: items.slice(at, at + SLICE) };
    transaction.objectStore(ITEMS).put(row);
  }
}

/** Request one change; null: it is one of the head. */
function writeOne(transaction: IDBTransaction, userId: string, change: Change): IDBRequest | null {
  const [items, queue] = [transaction.objectStore(ITEMS), transaction.objectStore(QUEUE)];
  if ("set" in change) return null;
  if ("put" in change) return items.put({ user: userId, ...change.put } satisfies ItemRow);
  if ("drop" in change)
    return items.put({ user: userId, content_id: change.drop, isDropped: true } satisfies DroppedRow);
  if ("clear" in change) return items.delete(ofUser(userId));
  if ("queue" in change) return queue.put({ user: userId, ...change.queue } satisfies WriteRow);
  if ("settle" in change) return queue.delete([userId, change.settle]);
  items.delete(ofUser(userId));
  queue.delete(ofUser(userId));
  return transaction.objectStore(HEADS).delete(userId);
}

/** Whether the row has a head, or only says who claimed the user. */
function isHead(row: HeadRow | undefined): row is HeadRow & Head {
  return row?.replica !== undefined;
}

/** All keys [user, anything]: arrays sort after everything else. */
function ofUser(userId: string): IDBKeyRange {
  return IDBKeyRange.bound([userId], [userId, []]);
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function done(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () =>
      reject(thrown.get(transaction) ?? transaction.error ?? new Error("the transaction was aborted"));
  });
}

/** The errors that `abortingIn` has caught. */
const thrown = new WeakMap<IDBTransaction, unknown>();

/** `act`, made to abort the transaction if it throws; `done` then rejects with that error. */
function abortingIn(transaction: IDBTransaction, act: () => void): () => void {
  return () => {
    try {
      act();
    } catch (error) {
      thrown.set(transaction, error);
      transaction.abort();
    }
  };
}
