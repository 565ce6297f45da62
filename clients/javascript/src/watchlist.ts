/** One user's list and wishes: what messages and calls change in them, and what is to be stored of that. */

import { type Stamp, compareReadings, compareStamps, tick } from "./clock.js";
import type { Action, SnapshotItem } from "./messages.js";
import { type Change, type Operation, UserState } from "./user_state.js";

/** A `watchlist_update` in so far as it matters here. */
export interface Update {
  readonly content_id: string;
  readonly action: Action;
  readonly revision: number;
  readonly timestamp: Stamp;
  readonly device_id: string | null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The one spelling of a content's name. Throws a TypeError where it is no UUID. */
export function canonical(contentId: string): string {
  if (!UUID.test(contentId)) throw new TypeError(`A content is named by a UUID, not by ${JSON.stringify(contentId)}.`);
  return contentId.toLowerCase();
}

export class Ledger {
  readonly user: string;
  readonly state: UserState;
  readonly #newReplica: () => string;
  #changes: Change[] = [];
  #hasUpdated = true; // it is shown for the first time

  /** `stored`: what is kept of `user`, null if nothing is; becomes the ledger's own. */
  constructor(user: string, stored: UserState | null, newReplica: () => string) {
    this.user = user;
    this.#newReplica = newReplica;
    this.state = stored ?? UserState.empty(newReplica());
    if (stored === null) this.#changes.push({ set: this.state.head });
    // What was answered before a restart is asked once more, and gets the same answer.
    for (const { answer, ...operation } of this.state.queue.values()) this.state.apply({ queue: operation });
  }

  /** Take what is to be stored, and whether the app should look at the list again. */
  takeChanges(): { changes: readonly Change[]; hasUpdated: boolean } {
    const taken = { changes: this.#changes, hasUpdated: this.#hasUpdated };
    this.#changes = [];
    this.#hasUpdated = false;
    return taken;
  }

  /** Put a wish at the end of the queue, once per `origin`. Throws a TypeError where `contentId` is no UUID. */
  write(operation: Action, contentId: string, nowMs: number, origin?: string): void {
    const content_id = canonical(contentId);
    if (origin !== undefined && Array.from(this.state.queue.values()).some((each) => each.origin === origin)) return;
    const { replica, revision, ...head } = this.state.head;
    const clock = tick(head.clock, nowMs);
    const number = head.operations + 1;
    const adds = operation === "add" ? head.adds + 1 : head.adds;
    this.#change({ set: { clock, operations: number, adds } });
    this.#changeQueue({
      queue: {
        number,
        operation,
        content_id,
        operation_id: `${replica}.${number}`,
        ...(operation === "add" && { tag: `${replica}:${adds}` }),
        observed: revision,
        timestamp: { ...clock, node: replica },
        ...(origin !== undefined && { origin }),
      },
    });
  }

  /** Apply the next revision; one that was seen changes nothing. False: those between are missing. */
  apply({ content_id, action, revision, timestamp, device_id }: Update): boolean {
    const { revision: known } = this.state.head;
    if (revision <= known) return true;
    if (revision > known + 1) return false;
    this.#follow(timestamp);
    this.#change({ set: { revision } });
    const before = this.state.items.get(content_id);
    if (action === "remove") this.#change({ drop: content_id });
    else if (before === undefined || compareStamps(timestamp, before.timestamp) >= 0)
      this.#change({ put: { content_id, timestamp, rank: revision, device_id } });
    this.#hasUpdated = true;
    this.#settle();
    return true;
  }

  /** Put a snapshot in the place of what was confirmed. */
  replace(revision: number, epoch: string, items: readonly SnapshotItem[]): void {
    const { head } = this.state;
    const isOtherJournal = (head.epoch !== null && head.epoch !== epoch) || revision < head.revision;
    this.#change({ clear: true });
    items.forEach(({ content_id, timestamp, device_id }, index) => {
      this.#follow(timestamp);
      this.#change({ put: { content_id, timestamp, rank: -index, device_id } });
    });
    this.#change({ set: { revision, epoch } });
    this.#hasUpdated = true;
    if (isOtherJournal) {
      // The old numbers mean nothing now: what they answered is settled, what is still wished is wished as of here.
      for (const operation of this.state.queue.values()) {
        this.#changeQueue(
          operation.answer === undefined
            ? { queue: { ...operation, observed: revision } }
            : { settle: operation.number },
        );
      }
    }
    this.#settle();
  }

  adoptEpoch(epoch: string): void {
    if (epoch !== this.state.head.epoch) this.#change({ set: { epoch } });
  }

  /** The operation that waits for an answer to `id`. */
  unanswered(id: string | undefined): Operation | undefined {
    if (id === undefined) return undefined;
    for (const operation of this.state.queue.values()) {
      if (operation.operation_id === id) return operation.answer === undefined ? operation : undefined;
    }
    return undefined;
  }

  /** It holds from `revision` on; undefined: nothing had to change. Settled once the list has come so far. */
  answer(operation: Operation, revision: number | undefined, timestamp: Stamp | undefined): void {
    if (timestamp !== undefined) this.#follow(timestamp);
    if (revision === undefined) this.#changeQueue({ settle: operation.number });
    else this.#changeQueue({ queue: { ...operation, answer: revision } });
    this.#settle();
  }

  /** Leave the stamp to the service. */
  unstamp(operation: Operation): void {
    this.#change({ queue: { ...operation, isUnstamped: true } });
  }

  /** Undo what can never succeed. */
  refuse(operation: Operation): void {
    this.#changeQueue({ settle: operation.number });
    // A gap in the counting of adds would be remembered by the service for ever.
    if (operation.operation === "add") this.#change({ set: { replica: this.#newReplica(), adds: 0 } });
  }

  erase(): void {
    this.#change({ erase: true });
  }

  #settle(): void {
    const { revision } = this.state.head;
    for (const { number, answer } of this.state.queue.values()) {
      if (answer !== undefined && answer <= revision) this.#changeQueue({ settle: number });
    }
  }

  /** Keep the clock from falling behind what it has seen. */
  #follow({ physical, logical }: Stamp): void {
    if (compareReadings({ physical, logical }, this.state.head.clock) > 0)
      this.#change({ set: { clock: { physical, logical } } });
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
