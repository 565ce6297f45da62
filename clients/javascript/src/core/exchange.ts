/** What is said on one open connection, to its end. */

import { areRegisters, contentIn, named, prefixIn, prefixOf } from "../data/keys.js";
import type { Message, Piece, Resumed, ServerMessage, Snapshot, Update } from "../data/messages.js";
import type { PendingWrite } from "../data/stored.js";
import type { UserCollections } from "../data/user_collections.js";
import { asMessage } from "../data/user_state.js";
import type { SyncEvent } from "./events.js";
import type { Output } from "./outputs.js";
import type { Timers } from "./timers.js";

const STABLE_MS = 10_000;
const RETRY_MS = 1000;

/** A revision, or a piece of a list, is missing: it takes a new connection to get it. */
export class GapError extends Error {}

/** How far one collection has been brought up to date on this connection. */
interface Line {
  readonly prefix: string;
  resumed: Resumed | null;
  isLive: boolean;
  hasBegunList: boolean;
}

/** Brings the collections that a connection asks for up to date, both ways. */
export class Exchange {
  readonly #collections: UserCollections;
  readonly #put: (output: Output) => void;
  readonly #timers: Timers;
  readonly #nowMs: () => number;
  /** By prefix. */
  readonly #lines = new Map<string, Line>();
  #isPaused = false;
  #hasContinuedList = false;
  #reconnectAfterMs: number | null = null;

  /** `put`: where its outputs go; `nowMs`: the wall clock. */
  constructor(collections: UserCollections, put: (output: Output) => void, timers: Timers, nowMs: () => number) {
    this.#collections = collections;
    this.#put = put;
    this.#timers = timers;
    this.#nowMs = nowMs;
    for (const prefix of collections.asked)
      this.#lines.set(prefix, { prefix, resumed: null, isLive: false, hasBegunList: false });
  }

  /** Whether all lists are up to date. */
  get isLive(): boolean {
    return Array.from(this.#lines.values()).every(({ isLive }) => isLive);
  }

  /** Whether this connection has brought more pieces of a list that an earlier one began. */
  get hasContinuedList(): boolean {
    return this.#hasContinuedList;
  }

  /** How long the service asks to wait, once it has said that it is about to close; null: it has not. */
  get reconnectAfterMs(): number | null {
    return this.#reconnectAfterMs;
  }

  /** Act on one message. If it throws a GapError, nothing was applied and the connection is of no more use. */
  receive(message: ServerMessage): void {
    const line = this.#lines.get(listOf(message));
    switch (message.type) {
      case "watchlist_update":
      case "list_update":
        if (line) this.#update(message, line);
        break;
      case "watchlist_snapshot":
      case "list_snapshot":
        if (line) this.#replaceList(message, line);
        break;
      case "watchlist_snapshot_piece":
      case "list_snapshot_piece":
        if (line) this.#collect(message, line);
        break;
      case "resumed":
        if (line) this.#resume(message, line);
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
        const { content_id, position, duration, revision } = message;
        if (revision === undefined) this.#emit({ type: "progress", content_id, position, duration });
        break;
      }
      case "device_command": {
        const {
          command,
          target_device = null,
          payload = null,
          from_device_id = null,
          position_seconds = null,
        } = message;
        this.#emit({ type: "command", command, target_device, payload, from_device_id, position_seconds });
      }
    }
  }

  /** Send the writes that may go now; they are in flight from here on. */
  sendWrites(): void {
    if (!this.isLive || this.#isPaused) return;
    const { queue, registers } = this.#collections;
    for (const write of queue.takeSendable((key) => this.#collections.isFollowed(prefixIn(key)))) {
      const form = areRegisters(prefixIn(write.content_id)) ? registers?.asMessage : asMessage;
      if (form) this.#put({ type: "send", message: form(write) });
    }
  }

  /** Allow sending again: the service had asked to be tried later. */
  endPause(): void {
    this.#isPaused = false;
  }

  #resume(resumed: Resumed, line: Line): void {
    line.resumed = resumed;
    if (resumed.recovered) {
      this.#collections.pieces(line.prefix).drop();
      this.#collections.adoptEpoch(line.prefix, resumed.epoch);
      this.#checkLive(line);
    } else {
      this.#collections.pieces(line.prefix).keepOnly(resumed.revision, resumed.epoch);
      line.isLive = false;
    }
  }

  #collect(piece: Piece, line: Line): void {
    const pieces = this.#collections.pieces(line.prefix);
    if (!pieces.collect(piece))
      throw new GapError(`a piece of the list at revision ${piece.revision} came without those before it`);
    if (piece.start) line.hasBegunList = true;
    else if (!line.hasBegunList) this.#hasContinuedList = true;
    const snapshot = pieces.snapshot();
    if (snapshot !== null) this.#replaceList(snapshot, line);
  }

  #replaceList(snapshot: Snapshot, line: Line): void {
    this.#collections.pieces(line.prefix).drop();
    this.#collections.applySnapshot(line.prefix, snapshot);
    this.#goLive(line, false);
  }

  #update(update: Update, line: Line): void {
    const { revision } = update;
    const before = this.#collections.head(line.prefix).revision;
    if (revision === undefined || revision <= before) return;
    // A replay of registers leaves out the revisions that a later update of the same key has replaced.
    const lastMissing = areRegisters(line.prefix) && line.resumed?.recovered ? line.resumed.revision : 0;
    if (revision > Math.max(before + 1, lastMissing)) throw new GapError(`revision ${revision} came after ${before}`);
    this.#collections.applyUpdate(line.prefix, update, revision);
    this.#checkLive(line);
  }

  #checkLive(line: Line): void {
    const { resumed, prefix } = line;
    if (resumed?.recovered && this.#collections.head(prefix).revision >= resumed.revision) this.#goLive(line, true);
  }

  #goLive(line: Line, recovered: boolean): void {
    if (line.isLive) return;
    line.isLive = true;
    const reason = recovered ? null : (line.resumed?.reason ?? null);
    this.#emit({ type: "resumed", recovered, reason, ...named(line.prefix) });
    if (this.isLive) this.#timers.start("stable", STABLE_MS);
  }

  #acknowledge({ id, status, revision, timestamp }: Omit<Message<"ack">, "type">): void {
    const write = this.#collections.queue.inFlight(id);
    if (write === undefined) return;
    this.#collections.acknowledge(write, revision, timestamp, status === "superseded");
    this.#emit({ type: "confirmed", ...nameOf(write), status, revision: revision ?? null });
  }

  #fail({ id, code, field, message = "", retry_after_ms }: Message<"error">): void {
    const write = this.#collections.queue.inFlight(id);
    if (write === undefined) return;
    if (code === "not_found" && write.operation !== "update") {
      // A remove: gone is what the user wants.
      this.#acknowledge({ id: write.operation_id, status: "not_found" });
      return;
    }
    const { queue } = this.#collections;
    const isAsSent = queue.isAsSent(write);
    queue.release(write.operation_id);
    if (code === "try_again_later") {
      this.#isPaused = true;
      this.#timers.start("retry", retry_after_ms ?? RETRY_MS);
    } else if (field === "timestamp" && !write.isUnstamped) {
      if (isAsSent) this.#collections.stampAgain(write, this.#nowMs()); // else it has another stamp by now
    } else if (hasNoRoomForTag(code, field) && write.tag !== undefined) {
      this.#collections.retag(write);
    } else {
      this.#collections.refuse(write);
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

/** The names by which the app knows `write`: for the operation that of its call, where it has one. */
function nameOf({ operation_id, origin = operation_id, operation, content_id }: PendingWrite) {
  const collection = named(prefixIn(content_id));
  const field = collection.collection === "devices" ? "device_id" : "content_id";
  return { operation_id: origin, operation, [field as "content_id"]: contentIn(content_id), ...collection };
}

/** The prefix of the collection that a message is about; the watchlist's, if it is about none. */
function listOf(message: ServerMessage): string {
  return prefixOf(message.type.startsWith("watchlist") ? undefined : (message as Partial<Resumed>).list);
}
