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
  /** The call that it came from. */
  readonly origin?: string;
  /** The revision that answers it: settled once the list has come so far. */
  readonly answer?: number;
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

/** Everything of one user. */
export class UserState {
  head: Head;
  readonly items: Map<string, ConfirmedItem>;
  /** By number, in the order of the writes. */
  readonly queue: Map<number, PendingWrite>;

  constructor(head: Head, items: Iterable<ConfirmedItem> = [], queue: Iterable<PendingWrite> = []) {
    this.head = head;
    this.items = new Map(Array.from(items, (item) => [item.content_id, item]));
    this.queue = new Map(Array.from(queue, (write) => [write.number, write]));
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

  /** The list to show: with the queue applied, and then `writes` that are not in it yet. */
  list(writes: readonly ShownWrite[] = []): Item[] {
    return listView(this.items.values(), [...this.queue.values(), ...writes]);
  }
}
