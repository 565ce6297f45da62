/** What a client goes on with where its store fails, and how that and what the store holds become one again. */

import { type Change, type PendingWrite, type Stored, UserState, userState } from "./user_state.js";

/** What a store holds, or would hold if it worked. */
export class Mirror {
  #state: UserState | null;
  /** Operations and origins that it has, or has had: of the store's writes all others are news. */
  readonly #known = new Set<string>();
  /** What was noted since the fork, or the last `take`. */
  #missed: Change[] = [];
  #isForked = false;
  /** Nothing of what the store holds may stay. */
  #isErased = false;

  constructor(state: UserState | null) {
    this.#state = state;
  }

  get isErased(): boolean {
    return this.#isErased;
  }

  note(changes: readonly Change[]): void {
    this.#state ??= UserState.empty("");
    for (const change of changes) {
      this.#state.apply(change);
      if ("erase" in change) this.#erase();
      else if (this.#isForked && "queue" in change) this.#know(change.queue);
    }
    if (this.#isForked) this.#missed.push(...changes);
  }

  /** Whether there is something to take. */
  get isAhead(): boolean {
    return this.#missed.length > 0;
  }

  /** Take what the store has missed. */
  take(): Change[] {
    const missed = this.#missed;
    this.#missed = [];
    return missed;
  }

  /** The store has all of it. */
  join(): void {
    this.#isForked = false;
    this.#isErased = false;
    this.#known.clear();
  }

  /** Go on under another replica; what there is then, for a client. */
  fork(replica: string): UserState | null {
    this.#isForked = true;
    if (this.#state === null) return null;
    for (const write of this.#state.queue.values()) this.#know(write);
    this.note([{ set: { replica, adds: 0 } }]);
    return stateOf(this.#state.stored());
  }

  /** Take over what only the store knows; whether there was anything. */
  merge(stored: Stored): boolean {
    if (this.#isErased) return false;
    const news = stored.queue.filter(({ operation_id, origin = "" }) => !this.#isKnown(operation_id, origin));
    const mine = this.#state;
    const isFirst = mine === null || (mine.head.epoch === null && stored.head.epoch !== null);
    if (news.length === 0 && !isFirst) return false;
    for (const write of news) this.#know(write);
    this.#state = merged(stored, news, mine, isFirst);
    return true;
  }

  /** The changes that make of `stored` what is here. */
  replacing(stored: Stored | null): Change[] {
    if (this.#state === null) return this.#isErased ? [{ erase: true }] : [];
    const { head, items, queue } = this.#state.stored();
    return [
      { clear: true },
      ...(stored?.queue ?? []).map(({ number }) => ({ settle: number })),
      { set: head },
      ...items.map((put) => ({ put })),
      ...queue.map((write) => ({ queue: write })),
    ];
  }

  #erase(): void {
    this.#state = null;
    this.#isErased = true;
  }

  #know({ operation_id, origin }: PendingWrite): void {
    this.#known.add(operation_id);
    if (origin !== undefined) this.#known.add(origin);
  }

  #isKnown(operationId: string, origin: string): boolean {
    return this.#known.has(operationId) || this.#known.has(origin);
  }
}

/** One state of both: what is stored, of which `news` is all that `mine` lacks, and `mine`; `isListStored`: whose list. */
function merged(
  stored: Stored,
  news: readonly PendingWrite[],
  mine: UserState | null,
  isListStored: boolean,
): UserState {
  const head = { ...stored.head, ...mine?.head };
  if (isListStored) Object.assign(head, { revision: stored.head.revision, epoch: stored.head.epoch });
  const isOtherJournal = head.epoch !== stored.head.epoch;
  const queue = [
    ...news.map((write) => (isOtherJournal ? { ...write, observed: head.revision } : write)),
    ...(mine?.queue.values() ?? []),
  ].map((write, index) => ({ ...write, number: index + 1 }));
  const operations = Math.max(stored.head.operations, mine?.head.operations ?? 0) + queue.length;
  const clock = [stored.head.clock, head.clock].reduce((a, b) =>
    a.physical - b.physical || a.logical - b.logical > 0 ? a : b,
  );
  const items = isListStored ? stored.items : (mine?.items.values() ?? []);
  return new UserState({ ...head, operations, clock }, items, queue);
}

export function stateOf(stored: Stored | null): UserState | null {
  const found = checked(stored);
  return found === null ? null : userState(found);
}

/** `stored`; throws where it is nothing that a client has saved. */
export function checked(stored: Stored | null): Stored | null {
  const isState =
    stored === null ||
    (typeof stored?.head?.replica === "string" && Array.isArray(stored.items) && Array.isArray(stored.queue));
  if (!isState) throw new TypeError("the store holds something else than a client's state");
  return stored;
}
