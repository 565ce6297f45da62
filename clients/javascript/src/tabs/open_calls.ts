/** What a tab has asked of its leader, and does not know to be done yet. */

import type { Carried } from "../data/item_fields.js";
import type { ShownWrite } from "../data/list_view.js";
import type { CalledAction } from "../data/messages.js";
import { type Call, type NamedContent, randomName } from "../engine.js";
import { latch } from "./latch.js";

/** `ended`: fulfilled when the call is done and its changes are stored; a rejection need not be handled. */
interface OpenCall {
  readonly name: string;
  readonly call: Call;
  readonly ended: Promise<void>;
}

interface Entry extends OpenCall {
  readonly writes: readonly ShownWrite[];
  readonly onDone: () => void;
  readonly onEnded: (error: Error) => void;
}

/** The open calls by name, in the order in which they were made. */
export class OpenCalls {
  /**
   * Begins the names. No other session's names begin so, not even an earlier one's in this tab: its writes may still
   * wait.
   */
  readonly #id = randomName();
  readonly #calls = new Map<string, Entry>();
  #names = 0;
  /** The writes of all calls; null: to be gathered again. */
  #writes: readonly ShownWrite[] | null = null;

  get size(): number {
    return this.#calls.size;
  }

  /** What the calls will write, for showing it: the same array until it changes. */
  get writes(): readonly ShownWrite[] {
    if (this.#writes !== null) return this.#writes;
    const all: ShownWrite[] = [];
    for (const { writes } of this.#calls.values()) for (const write of writes) all.push(write);
    this.#writes = all;
    return all;
  }

  /** `writes`: what the call will write. */
  add(call: Call, writes: readonly ShownWrite[] = []): OpenCall {
    const name = this.#newName();
    const [ended, onDone, onEnded] = latch();
    ended.catch(() => undefined); // whoever awaits it still sees the rejection
    const entry = { name, call, ended, writes, onDone, onEnded };
    this.#calls.set(name, entry);
    this.#writes = null;
    return entry;
  }

  /** Add one call that makes a write for each key; `contents`: the keys with the names of the writes. */
  addWrites(
    operation: CalledAction,
    keys: readonly string[],
    carried: Carried,
  ): OpenCall & { contents: readonly NamedContent[] } {
    const physical = Date.now();
    const contents = keys.map((key) => ({ name: this.#newName(), content_id: key }));
    const writes = contents.map(({ content_id }, index) => ({
      operation,
      content_id,
      timestamp: { physical, logical: this.#names + index, node: this.#id },
      ...carried,
    }));
    return { ...this.add({ type: "change", operation, writes: contents, ...carried }, writes), contents };
  }

  markDone(names: readonly string[]): void {
    for (const name of names) {
      this.#calls.get(name)?.onDone();
      if (this.#calls.delete(name)) this.#writes = null;
    }
  }

  /** Reject all: nobody will do them. */
  end(error: Error): void {
    for (const { onEnded } of this.#calls.values()) onEnded(error);
  }

  [Symbol.iterator](): Iterator<OpenCall> {
    return this.#calls.values();
  }

  #newName(): string {
    this.#names += 1;
    return `${this.#id}.${this.#names}`;
  }
}
