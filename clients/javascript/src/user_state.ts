/** What a client keeps of one user, and how it changes: `Change` by `Change`, on disk and in every tab alike. */

import { type Reading, type Stamp, compareStamps } from "./clock.js";
import type { Action } from "./messages.js";

/** The numbers of a user's state. */
export interface Head {
  readonly replica: string;
  /** Adds that `replica` has numbered. */
  readonly adds: number;
  /** Operations that this state has numbered. */
  readonly operations: number;
  readonly clock: Reading;
  readonly revision: number;
  readonly epoch: string | null;
}

/** A confirmed content; of equal stamps the greater rank is newer. */
export interface Item {
  readonly content_id: string;
  readonly timestamp: Stamp;
  readonly rank: number;
  readonly device_id: string | null;
}

/** What the user wants, and since when. */
export interface Wish {
  readonly operation: Action;
  readonly content_id: string;
  readonly timestamp: Stamp;
}

/** A wish that is not settled yet, as it is sent. */
export interface Operation extends Wish {
  /** 1, 2, 3 … within the user's state: the order of the queue. */
  readonly number: number;
  readonly operation_id: string;
  /** Adds only. */
  readonly tag?: string;
  readonly observed: number;
  /** The service refused the stamp: it shall make its own. */
  readonly isUnstamped?: true;
  /** The call that it came from. */
  readonly origin?: string;
  /** The revision that answers it: settled once the list has come so far. */
  readonly answer?: number;
}

export type Change =
  | { readonly set: Partial<Head> }
  | { readonly put: Item }
  | { readonly drop: string }
  | { readonly clear: true }
  | { readonly queue: Operation }
  | { readonly settle: number }
  | { readonly erase: true };

/** An item of the list that is shown. */
export interface ListItem {
  readonly content_id: string;
  /** The service has not confirmed it yet. */
  readonly pending: boolean;
  /** When it was added. */
  readonly timestamp: Stamp;
  /** Which device added it; null: this one, just now. */
  readonly device_id: string | null;
}

export class UserState {
  head: Head;
  readonly items: Map<string, Item>;
  /** By number; the order is the order of the wishes. */
  readonly queue: Map<number, Operation>;

  constructor(head: Head, items: Iterable<Item> = [], queue: Iterable<Operation> = []) {
    this.head = head;
    this.items = new Map(Array.from(items, (item) => [item.content_id, item]));
    this.queue = new Map(Array.from(queue, (operation) => [operation.number, operation]));
  }

  /** The state of a user of whom nothing is stored. */
  static empty(replica: string): UserState {
    return new UserState({
      replica,
      adds: 0,
      operations: 0,
      clock: { physical: 0, logical: 0 },
      revision: 0,
      epoch: null,
    });
  }

  apply(change: Change): void {
    if ("set" in change) this.head = { ...this.head, ...change.set };
    else if ("put" in change) this.items.set(change.put.content_id, change.put);
    else if ("drop" in change) this.items.delete(change.drop);
    else if ("clear" in change) this.items.clear();
    else if ("queue" in change) this.queue.set(change.queue.number, change.queue);
    else if ("settle" in change) this.queue.delete(change.settle);
    else {
      this.items.clear();
      this.queue.clear();
    }
  }

  /**
   * The list to show, newest first: what is confirmed with the queue applied, and then `wishes` that are not in it yet.
   * Cost: O(n log n).
   */
  list(wishes: readonly Wish[] = []): ListItem[] {
    const shown = new Map<string, Item & { readonly pending: boolean }>();
    for (const [content, item] of this.items) shown.set(content, { ...item, pending: false });
    for (const { operation, content_id, timestamp } of [...this.queue.values(), ...wishes]) {
      if (operation === "remove") {
        shown.delete(content_id);
        continue;
      }
      const before = shown.get(content_id);
      shown.set(
        content_id,
        before !== undefined && compareStamps(timestamp, before.timestamp) <= 0
          ? { ...before, pending: true }
          : { content_id, timestamp, rank: Infinity, device_id: null, pending: true },
      );
    }
    return Array.from(shown.values())
      .sort((a, b) => compareStamps(b.timestamp, a.timestamp) || b.rank - a.rank)
      .map(({ content_id, pending, timestamp, device_id }) => ({
        content_id,
        pending,
        timestamp,
        device_id,
      }));
  }
}
