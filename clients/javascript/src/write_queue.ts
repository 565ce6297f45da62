/** How a user's queue is sent: what may go now, what is on its way, and what the answers mean. */

import type { SyncEvent } from "./core_contract.js";
import type { Ledger } from "./ledger.js";
import type { DeviceMessage, Message } from "./messages.js";
import type { Operation } from "./user_state.js";

const MAX_IN_FLIGHT = 64;

export class Outbox {
  /** By number. */
  readonly #inFlight = new Set<number>();

  /** Take what may go: in order, one per content, so that the order holds even when one has to be repeated. */
  take(queue: Iterable<Operation>): DeviceMessage[] {
    const messages: DeviceMessage[] = [];
    const busy = new Set<string>();
    for (const operation of queue) {
      if (this.#inFlight.size >= MAX_IN_FLIGHT) break;
      if (operation.answer !== undefined) continue;
      if (!busy.has(operation.content_id) && !this.#inFlight.has(operation.number)) {
        this.#inFlight.add(operation.number);
        messages.push(asMessage(operation));
      }
      busy.add(operation.content_id);
    }
    return messages;
  }

  acknowledge(ledger: Ledger, { id, status, revision, timestamp }: Omit<Message<"ack">, "type">): SyncEvent | null {
    const operation = ledger.unanswered(id);
    if (operation === undefined) return null;
    this.#inFlight.delete(operation.number);
    ledger.answer(operation, revision, timestamp);
    return { type: "confirmed", ...named(operation), status, revision: revision ?? null };
  }

  /** `retry`: nothing may be sent for a while. */
  fail(ledger: Ledger, { id, code, field, message }: Message<"error">): SyncEvent | "retry" | null {
    const operation = ledger.unanswered(id);
    if (operation === undefined) return null;
    // A remove of what is not there: the wish is fulfilled.
    if (code === "not_found") return this.acknowledge(ledger, { id: operation.operation_id, status: "not_found" });
    this.#inFlight.delete(operation.number);
    if (code === "try_again_later") return "retry";
    if (field === "timestamp" && !operation.isUnstamped) {
      ledger.unstamp(operation);
      return null;
    }
    ledger.refuse(operation);
    return { type: "refused", ...named(operation), code, message };
  }
}

type Name = Pick<Operation, "operation_id" | "operation" | "content_id">;

function named({ operation_id, operation, content_id }: Name): Name {
  return { operation_id, operation, content_id };
}

function asMessage(operation: Operation): DeviceMessage {
  const { operation_id, tag, observed, timestamp, isUnstamped } = operation;
  return {
    type: "watchlist_update",
    id: operation_id,
    ...named(operation),
    ...(tag !== undefined && { tag }),
    observed,
    ...(!isUnstamped && { timestamp }),
  };
}
