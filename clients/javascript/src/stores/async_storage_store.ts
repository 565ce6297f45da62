/**
 * A store on whatever keeps texts by name: React Native's AsyncStorage, for example.
 *
 * For each user there is a sequence of entries, each of some changes: `claim` applies them all. A sequence that has
 * grown long is written anew, short, beside the old one; a pointer, which is one text, says which of them counts. So
 * each save is all or nothing, and no text is longer than some 100 KB (Android reads none above 2 MB).
 */

import { type Change, type Stored, UserState } from "../data/user_state.js";
import { InTurn } from "./in_turn.js";
import { DeletedError, type Store } from "./store.js";

/** The text of a name, if there is any; an empty one counts as none. */
type Text = string | null | undefined;

/** The part of AsyncStorage that is needed; methods may also return their results directly. */
export interface TextStorage {
  getItem(key: string): Text | Promise<Text>;
  setItem(key: string, value: string): unknown;
  removeItem(key: string): unknown;
}

interface Pointer {
  readonly slot: "a" | "b";
  /** The id of the entries that count: others in the slot are left-overs. */
  readonly id: string;
}

interface Entry {
  readonly id: string;
  readonly changes: readonly Change[];
}

interface Sequence {
  readonly pointer: Pointer;
  readonly state: UserState;
  length: number;
}

/** The most changes in one entry. */
const MAX_CHANGES = 500;
/** How many entries a sequence may have beyond the fewest that the state needs. */
const MAX_ENTRIES_BEHIND = 200;

/** A store for a single client. */
export class AsyncStorageStore implements Store {
  readonly #storage: TextStorage;
  readonly #prefix: string;
  readonly #inTurn = new InTurn();
  /** The sequences of the users that were claimed; null: there is none. */
  readonly #sequences = new Map<string, Sequence | null>();

  /** `prefix`: what the names of its texts begin with, and no others. */
  constructor(storage: TextStorage, prefix = "syncd") {
    this.#storage = storage;
    this.#prefix = prefix;
  }

  claim(userId: string): Promise<Stored | null> {
    return this.#inTurn.run(async () => {
      const sequence = await this.#load(userId);
      if (sequence === null) await this.#erase(userId); // what an interrupted erasure may have left
      this.#sequences.set(userId, sequence);
      return sequence?.state.stored() ?? null;
    });
  }

  read(userId: string): Promise<Stored | null> {
    return this.#inTurn.run(async () => (await this.#load(userId))?.state.stored() ?? null);
  }

  save(userId: string, changes: readonly Change[]): Promise<void> {
    return this.#inTurn.run(async () => {
      if (changes.some((change) => "erase" in change)) await this.#erase(userId);
      else if (changes.length > 0) await this.#append(userId, changes);
    });
  }

  close(): void {
    void this.#inTurn.run(async () => this.#sequences.clear());
  }

  async #append(userId: string, changes: readonly Change[]): Promise<void> {
    const sequence = this.#sequences.get(userId);
    if (sequence === undefined) throw new Error("nobody has claimed this user's state");
    if (sequence !== null && (await this.#storage.getItem(this.#key(userId))) !== JSON.stringify(sequence.pointer))
      throw new DeletedError();
    const state = sequence?.state ?? UserState.empty("");
    for (const change of changes) state.apply(change);
    if (
      sequence === null ||
      changes.length > MAX_CHANGES ||
      sequence.length > MAX_ENTRIES_BEHIND + sizeOf(state) / MAX_CHANGES
    ) {
      await this.#begin(userId, state);
      return;
    }
    await this.#write(userId, sequence.pointer, sequence.length, changes);
    sequence.length += 1;
  }

  /** Write a new sequence for `state`, and then have it count. */
  async #begin(userId: string, state: UserState): Promise<void> {
    const before = this.#sequences.get(userId);
    const slot = before?.pointer.slot === "a" ? "b" : "a";
    const pointer: Pointer = { slot, id: Math.random().toString(36).slice(2) };
    const changes = changesTo(state);
    let length = 0;
    for (; length * MAX_CHANGES < changes.length; length += 1)
      await this.#write(userId, pointer, length, changes.slice(length * MAX_CHANGES, (length + 1) * MAX_CHANGES));
    await this.#storage.setItem(this.#key(userId), JSON.stringify(pointer));
    this.#sequences.set(userId, { pointer, state, length });
    if (before) await this.#removeFrom(userId, before.pointer.slot, before.length);
  }

  async #write(userId: string, { slot, id }: Pointer, place: number, changes: readonly Change[]): Promise<void> {
    await this.#storage.setItem(this.#key(userId, slot, place), JSON.stringify({ id, changes } satisfies Entry));
  }

  async #load(userId: string): Promise<Sequence | null> {
    const text = await this.#storage.getItem(this.#key(userId));
    if (!text) return null;
    const pointer = JSON.parse(text) as Pointer;
    const state = UserState.empty("");
    let length = 0;
    for (; ; length += 1) {
      const entry = await this.#storage.getItem(this.#key(userId, pointer.slot, length));
      const { id, changes } = JSON.parse(entry || "{}") as Partial<Entry>;
      if (id !== pointer.id || changes === undefined) return { pointer, state, length };
      for (const change of changes) state.apply(change);
    }
  }

  /** Erase the pointer first: entries without it do not count. */
  async #erase(userId: string): Promise<void> {
    this.#sequences.set(userId, null);
    await this.#storage.removeItem(this.#key(userId));
    for (const slot of ["a", "b"] as const) {
      let length = 0;
      while (await this.#storage.getItem(this.#key(userId, slot, length))) length += 1;
      await this.#removeFrom(userId, slot, length);
    }
  }

  /** Remove the last entry first, so that there is never a gap behind which entries could be left. */
  async #removeFrom(userId: string, slot: Pointer["slot"], length: number): Promise<void> {
    for (let place = length - 1; place >= 0; place -= 1) await this.#storage.removeItem(this.#key(userId, slot, place));
  }

  #key(userId: string, ...place: (string | number)[]): string {
    return [this.#prefix, encodeURIComponent(userId), ...place].join("/");
  }
}

function changesTo(state: UserState): Change[] {
  const { head, items, queue } = state.stored();
  return [{ set: head }, ...items.map((put) => ({ put })), ...queue.map((write) => ({ queue: write }))];
}

function sizeOf({ items, queue }: UserState): number {
  return items.size + queue.size;
}
