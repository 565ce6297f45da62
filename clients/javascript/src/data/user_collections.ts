/** One user's collections on this device: what messages and calls change in them, and what of that is to be stored. */

import { compareTimestamps, follow, NEVER, type Reading, type Timestamp, tick } from "./hlc.js";
import { type Carried, carriedBy } from "./item_fields.js";
import { areRegisters, prefixIn, WATCHLIST } from "./keys.js";
import type { Snapshot, Update, WriteAction } from "./messages.js";
import { SnapshotPieces } from "./snapshot_pieces.js";
import type { PendingWrite } from "./stored.js";
import type { Registers } from "./user_registers.js";
import { type Change, type ListHead, UserState } from "./user_state.js";
import { WriteQueue } from "./write_queue.js";

/** How many tags an add is tried with, one after the other, if the service has no room for them; then it has none. */
const MAX_TAGS = 2;

/**
 * One user's confirmed items, queue and numbering, and the pieces of the next snapshots that have come so far. A
 * collection is known by its prefix, with which its keys begin.
 */
export class UserCollections {
  readonly userId: string;
  readonly state: UserState;
  readonly queue: WriteQueue;
  /** The collections that the device follows, that is, is connected for, by prefix. The watchlist is the first. */
  readonly #pieces = new Map<string, SnapshotPieces>();
  /** Null: the part for registers is not loaded, and they are not followed. */
  registers: Registers | null = null;
  /** The collections that the attempt or connection under way asks for. */
  asked: readonly string[] = [];
  readonly #newReplica: () => string;
  /**
   * The origins of the writes in the queue. Writes of older releases have none: their ids, by which they may be called
   * for again.
   */
  readonly #origins = new Set<string>();
  /** The greatest stamp of the service in this run. */
  #seen: Reading = NEVER;
  #changes: Change[] = [];
  #hasUpdated = true; // it is shown for the first time

  /**
   * `stored`: what is kept of the user, null if nothing is; becomes the collections' own. `newReplica`: gives a name that
   * was never used before.
   */
  constructor(userId: string, stored: UserState | null, newReplica: () => string) {
    this.userId = userId;
    this.#newReplica = newReplica;
    this.state = stored ?? UserState.empty(newReplica());
    this.queue = new WriteQueue(this.state.queue);
    if (stored === null) this.#changes.push({ set: this.state.head });
    this.follow(WATCHLIST);
    for (const { origin, operation_id } of this.state.queue.values()) this.#origins.add(origin ?? operation_id);
  }

  /** Note that the service is asked for all that the device follows now; holds until the next call. */
  ask(): void {
    this.asked = Array.from(this.#pieces.keys());
  }

  /** Follow these and the collections that the queue has writes to; whether one was not followed before. */
  followAll(prefixes: Iterable<string>): boolean {
    const queued = Array.from(this.state.queue.values(), ({ content_id }) => prefixIn(content_id));
    return [...queued, ...prefixes].map((prefix) => this.follow(prefix)).includes(true);
  }

  /** Follow a collection; whether it was not followed before. */
  follow(prefix: string): boolean {
    if (this.isFollowed(prefix) || (areRegisters(prefix) && this.registers === null)) return false;
    this.pieces(prefix);
    return true;
  }

  isFollowed(prefix: string): boolean {
    return this.#pieces.has(prefix);
  }

  /** The pieces of a collection that is followed. */
  pieces(prefix: string): SnapshotPieces {
    const pieces = this.#pieces.get(prefix) ?? new SnapshotPieces();
    this.#pieces.set(prefix, pieces);
    return pieces;
  }

  /** Up to where a list is known on this device. */
  head(prefix: string): ListHead {
    return this.state.headOf(prefix);
  }

  /** What is to be stored since the last call, and whether the app should look again; both start afresh. */
  takeChanges(): { changes: readonly Change[]; hasUpdated: boolean } {
    const taken = { changes: this.#changes, hasUpdated: this.#hasUpdated };
    this.#changes = [];
    this.#hasUpdated = false;
    return taken;
  }

  /** Have the app look again: something that is not stored has changed. */
  markUpdated(): void {
    this.#hasUpdated = true;
  }

  // What the user writes

  /** Whether the queue has the write of a call. */
  hasWriteOf(origin: string | undefined): boolean {
    return origin !== undefined && this.#origins.has(origin);
  }

  /**
   * Number and stamp a write and put it at the end of the queue, once per `origin`; the id in `key` is canonical, and
   * `carried` was checked.
   */
  enqueue(
    operation: WriteAction,
    key: string,
    nowMs: number,
    { origin, ...carried }: Carried & { readonly origin?: string | undefined } = {},
  ): void {
    const prefix = prefixIn(key);
    if (this.hasWriteOf(origin)) return;
    if (origin !== undefined) this.#origins.add(origin);
    const { replica, clock, operations } = this.state.head;
    const timestamp = tick(clock, nowMs, replica);
    const number = operations + 1;
    this.#change({ set: { clock: readingOf(timestamp), operations: number } });
    this.#changeQueue({
      queue: {
        number,
        operation,
        content_id: key,
        operation_id: `${replica}.${number}`,
        ...(operation === "add" && { tag: this.#newTag(prefix) }),
        observed: areRegisters(prefix) ? 0 : this.head(prefix).revision,
        timestamp,
        ...(origin !== undefined && { origin }),
        ...carried,
      },
    });
  }

  /** The replica's next tag in this list. */
  #newTag(prefix: string): string {
    const { replica } = this.state.head;
    const before = this.head(prefix);
    const adds = before.replica === replica ? before.adds + 1 : 1;
    this.#setHead(prefix, { replica, adds });
    return `${replica}:${adds}`;
  }

  /**
   * Note the service's `ack`: the write is settled once `revision` is reached; undefined: nothing had to change.
   * `isSuperseded`: `timestamp` is that of the later update that holds.
   */
  acknowledge(
    write: PendingWrite,
    revision: number | undefined,
    timestamp: Timestamp | undefined,
    isSuperseded = false,
  ): void {
    if (!write.isUnstamped) this.#advance(write.timestamp);
    if (timestamp !== undefined) this.#advance(timestamp);
    this.queue.answer(write, revision ?? 0);
    if (timestamp !== undefined && !isSuperseded) this.#unstampBehind(write, timestamp);
    this.#settle(prefixIn(write.content_id));
  }

  /**
   * Give a write another stamp, as the service finds this one too far ahead; or leave the stamp to the service.
   *
   * A wall clock that is behind the stamp was ahead, and is right again. Then our clock goes back to what it would be
   * without the stamp, and this write and all behind it get new ones: the service cannot have accepted theirs.
   */
  stampAgain(write: PendingWrite, nowMs: number): void {
    const { physical } = write.timestamp;
    const { replica } = this.state.head;
    let clock = this.#clockWithout(write);
    if (tick(clock, nowMs, replica).physical >= physical) {
      this.#unstamp(write);
      return;
    }
    for (const each of Array.from(this.state.queue.values())) {
      if (each.number < write.number) continue;
      const timestamp = tick(clock, nowMs, replica);
      clock = timestamp;
      this.#changeQueue({ queue: { ...each, timestamp } });
    }
    this.#change({ set: { clock: readingOf(clock) } });
  }

  /** What our clock would be without the stamps of `write` and those behind it in the queue. */
  #clockWithout({ number }: PendingWrite): Reading {
    let clock = this.#seen;
    for (const { timestamp } of this.state.items.values()) clock = follow(clock, timestamp);
    for (const each of this.state.queue.values()) if (each.number < number) clock = follow(clock, each.timestamp);
    return clock;
  }

  #unstamp(write: PendingWrite): void {
    this.restate({ ...write, isUnstamped: true });
  }

  /** Replace the write that has the same number. */
  restate(write: PendingWrite): void {
    this.#change({ queue: write });
  }

  /**
   * Number an add under a new replica, as the service has no room for more tags of its old one; after `MAX_TAGS` tries,
   * leave the tag to the service.
   *
   * And then the stamp, too: a write that has waited for long is refused if it has a stamp but no tag.
   */
  retag(write: PendingWrite): void {
    this.#leaveReplica(write);
    const { tag, ...untagged } = write;
    const refusedTags = (write.refusedTags ?? 0) + 1;
    const sent =
      refusedTags < MAX_TAGS ? { tag: this.#newTag(prefixIn(write.content_id)) } : { isUnstamped: true as const };
    this.restate({ ...untagged, refusedTags, ...sent });
  }

  /** Undo a write that the service does not accept. */
  refuse(write: PendingWrite): void {
    this.drop(write.number);
    this.#leaveReplica(write);
  }

  // What the service says

  /** Note the journal that the revisions to come count in. */
  adoptEpoch(prefix: string, epoch: string): void {
    if (epoch !== this.head(prefix).epoch) this.#setHead(prefix, { epoch });
  }

  /** Apply the update of the next revision. */
  applyUpdate(prefix: string, update: Update, revision: number): void {
    const said = { timestamp: NEVER, device_id: null, ...update, rank: revision };
    const contentId = prefix + update.content_id;
    this.#advance(said.timestamp);
    this.#setHead(prefix, { revision });
    const before = this.state.items.get(contentId);
    if (update.action === "remove") this.#change({ drop: contentId });
    else {
      const isNewest =
        areRegisters(prefix) || before === undefined || compareTimestamps(said.timestamp, before.timestamp) >= 0;
      const { timestamp, rank, device_id } = isNewest ? said : before;
      this.#change({ put: { content_id: contentId, timestamp, rank, device_id, ...carriedBy(update) } });
    }
    this.#hasUpdated = true;
    this.#settle(prefix);
  }

  /** Replace what was confirmed by a snapshot. */
  applySnapshot(prefix: string, { revision, epoch, items }: Snapshot): void {
    const before = this.head(prefix);
    const isOtherJournal = (before.epoch !== null && before.epoch !== epoch) || revision < before.revision;
    const others = Array.from(this.state.items.values()).filter(({ content_id }) => prefixIn(content_id) !== prefix);
    this.#change({ clear: true });
    for (const put of others) this.#change({ put });
    items.forEach(({ content_id, timestamp = NEVER, device_id = null, ...carried }, index) => {
      this.#advance(timestamp);
      this.#change({
        put: { content_id: prefix + content_id, timestamp, rank: -index, device_id, ...carriedBy(carried) },
      });
    });
    this.#setHead(prefix, { revision, epoch });
    this.#hasUpdated = true;
    if (isOtherJournal) {
      // The old revisions mean nothing now: answered writes are settled, the others count from this snapshot on.
      this.#settle(prefix, Number.POSITIVE_INFINITY);
      for (const write of areRegisters(prefix) ? [] : this.state.queue.values())
        if (prefixIn(write.content_id) === prefix) this.#changeQueue({ queue: { ...write, observed: revision } });
    }
    this.#settle(prefix);
  }

  erase(): void {
    this.#change({ erase: true });
  }

  // Within

  /** Number adds under another replica: the service would remember a gap in the old one's numbers for ever. */
  #leaveReplica({ tag }: PendingWrite): void {
    if (tag?.startsWith(`${this.state.head.replica}:`)) this.#change({ set: { replica: this.#newReplica(), adds: 0 } });
  }

  /** Leave stamps that are not above the service's own to the service: they would say that `write` was not seen. */
  #unstampBehind({ number, content_id }: PendingWrite, timestamp: Timestamp): void {
    for (const each of this.state.writesOf(content_id)) {
      if (each.number > number && compareTimestamps(each.timestamp, timestamp) <= 0) this.#unstamp(each);
    }
  }

  /** Keep the clock from falling behind what it has seen. */
  #advance(timestamp: Timestamp): void {
    this.#seen = follow(this.#seen, timestamp);
    const clock = follow(this.state.head.clock, timestamp);
    if (clock !== this.state.head.clock) this.#change({ set: { clock } });
  }

  /** Take the answered writes that have taken effect by `revision` out of the queue. */
  #settle(prefix: string, revision = this.head(prefix).revision): void {
    for (const number of this.queue.takeSettled(prefix, revision)) this.drop(number);
  }

  /** Take a write out of the queue. */
  drop(number: number): void {
    const origin = this.state.queue.get(number)?.origin;
    if (origin !== undefined) this.#origins.delete(origin);
    this.#changeQueue({ settle: number });
  }

  #changeQueue(change: Change): void {
    this.#hasUpdated = true;
    this.#change(change);
  }

  #setHead(prefix: string, fields: Partial<ListHead>): void {
    const { lists } = this.state.head;
    const isWatchlist = prefix === WATCHLIST;
    this.#change({
      set: isWatchlist ? fields : { lists: { ...lists, [prefix]: { ...this.head(prefix), ...fields } } },
    });
  }

  #change(change: Change): void {
    this.state.apply(change);
    this.#changes.push(change);
  }
}

function readingOf({ physical, logical }: Reading): Reading {
  return { physical, logical };
}
