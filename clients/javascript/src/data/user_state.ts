/** What a client keeps of one user, and how that changes: one `Change` after the other, on disk as in every tab. */

import { compareTimestamps, NEVER, type Reading } from "./hlc.js";
import { contentIn, named, prefixIn, WATCHLIST } from "./keys.js";
import { type Item, listView, type ShownWrite } from "./list_view.js";
import type { Action, Write } from "./messages.js";
import type { ConfirmedItem, PendingWrite } from "./stored.js";

/** Where list and queue are kept; with `memory`, they are lost with the page or the process. */
export type Storage = "persistent" | "memory";

/** Up to where a list is known on this device, and how its adds are numbered. */
export interface ListHead {
  /** The replica under which adds to the list were numbered last. */
  readonly replica: string;
  /** Adds numbered under `replica`. */
  readonly adds: number;
  /** The last revision that was applied. */
  readonly revision: number;
  readonly epoch: string | null;
}

/** The same for the watchlist, and what the device has numbered. */
export interface Head extends ListHead {
  /** A random name of this stored state; lost with it. */
  readonly replica: string;
  /** How many writes were numbered. */
  readonly operations: number;
  readonly clock: Reading;
  /** The collections beside the watchlist, by prefix. */
  readonly lists?: Readonly<Record<string, ListHead>>;
}

/**
 * The message that asks for `write`, to a list: the same, however often it is sent. JSON leaves out what is undefined.
 */
export function asMessage(write: PendingWrite): Write {
  const { operation_id, operation, content_id, tag, observed, timestamp, isUnstamped, data, position } = write;
  const { list } = named(prefixIn(content_id));
  return {
    type: list ? "list_update" : "watchlist_update",
    list,
    id: operation_id,
    operation_id,
    operation: operation as Action,
    content_id: contentIn(content_id),
    tag,
    observed,
    timestamp: isUnstamped ? undefined : timestamp,
    data,
    position,
  };
}

export type Change =
  | { readonly set: Partial<Head> }
  | { readonly put: ConfirmedItem }
  | { readonly drop: string }
  | { readonly clear: true }
  | { readonly queue: PendingWrite }
  | { readonly settle: number }
  | { readonly erase: true };

const NEW_LIST: ListHead = { replica: "", adds: 0, revision: 0, epoch: null };

interface ListView {
  readonly version: number;
  readonly writes: readonly ShownWrite[];
  readonly items: readonly Item[];
}

/** What is stored of one user: plain data that survives JSON. */
export interface Stored {
  readonly head: Head;
  readonly items: readonly ConfirmedItem[];
  /** In order of `number`. */
  readonly queue: readonly PendingWrite[];
}

export function userState({ head, items, queue }: Stored): UserState {
  return new UserState(head, items, queue);
}

/** All that a client keeps of one user. */
export class UserState {
  head: Head;
  readonly items: Map<string, ConfirmedItem>;
  /** By number, in the order of the writes. */
  readonly queue: Map<number, PendingWrite>;
  /** Content id -> the numbers of its writes, in order. */
  readonly #numbers = new Map<string, Set<number>>();
  #version = 0;
  /** The lists shown at `#version`, by prefix, with the writes that they were made with. */
  readonly #lists = new Map<string, ListView>();

  constructor(head: Head, items: Iterable<ConfirmedItem> = [], queue: Iterable<PendingWrite> = []) {
    this.head = head;
    this.items = new Map(Array.from(items, (item) => [item.content_id, item]));
    this.queue = new Map(Array.from(queue, (write) => [write.number, write]));
    for (const write of this.queue.values()) this.#index(write);
  }

  /** All of it, to be stored. */
  stored(): Stored {
    return { head: this.head, items: Array.from(this.items.values()), queue: Array.from(this.queue.values()) };
  }

  /** The state of a user of whom nothing is stored. */
  static empty(replica: string): UserState {
    const { physical, logical } = NEVER;
    return new UserState({
      replica,
      adds: 0,
      operations: 0,
      clock: { physical, logical },
      revision: 0,
      epoch: null,
    });
  }

  /** Up to where a list is known; the start, if nothing is kept of it. */
  headOf(prefix: string): ListHead {
    return prefix === WATCHLIST ? this.head : (this.head.lists?.[prefix] ?? NEW_LIST);
  }

  /** A number that changes whenever `list` or the length of the queue may have changed. */
  get version(): number {
    return this.#version;
  }

  apply(change: Change): void {
    if ("set" in change) {
      this.head = { ...this.head, ...change.set };
      return;
    }
    const before = "queue" in change && this.queue.get(change.queue.number);
    if (before) {
      this.queue.set(before.number, change.queue);
      // Not when only the way a write is sent changes.
      if (compareTimestamps(change.queue.timestamp, before.timestamp) !== 0) this.#version += 1;
      return;
    }
    this.#version += 1;
    if ("put" in change) this.items.set(change.put.content_id, change.put);
    else if ("drop" in change) this.items.delete(change.drop);
    else if ("clear" in change) this.items.clear();
    else if ("queue" in change) this.#enqueue(change.queue);
    else if ("settle" in change) this.#settle(change.settle);
    else {
      this.items.clear();
      this.queue.clear();
      this.#numbers.clear();
    }
  }

  /** The writes to this key, in order. */
  writesOf(key: string): PendingWrite[] {
    const numbers = Array.from(this.#numbers.get(key) ?? []);
    return numbers.map((number) => this.queue.get(number)).filter((write) => write !== undefined);
  }

  /** Whether `list` has this key. Cost: O(its writes), and O(`writes`). */
  has(key: string, writes: readonly ShownWrite[] = []): boolean {
    let isListed = this.items.has(key);
    for (const write of this.writesOf(key)) isListed = write.operation === "add";
    for (const write of writes) if (write.content_id === key) isListed = write.operation === "add";
    return isListed;
  }

  /**
   * A list to show: with the queue applied, and then `writes`, which are not in it yet. The same frozen array, with the
   * same items, until they change. Cost: O(n log n) after a change, n counting all lists, else O(1).
   */
  list(writes: readonly ShownWrite[] = [], prefix = WATCHLIST): readonly Item[] {
    const before = this.#lists.get(prefix);
    if (before?.version === this.#version && before.writes === writes) return before.items;
    const isOfList = ({ content_id }: { readonly content_id: string }): boolean => prefixIn(content_id) === prefix;
    const queue = [...this.queue.values(), ...writes].filter(isOfList);
    const items = listView(Array.from(this.items.values()).filter(isOfList), queue, before?.items);
    this.#lists.set(prefix, { version: this.#version, writes, items });
    return items;
  }

  #enqueue(write: PendingWrite): void {
    this.queue.set(write.number, write);
    this.#index(write);
  }

  #index({ content_id, number }: PendingWrite): void {
    const numbers = this.#numbers.get(content_id);
    if (numbers === undefined) this.#numbers.set(content_id, new Set([number]));
    else numbers.add(number);
  }

  #settle(number: number): void {
    const contentId = this.queue.get(number)?.content_id ?? "";
    this.queue.delete(number);
    const numbers = this.#numbers.get(contentId);
    numbers?.delete(number);
    if (numbers?.size === 0) this.#numbers.delete(contentId);
  }
}
