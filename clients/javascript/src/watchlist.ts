/** One user's list on this device: what messages and calls change in it, and what is to be stored of that. */

import { compareTimestamps, follow, NEVER, type Timestamp, tick } from "./hlc.js";
import type { Action, Message } from "./messages.js";
import { SnapshotPieces } from "./snapshot_pieces.js";
import { type Change, type PendingWrite, UserState } from "./user_state.js";
import { WriteQueue } from "./write_queue.js";

/** Under so many tags an add is sent, one after the other, if the service has no room for them; then without one. */
const MAX_TAGS = 2;

/** A `watchlist_update` that has all that a revision has. */
export type Update = Pick<Message<"watchlist_update">, "content_id" | "action"> & {
  readonly revision: number;
  readonly timestamp: Timestamp;
  readonly device_id: string | null;
};

/** Confirmed items, queue and numbering of one user, and the pieces that have come of its next list. */
export class Watchlist {
  readonly userId: string;
  readonly state: UserState;
  readonly queue: WriteQueue;
  readonly pieces = new SnapshotPieces();
  readonly #newReplica: () => string;
  /** Of the writes in the queue. */
  readonly #origins = new Set<string>();
  #changes: Change[] = [];
  #hasUpdated = true; // it is shown for the first time

  /**
   * `stored`: what is kept of the user, null if nothing is; becomes the watchlist's own. `newReplica`: gives a name that
   * nobody ever had.
   */
  constructor(userId: string, stored: UserState | null, newReplica: () => string) {
    this.userId = userId;
    this.#newReplica = newReplica;
    this.state = stored ?? UserState.empty(newReplica());
    this.queue = new WriteQueue(this.state.queue);
    if (stored === null) this.#changes.push({ set: this.state.head });
    for (const { origin } of this.state.queue.values()) if (origin !== undefined) this.#origins.add(origin);
  }

  /** The last one applied. */
  get revision(): number {
    return this.state.head.revision;
  }

  /** The journal that `revision` counts in, once known. */
  get epoch(): string | null {
    return this.state.head.epoch;
  }

  /** Take what is to be stored since the last call, and whether the app should look at the list again. */
  takeChanges(): { changes: readonly Change[]; hasUpdated: boolean } {
    const taken = { changes: this.#changes, hasUpdated: this.#hasUpdated };
    this.#changes = [];
    this.#hasUpdated = false;
    return taken;
  }

  // What the user writes

  /** Number and stamp a write and put it at the end of the queue, once per `origin`; `contentId` is canonical. */
  enqueue(operation: Action, contentId: string, nowMs: number, origin?: string): void {
    if (origin !== undefined) {
      if (this.#origins.has(origin)) return;
      this.#origins.add(origin);
    }
    const { replica, revision, ...head } = this.state.head;
    const timestamp = tick(head.clock, nowMs, replica);
    const number = head.operations + 1;
    const adds = operation === "add" ? head.adds + 1 : head.adds;
    const { physical, logical } = timestamp;
    this.#change({ set: { clock: { physical, logical }, operations: number, adds } });
    this.#changeQueue({
      queue: {
        number,
        operation,
        content_id: contentId,
        operation_id: `${replica}.${number}`,
        ...(operation === "add" && { tag: `${replica}:${adds}` }),
        observed: revision,
        timestamp,
        ...(origin !== undefined && { origin }),
      },
    });
  }

  /** Note the service's yes: settled once `revision` is reached; undefined: nothing had to change. */
  acknowledge(write: PendingWrite, revision: number | undefined, timestamp: Timestamp | undefined): void {
    if (timestamp !== undefined) this.#follow(timestamp);
    this.queue.answer(write, revision ?? 0);
    if (timestamp !== undefined) this.#unstampBehind(write, timestamp);
    this.#settle();
  }

  /** Leave the stamp to the service. */
  unstamp(write: PendingWrite): void {
    this.#change({ queue: { ...write, isUnstamped: true } });
  }

  /**
   * Number an add again, for a service that keeps no more of its replica; the last time leave that to it.
   *
   * The stamp, too, then: what has waited for long is refused unless it has a tag or no stamp.
   */
  retag(write: PendingWrite): void {
    this.#leaveReplica(write);
    const { tag, ...untagged } = write;
    const refusedTags = (write.refusedTags ?? 0) + 1;
    if (refusedTags >= MAX_TAGS) {
      this.#change({ queue: { ...untagged, isUnstamped: true, refusedTags } });
      return;
    }
    const { replica } = this.state.head;
    const adds = this.state.head.adds + 1;
    this.#change({ set: { adds } });
    this.#change({ queue: { ...untagged, tag: `${replica}:${adds}`, refusedTags } });
  }

  /** Undo what the service does not accept. */
  refuse(write: PendingWrite): void {
    this.#drop(write.number);
    this.#leaveReplica(write);
  }

  // What the service says

  /** Note the journal that the revisions to come count in. */
  adoptEpoch(epoch: string): void {
    if (epoch !== this.epoch) this.#change({ set: { epoch } });
  }

  /** Apply the update of the next revision. */
  applyUpdate({ content_id, action, revision, timestamp, device_id }: Update): void {
    this.#follow(timestamp);
    this.#change({ set: { revision } });
    const before = this.state.items.get(content_id);
    if (action === "remove") this.#change({ drop: content_id });
    else if (before === undefined || compareTimestamps(timestamp, before.timestamp) >= 0)
      this.#change({ put: { content_id, timestamp, rank: revision, device_id } });
    this.#hasUpdated = true;
    this.#settle();
  }

  /** Put a snapshot in the place of what was confirmed. */
  applySnapshot({ revision, epoch, items }: Message<"watchlist_snapshot">): void {
    const isOtherJournal = (this.epoch !== null && this.epoch !== epoch) || revision < this.revision;
    this.#change({ clear: true });
    items.forEach(({ content_id, timestamp = NEVER, device_id = null }, index) => {
      this.#follow(timestamp);
      this.#change({ put: { content_id, timestamp, rank: -index, device_id } });
    });
    this.#change({ set: { revision, epoch } });
    this.#hasUpdated = true;
    if (isOtherJournal) {
      // The old numbers mean nothing now: what they answered is settled, what is still wanted is wanted as of here.
      this.#settle(null);
      for (const write of this.state.queue.values()) this.#changeQueue({ queue: { ...write, observed: revision } });
    }
    this.#settle();
  }

  erase(): void {
    this.#change({ erase: true });
  }

  // Within

  /** Number adds under another name: the service would remember a gap in the old one's for ever. */
  #leaveReplica({ tag }: PendingWrite): void {
    if (tag?.startsWith(`${this.state.head.replica}:`)) this.#change({ set: { replica: this.#newReplica(), adds: 0 } });
  }

  /** Leave stamps to the service that are not above its own: by them it would take `write` for unseen. */
  #unstampBehind({ number, content_id }: PendingWrite, timestamp: Timestamp): void {
    for (const each of this.state.writesOf(content_id)) {
      if (each.number > number && compareTimestamps(each.timestamp, timestamp) <= 0) this.unstamp(each);
    }
  }

  /** Keep the clock from falling behind what it has seen. */
  #follow(timestamp: Timestamp): void {
    const clock = follow(this.state.head.clock, timestamp);
    if (clock !== this.state.head.clock) this.#change({ set: { clock } });
  }

  /** `revision`: up to which answered writes have taken effect; null: all have. */
  #settle(revision: number | null = this.revision): void {
    for (const number of this.queue.takeSettled(revision)) this.#drop(number);
  }

  #drop(number: number): void {
    const origin = this.state.queue.get(number)?.origin;
    if (origin !== undefined) this.#origins.delete(origin);
    this.#changeQueue({ settle: number });
  }

  #changeQueue(change: Change): void {
    this.#hasUpdated = true;
    this.#change(change);
  }

  #change(change: Change): void {
    this.state.apply(change);
    this.#changes.push(change);
  }
}
