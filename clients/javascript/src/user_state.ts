/** What a client keeps of one user, and how it changes: `Change` by `Change`, on disk and in every tab alike. */

import { NEVER, type Reading, type Timestamp } from "./hlc.js";
import { type Item, listView, type ShownWrite } from "./list_view.js";
import type { Action, ClientMessage } from "./messages.js";

/** Where the user's list stands on this device, and what the device has numbered. */
export interface Head {
  /** Names this stored state, at random; lost with it. */
  readonly replica: string;
  /** Adds numbered under `replica`. */
  readonly adds: number;
  /** Writes numbered, adds and removes. */
  readonly operations: number;
  readonly clock: Reading;
  /** The last one applied. */
  readonly revision: number;
  readonly epoch: string | null;
}

/** A content that the service says is in the list. */
export interface ConfirmedItem {
  readonly content_id: string;
  readonly timestamp: Timestamp;
  /** Orders equal timestamps: an update's revision; minus its place for an item of a snapshot. */
  readonly rank: number;
  readonly device_id: string | null;
}

/** A write of the user that is not settled yet, as it is sent. */
export interface PendingWrite {
  /** 1, 2, 3 … within the user's state: the order of the queue. */
  readonly number: number;
  readonly operation: Action;
  readonly content_id: string;
  readonly operation_id: string;
  /** Adds only; absent: the service makes it. */
  readonly tag?: string;
  readonly observed: number;
  readonly timestamp: Timestamp;
  /** `timestamp` is only shown, no longer sent: the service stamps the write. */
  readonly isUnstamped?: true;
  /** How many tags of this add the service had no room for. */
  readonly refusedTags?: number;
  /** The call that it came from, by which the app knows it. */
  readonly origin?: string;
}

/** The message that asks for `write`: the same, however often it is sent. */
export function asMessage(write: PendingWrite): ClientMessage {
  const { operation_id, operation, content_id, tag, observed, timestamp, isUnstamped } = write;
  return {
    type: "watchlist_update",
    id: operation_id,
    operation_id,
    operation,
    content_id,
    ...(tag !== undefined && { tag }),
    observed,
    ...(!isUnstamped && { timestamp }),
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

interface ListView {
  readonly version: number;
  readonly writes: readonly ShownWrite[];
  readonly items: readonly Item[];
}

/** What is stored of one user: plain data that JSON keeps. */
export interface Stored {
  readonly head: Head;
  readonly items: readonly ConfirmedItem[];
  /** By `number`, upwards. */
  readonly queue: readonly PendingWrite[];
}

export function userState({ head, items, queue }: Stored): UserState {
  return new UserState(head, items, queue);
}

/** Everything of one user. */
export class UserState {
  head: Head;
  readonly items: Map<string, ConfirmedItem>;
  /** By number, in the order of the writes. */
  readonly queue: Map<number, PendingWrite>;
  /** Content id -> the numbers of its writes, in order. */
  readonly #numbers = new Map<string, Set<number>>();
  #version = 0;
  /** The list of `#version`, for the writes it was made with. */
  #list: ListView | null = null;

  constructor(head: Head, items: Iterable<ConfirmedItem> = [], queue: Iterable<PendingWrite> = []) {
    this.head = head;
    this.items = new Map(Array.from(items, (item) => [item.content_id, item]));
    this.queue = new Map(Array.from(queue, (write) => [write.number, write]));
    for (const write of this.queue.values()) this.#index(write);
  }

  /** What is to be stored to have the same again. */
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

  /** Another number whenever `list` or the length of the queue may be another. */
  get version(): number {
    return this.#version;
  }

  apply(change: Change): void {
    if ("set" in change) {
      this.head = { ...this.head, ...change.set };
      return;
    }
    if ("queue" in change && this.queue.has(change.queue.number)) {
      this.queue.set(change.queue.number, change.queue); // how it is sent changes, not what is shown
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

  /** The writes of this content, in order. */
  writesOf(contentId: string): PendingWrite[] {
    const numbers = Array.from(this.#numbers.get(contentId) ?? []);
    return numbers.map((number) => this.queue.get(number)).filter((write) => write !== undefined);
  }

  /** Whether `list` has this content. Cost: O(its writes), and O(`writes`). */
  has(contentId: string, writes: readonly ShownWrite[] = []): boolean {
    let isListed = this.items.has(contentId);
    for (const write of this.writesOf(contentId)) isListed = write.operation === "add";
    for (const write of writes) if (write.content_id === contentId) isListed = write.operation === "add";
    return isListed;
  }

  /**
   * The list to show: with the queue applied, and then `writes` that are not in it yet. The same array, frozen, and the
   * same items in it, as long as they are the same. Cost: O(n log n) after a change, else O(1).
   */
  list(writes: readonly ShownWrite[] = []): readonly Item[] {
    if (this.#list === null || this.#list.version !== this.#version || this.#list.writes !== writes) {
      const items = listView(this.items.values(), [...this.queue.values(), ...writes], this.#list?.items);
      this.#list = { version: this.#version, writes, items };
    }
    return this.#list.items;
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
