/** The writes that are not settled, in order: which may be sent, and which wait for their answer or its revision. */

import { prefixIn } from "./keys.js";
import type { PendingWrite } from "./stored.js";

export const MAX_IN_FLIGHT = 64;

/** One user's queue; it changes no write by itself. */
export class WriteQueue {
  readonly #writes: ReadonlyMap<number, PendingWrite>;
  /** The writes in flight by operation id, as they were sent. */
  readonly #inFlight = new Map<string, PendingWrite>();
  /** For the number of an answered write, the revision from which the list has its effect. */
  readonly #answered = new Map<number, number>();

  /** `writes`: by number, in order; the state's own map, read afresh at each call. */
  constructor(writes: ReadonlyMap<number, PendingWrite>) {
    this.#writes = writes;
  }

  /**
   * The writes that may be sent now, in order; they are in flight from here on. `mayBeSent`: whether a key's collection
   * is followed.
   *
   * One write per content at a time, so that the order holds even when one has to be repeated.
   */
  takeSendable(mayBeSent: (key: string) => boolean): PendingWrite[] {
    const taken: PendingWrite[] = [];
    const busy = new Set<string>();
    for (const write of this.#writes.values()) {
      if (this.#inFlight.size >= MAX_IN_FLIGHT) break;
      const { content_id, operation_id, number } = write;
      if (this.#answered.has(number) || !mayBeSent(content_id)) continue;
      const mustWait = busy.has(content_id) || this.#inFlight.has(operation_id);
      busy.add(content_id);
      if (mustWait) continue;
      this.#inFlight.set(operation_id, write);
      taken.push(write);
    }
    return taken;
  }

  /** The write with this id, if it is in flight. */
  inFlight(operationId: string | number | undefined): PendingWrite | undefined {
    const sent = typeof operationId === "string" ? this.#inFlight.get(operationId) : undefined;
    return sent && this.#writes.get(sent.number);
  }

  /** Whether a write in flight has the stamp with which it was sent. */
  isAsSent({ operation_id, timestamp }: PendingWrite): boolean {
    return this.#inFlight.get(operation_id)?.timestamp === timestamp;
  }

  /** Whether a write is still to be sent. */
  isUnsent({ operation_id, number }: PendingWrite): boolean {
    return !(this.#inFlight.has(operation_id) || this.#answered.has(number));
  }

  /** Count a write as not in flight: it was answered, or may be sent again. */
  release(operationId: string): void {
    this.#inFlight.delete(operationId);
  }

  /** Count every write as not in flight: the connection ended. */
  releaseAll(): void {
    this.#inFlight.clear();
  }

  /** Note that a write takes effect at `revision`. */
  answer({ operation_id, number }: PendingWrite, revision: number): void {
    this.release(operation_id);
    this.#answered.set(number, revision);
  }

  /** Remove the answered writes of a list that have taken effect by `revision`, as settled; their numbers. */
  takeSettled(prefix: string, revision: number): number[] {
    const settled = Array.from(this.#answered).filter(
      ([number, reached]) => reached <= revision && prefixIn(this.#writes.get(number)?.content_id ?? "") === prefix,
    );
    for (const [number] of settled) this.#answered.delete(number);
    return settled.map(([number]) => number);
  }
}
