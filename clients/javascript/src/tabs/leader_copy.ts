/** What a tab knows of the one that leads: how it stands, and a copy of what it has stored. */

import type { Transport } from "../core/outputs.js";
import type { State } from "../core/state.js";
import { carriedBy } from "../data/item_fields.js";
import type { Transient } from "../data/register_views.js";
import { type Storage, UserState } from "../data/user_state.js";
import type { Batch, Call } from "../engine.js";

/** What a leader says with each batch. `leader`: names its engine. `number`: one above that before; missing: of a release before. */
export interface LeaderBatch extends Batch {
  readonly leader: string;
  readonly number?: number;
  readonly state: State;
  readonly transport: Transport | null;
  readonly storage: Storage;
  /** Of the leader's registers. */
  readonly transient: Transient | null;
}

/** How a client stands, and what it shows. */
type Standing = Pick<LeaderCopy, "state" | "transport" | "stored" | "transient">;

export class LeaderCopy {
  // To be looked at only
  /** Null: there is none. */
  leader: string | null = null;
  state: State | null = null;
  transport: Transport | null = null;
  storage: Storage | null = null;
  stored: UserState | null = null;
  transient: Transient | null = null;
  /** Of the last batch, heard or told. */
  number = 0;
  readonly #onApplied: (batch: Batch) => void;
  /** What came while the copy is on its way; null: it is here. */
  #pending: LeaderBatch[] | null = null;

  /** `onApplied`: is told of each batch once the copy has its changes. */
  constructor(onApplied: (batch: Batch) => void) {
    this.#onApplied = onApplied;
  }

  /** What the leader had in memory only, to be called for again: what is in the queue is not done twice. */
  get lost(): Call[] {
    const unstored = this.storage === "memory" ? (this.stored?.queue.values() ?? []) : [];
    const queued = Array.from(unstored, (write) => ({ origin: write.operation_id, ...write })); // a report is of no call
    const held = (this.transient?.held ?? []).map((report) => ({ ...report, origin: report.content_id }));
    return [...queued, ...held].map(({ operation, content_id, origin, timestamp, ...carried }) => ({
      type: "change",
      operation,
      writes: [{ name: origin, content_id }],
      atMs: timestamp.physical,
      ...carriedBy(carried),
    }));
  }

  /** This tab leads now: `leader` names its engine. */
  leads(leader: string): void {
    this.leader = leader;
    this.storage = null;
    this.stored = null;
    this.transient = null;
    this.#pending = null;
  }

  /** This tab leads no more; so it stood. `state`: that of the tab that leads now, as long as it says no other. */
  led({ state, transport, stored, transient }: Standing): void {
    Object.assign(this, { leader: null, state, transport, stored, transient });
  }

  /**
   * Note what a leader says; if a copy is wanted, what to take it by. That is if the leader is another one, or a batch before
   * this one was lost, as in Chromium those are that come while a page stands at a breakpoint; HTML lets a page in the
   * back/forward cache lose them, too.
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
   * Note what the leader has stored; whether that was wanted. What came since goes on top. `by`: the leader, who has told it
   * after what it told before, or what `hear` has returned: what was read for an earlier one may lack what was lost since.
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
