/** What a tab has asked its leader for, and does not know to be done. */

import type { Carried } from "../data/item_fields.js";
import type { ShownWrite } from "../data/list_view.js";
import type { CalledAction } from "../data/messages.js";
import { type Call, type NamedContent, randomName } from "../engine.js";
import { latch } from "./latch.js";

/** `ended`: fulfilled when the call is done, and what it changes stored; nobody has to handle a rejection. */
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

/** By name, in the order of the calls. */
export class OpenCalls {
  /** What no others' names begin with, nor did those of the same user in the same tab before: their writes may still wait. */
  readonly #id = randomName();
  readonly #calls = new Map<string, Entry>();
  #names = 0;
  /** Null: to be gathered again. */
  #writes: readonly ShownWrite[] | null = null;

  get size(): number {
    return this.#calls.size;
  }

  /** What they would write, as it is shown: the same array as long as it is the same. */
  get writes(): readonly ShownWrite[] {
    if (this.#writes !== null) return this.#writes;
    const all: ShownWrite[] = [];
    for (const { writes } of this.#calls.values()) for (const write of writes) all.push(write);
    this.#writes = all;
    return all;
  }

  /** `writes`: what the call would write. */
  add(call: Call, writes: readonly ShownWrite[] = []): OpenCall {
    const name = this.#newName();
    const [ended, onDone, onEnded] = latch();
    ended.catch(() => undefined); // who waits for it is told
    const entry = { name, call, ended, writes, onDone, onEnded };
    this.#calls.set(name, entry);
    this.#writes = null;
    return entry;
  }

  /** One call for a write of each key; `contents`: with the names of the writes. */
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

  /** Nobody will do them. */
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
