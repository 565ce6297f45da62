/** What is said about a list on one open connection, from `resumed` to its end. */

import type { Output } from "./core_contract.js";
import type { Ledger } from "./ledger.js";
import type { Message, ServerMessage } from "./messages.js";
import { Outbox } from "./outbox.js";

const NO_STAMP = { physical: 0, logical: 0, node: "" };
const RETRY_MS = 1_000;
const STABLE_MS = 10_000;

export class Exchange {
  readonly #ledger: Ledger;
  readonly #put: (output: Output) => void;
  readonly #outbox = new Outbox();
  #resumed: Omit<Message<"resumed">, "type"> | null = null;
  #isLive = false;
  #isRetrying = false;
  #goodbyeMs: number | null = null;

  /** `put`: where its outputs go. */
  constructor(ledger: Ledger, put: (output: Output) => void) {
    this.#ledger = ledger;
    this.#put = put;
  }

  /** Whether the list is up to date. */
  get isLive(): boolean {
    return this.#isLive;
  }

  /** When the service, which takes its leave, wants to see this device again; null: it stays. */
  get goodbyeMs(): number | null {
    return this.#goodbyeMs;
  }

  /** Returns false where revisions are missing before this message: the connection is to be closed. */
  receive(message: ServerMessage): boolean {
    switch (message.type) {
      case "watchlist_update":
        return this.#update(message);
      case "watchlist_snapshot":
        this.#ledger.replace(message.revision, message.epoch, message.items);
        this.#becomeLive();
        break;
      case "resumed":
        this.#resume(message);
        break;
      case "ack": {
        const event = this.#outbox.acknowledge(this.#ledger, message);
        if (event !== null) this.#put({ type: "emit", event });
        break;
      }
      case "error":
        this.#fail(message);
        break;
      case "goodbye":
        this.#goodbyeMs = message.reconnect_in_ms;
        break;
      case "progress_update": {
        const { content_id, position, duration } = message;
        this.#put({ type: "emit", event: { type: "progress", content_id, position, duration } });
        break;
      }
      case "device_command": {
        const { command, target_device } = message;
        this.#put({
          type: "emit",
          event: { type: "command", command, target_device: target_device ?? null },
        });
      }
    }
    return true;
  }

  /** Send what may go now. */
  send(): void {
    if (!this.#isLive || this.#isRetrying) return;
    for (const message of this.#outbox.take(this.#ledger.state.queue.values())) this.#put({ type: "send", message });
  }

  /** The timer `retry` is due. */
  retry(): void {
    this.#isRetrying = false;
  }

  #resume(resumed: Message<"resumed">): void {
    this.#resumed = resumed;
    if (resumed.recovered) {
      this.#ledger.adoptEpoch(resumed.epoch);
      this.#becomeLiveIfComplete();
    } else {
      this.#isLive = false;
    }
  }

  #update(update: Message<"watchlist_update">): boolean {
    const { content_id, action, revision, timestamp = NO_STAMP, device_id } = update;
    if (revision === undefined) return true;
    const isNext = this.#ledger.apply({
      content_id,
      action,
      revision,
      timestamp,
      device_id: device_id ?? null,
    });
    if (isNext) this.#becomeLiveIfComplete();
    return isNext;
  }

  #becomeLiveIfComplete(): void {
    if (this.#resumed?.recovered && this.#ledger.state.head.revision >= this.#resumed.revision) this.#becomeLive();
  }

  #becomeLive(): void {
    if (this.#isLive) return;
    this.#isLive = true;
    const recovered = this.#resumed?.recovered ?? false;
    this.#put({ type: "emit", event: { type: "resumed", recovered, reason: this.#resumed?.reason ?? null } });
    this.#put({ type: "start_timer", name: "stable", ms: STABLE_MS });
  }

  #fail(error: Message<"error">): void {
    const outcome = this.#outbox.fail(this.#ledger, error);
    if (outcome === "retry") {
      this.#isRetrying = true;
      this.#put({ type: "start_timer", name: "retry", ms: error.retry_after_ms ?? RETRY_MS });
    } else if (outcome !== null) {
      this.#put({ type: "emit", event: outcome });
    }
  }
}
