/** The writes that are not settled, in order: which may be sent, which wait for their answer or its revision. */

import type { PendingWrite } from "./user_state.js";

export const MAX_IN_FLIGHT = 64;

/** One user's queue; it changes no write by itself. */
export class WriteQueue {
  readonly #writes: ReadonlyMap<number, PendingWrite>;
  /** Operation ids, each with its number in `#writes`. */
  readonly #inFlight = new Map<string, number>();

  /** `writes`: by number, in order; the state's own, looked at again at each call. */
  constructor(writes: ReadonlyMap<number, PendingWrite>) {
    this.#writes = writes;
  }

  /**
   * What may be sent now, in order; it is in flight from here on.
   *
   * One write per content at a time, so that the order holds even when one has to be repeated.
   */
  takeSendable(): PendingWrite[] {
    const taken: PendingWrite[] = [];
    const busy = new Set<string>();
    for (const write of this.#writes.values()) {
      if (this.#inFlight.size >= MAX_IN_FLIGHT) break;
      const { content_id, operation_id, number, answer } = write;
      if (answer !== undefined) continue;
      const mustWait = busy.has(content_id) || this.#inFlight.has(operation_id);
      busy.add(content_id);
      if (mustWait) continue;
      this.#inFlight.set(operation_id, number);
      taken.push(write);
    }
    return taken;
  }

  /** The write of this id, if it waits for its answer. */
  inFlight(operationId: string | number | undefined): PendingWrite | undefined {
    const number = typeof operationId === "string" ? this.#inFlight.get(operationId) : undefined;
    return number === undefined ? undefined : this.#writes.get(number);
  }

  /** Count a write as not in flight: it was answered, or may be sent again. */
  release(operationId: string): void {
    this.#inFlight.delete(operationId);
  }

  /** Count every write as not in flight: the connection ended. */
  releaseAll(): void {
    this.#inFlight.clear();
  }
}
