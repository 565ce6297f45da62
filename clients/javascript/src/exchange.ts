/** What is said about a list on one open connection, from `resumed` to its end. */

import type { SyncEvent } from "./events.js";
import { NEVER } from "./hlc.js";
import type { Message, ServerMessage } from "./messages.js";
import type { Output } from "./outputs.js";
import type { Timers } from "./timers.js";
import { asMessage, type PendingWrite } from "./user_state.js";
import type { Watchlist } from "./watchlist.js";

const STABLE_MS = 10_000;
const RETRY_MS = 1000;

/** A revision, or a piece of a list, is missing: only a new connection brings it. */
export class GapError extends Error {}

/** Brings a watchlist and the service's list together. */
export class Exchange {
  readonly #watchlist: Watchlist;
  readonly #put: (output: Output) => void;
  readonly #timers: Timers;
  #resumed: Message<"resumed"> | null = null;
  #isPaused = false;
  #isLive = false;
  #hasBegunList = false;
  #hasContinuedList = false;
  #reconnectAfterMs: number | null = null;

  /** `put`: where its outputs go. */
  constructor(watchlist: Watchlist, put: (output: Output) => void, timers: Timers) {
    this.#watchlist = watchlist;
    this.#put = put;
    this.#timers = timers;
    watchlist.queue.releaseAll();
  }

  /** Whether the list is up to date. */
  get isLive(): boolean {
    return this.#isLive;
  }

  /** Whether it has brought more of a list that an earlier connection began. */
  get hasContinuedList(): boolean {
    return this.#hasContinuedList;
  }

  /** How long the service asks to wait, once it has said that it is about to close; null: it has not. */
  get reconnectAfterMs(): number | null {
    return this.#reconnectAfterMs;
  }

  /** Act on one message. Throws a GapError: nothing of it was applied; the connection is of no use any more. */
  receive(message: ServerMessage): void {
    switch (message.type) {
      case "watchlist_update":
        this.#update(message);
        break;
      case "watchlist_snapshot":
        this.#replaceList(message);
        break;
      case "watchlist_snapshot_piece":
        this.#collect(message);
        break;
      case "resumed":
        this.#resume(message);
        break;
      case "ack":
        this.#acknowledge(message);
        break;
      case "error":
        this.#fail(message);
        break;
      case "goodbye":
        this.#reconnectAfterMs = message.reconnect_in_ms;
        break;
      case "progress_update": {
        const { content_id, position, duration } = message;
        this.#emit({ type: "progress", content_id, position, duration });
        break;
      }
      case "device_command": {
        const { command, target_device } = message;
        this.#emit({ type: "command", command, target_device: target_device ?? null });
      }
    }
  }

  /** Send the writes that may go now; they are in flight from here on. */
  sendWrites(): void {
    if (!this.#isLive || this.#isPaused) return;
    for (const write of this.#watchlist.queue.takeSendable()) this.#put({ type: "send", message: asMessage(write) });
  }

  /** Allow sending again what the service asked to be tried later. */
  endPause(): void {
    this.#isPaused = false;
  }

  #resume(resumed: Message<"resumed">): void {
    this.#resumed = resumed;
    if (resumed.recovered) {
      this.#watchlist.pieces.drop();
      this.#watchlist.adoptEpoch(resumed.epoch);
      this.#checkLive();
    } else {
      this.#watchlist.pieces.keepOnly(resumed.revision, resumed.epoch);
      this.#isLive = false;
    }
  }

  #collect(piece: Message<"watchlist_snapshot_piece">): void {
    const { pieces } = this.#watchlist;
    if (!pieces.collect(piece))
      throw new GapError(`a piece of the list at revision ${piece.revision} came without those before it`);
    if (piece.start) this.#hasBegunList = true;
    else if (!this.#hasBegunList) this.#hasContinuedList = true;
    const snapshot = pieces.snapshot();
    if (snapshot !== null) this.#replaceList(snapshot);
  }

  #replaceList(snapshot: Message<"watchlist_snapshot">): void {
    this.#watchlist.pieces.drop();
    this.#watchlist.applySnapshot(snapshot);
    this.#goLive(false);
  }

  #update(update: Message<"watchlist_update">): void {
    const { content_id, action, revision, timestamp = NEVER, device_id = null } = update;
    if (revision === undefined || revision <= this.#watchlist.revision) return;
    if (revision > this.#watchlist.revision + 1)
      throw new GapError(`revision ${revision} came after ${this.#watchlist.revision}`);
    this.#watchlist.applyUpdate({ content_id, action, revision, timestamp, device_id });
    this.#checkLive();
  }

  #checkLive(): void {
    if (this.#resumed?.recovered && this.#watchlist.revision >= this.#resumed.revision) this.#goLive(true);
  }

  #goLive(recovered: boolean): void {
    if (this.#isLive) return;
    this.#isLive = true;
    const reason = recovered ? null : (this.#resumed?.reason ?? null);
    this.#emit({ type: "resumed", recovered, reason });
    this.#timers.start("stable", STABLE_MS);
  }

  #acknowledge({ id, status, revision, timestamp }: Omit<Message<"ack">, "type">): void {
    const write = this.#watchlist.queue.inFlight(id);
    if (write === undefined) return;
    this.#watchlist.acknowledge(write, revision, timestamp);
    this.#emit({ type: "confirmed", ...nameOf(write), status, revision: revision ?? null });
  }

  #fail({ id, code, field, message = "", retry_after_ms }: Message<"error">): void {
    const write = this.#watchlist.queue.inFlight(id);
    if (write === undefined) return;
    if (code === "not_found") {
      // A remove of what is not there: that is what the user wants.
      this.#acknowledge({ id: write.operation_id, status: "not_found" });
      return;
    }
    this.#watchlist.queue.release(write.operation_id);
    if (code === "try_again_later") {
      this.#isPaused = true;
      this.#timers.start("retry", retry_after_ms ?? RETRY_MS);
    } else if (field === "timestamp" && !write.isUnstamped) {
      this.#watchlist.unstamp(write);
    } else if (hasNoRoomForTag(code, field) && write.tag !== undefined) {
      this.#watchlist.retag(write);
    } else {
      this.#watchlist.refuse(write);
      this.#emit({ type: "refused", ...nameOf(write), code, message });
    }
  }

  #emit(event: SyncEvent): void {
    this.#put({ type: "emit", event });
  }
}

function hasNoRoomForTag(code: string, field: string | undefined): boolean {
  return code === "quota_exceeded" && field === "tag";
}

/** What the app knows `write` by: the name of its call, where it has one. */
function nameOf({ operation_id, origin = operation_id, operation, content_id }: PendingWrite) {
  return { operation_id: origin, operation, content_id };
}
