/** What a tab knows of the tab that leads: its state, and a copy of what it has stored. */

import type { Transport } from "../core/outputs.js";
import type { State } from "../core/state.js";
import { carriedBy } from "../data/item_fields.js";
import type { Transient } from "../data/register_views.js";
import { type Storage, UserState } from "../data/user_state.js";
import type { Batch, Call } from "../engine.js";

/**
 * What a leader says with each batch. `leader`: the name of its engine. `number`: one above the number of the batch before;
 * missing: the leader is of an earlier release.
 */
export interface LeaderBatch extends Batch {
  readonly leader: string;
  readonly number?: number;
  readonly state: State;
  readonly transport: Transport | null;
  readonly storage: Storage;
  /** What the leader shows of registers without storing it. */
  readonly transient: Transient | null;
}

/** A client's state, and what it shows. */
type Standing = Pick<LeaderCopy, "state" | "transport" | "stored" | "transient">;

export class LeaderCopy {
  // Read-only for others
  /** The name of the leader's engine; null: no leader is known. */
  leader: string | null = null;
  state: State | null = null;
  transport: Transport | null = null;
  storage: Storage | null = null;
  stored: UserState | null = null;
  transient: Transient | null = null;
  /** The number of the last batch, heard or told. */
  number = 0;
  readonly #onApplied: (batch: Batch) => void;
  /** The batches that came while the copy was on its way; null: the copy is here. */
  #pending: LeaderBatch[] | null = null;

  /** `onApplied`: called with each batch once the copy has its changes. */
  constructor(onApplied: (batch: Batch) => void) {
    this.#onApplied = onApplied;
  }

  /** Calls for what the leader had only in memory, to be made again; a write that is in the queue is not done twice. */
  get lost(): Call[] {
    const unstored = this.storage === "memory" ? (this.stored?.queue.values() ?? []) : [];
    const queued = Array.from(unstored, (write) => ({ origin: write.operation_id, ...write })); // a report has no call
    const held = (this.transient?.held ?? []).map((report) => ({ ...report, origin: report.content_id }));
    return [...queued, ...held].map(({ operation, content_id, origin, timestamp, ...carried }) => ({
      type: "change",
      operation,
      writes: [{ name: origin, content_id }],
      atMs: timestamp.physical,
      ...carriedBy(carried),
    }));
  }

  /** Note that this tab leads now: `leader` is the name of its engine. */
  leads(leader: string): void {
    this.leader = leader;
    this.storage = null;
    this.stored = null;
    this.transient = null;
    this.#pending = null;
  }

  /**
   * Note that this tab leads no more, and what it showed. `state`: to be assumed of the new leader until it tells its
   * own.
   */
  led({ state, transport, stored, transient }: Standing): void {
    Object.assign(this, { leader: null, state, transport, stored, transient });
  }

  /**
   * Note what a leader says; if a copy is wanted, return the key to `take` it by. It is wanted if the leader is new, or
   * if an earlier batch was lost: Chromium loses those that come while a page stands at a breakpoint, and HTML allows it for
   * a page in the back/forward cache.
   */
  hear(batch: LeaderBatch): object | false | null {
    const { state, transport, storage, transient, leader, number = 0 } = batch;
    const isWanted = leader !== this.leader || number > this.number + 1;
    Object.assign(this, { state, transport, storage, transient, leader, number });
    if (isWanted) this.#pending = [];
    if (this.#pending === null) this.#apply(batch);
    else this.#pending.push(batch);
    return isWanted && this.#pending;
  }

  /**
   * Accept what the leader has stored, and apply the batches that came since; false: this copy was not wanted. `by`: the
   * leader's name, if it has told the copy itself, or what `hear` returned: a copy that was read for an earlier request may
   * lack what was lost since.
   */
  take(by: string | object, stored: UserState | null): boolean {
    const pending = this.#pending;
    if (pending === null || (by !== this.leader && by !== pending)) return false;
    this.stored = stored ?? UserState.empty("");
    this.#pending = null;
    for (const batch of pending) this.#apply(batch);
    return true;
  }

  #apply(batch: Batch): void {
    for (const change of batch.changes) this.stored?.apply(change);
    this.#onApplied(batch);
  }
}
