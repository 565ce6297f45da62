/** A service of one user's lists and registers, at the other end of a fake socket, in Node or in a page: no network between. */

import type { Action, WriteAction } from "../src/data/messages.js";
import type { WebSocketClass } from "../src/platform/platform.js";

interface Asked {
  readonly type: string;
  readonly list?: string;
  readonly id: string;
  readonly operation: WriteAction;
  readonly content_id: string;
  readonly [field: string]: unknown;
}

type Registers = "progress" | "devices";

export class FakeService {
  /** Give this to a client as its `WebSocket`. */
  readonly socketClass: WebSocketClass;
  /** What the client has written, once each. */
  readonly written = new Map<string, Asked>();
  /** The contents that are refused. */
  readonly refused = new Set<string>();
  /** The lists that a client is told of when it connects. */
  readonly catalogue: { readonly list: string; readonly name: string }[] = [];
  readonly #sockets = new Set<FakeSocket>();
  /** The lists by name; the watchlist has none. */
  readonly #lists = new Map<string | undefined, FakeList>();
  /** The last update of each key, in order. */
  readonly #registers: Readonly<Record<Registers, Map<unknown, Revised>>> = { progress: new Map(), devices: new Map() };

  constructor() {
    const service = this;
    this.socketClass = class extends FakeSocket {
      constructor(url: string) {
        super((asked, socket) => service.#answer(asked, socket));
        service.#sockets.add(this);
        setTimeout(() => {
          this.onopen?.();
          for (const since of new URL(url).searchParams.getAll("since")) service.#resume(this, since.split(":"));
        });
      }
    } as unknown as WebSocketClass;
  }

  /** How many sockets are not closed. */
  get connections(): number {
    return Array.from(this.#sockets).filter(({ isClosed }) => !isClosed).length;
  }

  /** Another device's changes, all in one turn. */
  change(operation: Action, contentIds: readonly string[]): void {
    for (const contentId of contentIds) this.#tellAll(operation, contentId);
  }

  /** What another device says of a register: the fields of its message. */
  update(collection: Registers, fields: Readonly<Record<string, unknown>>): number {
    const updates = this.#registers[collection];
    const [type, key] = collection === "devices" ? ["device_update", "device_id"] : ["progress_update", "content_id"];
    const revision = lastOf(updates) + 1;
    const timestamp = { physical: 1_764_000_000_000 + revision, logical: 0, node: "n" };
    const update = { type, action: "update", timestamp, ...fields, revision };
    updates.delete(fields[key]);
    updates.set(fields[key], update);
    this.tell(update);
    return revision;
  }

  tell(message: object): void {
    for (const socket of this.#sockets) socket.tell(message);
  }

  #resume(socket: FakeSocket, [kind, at]: readonly string[]): void {
    if (kind === "lists") {
      socket.tell({ type: "resumed", recovered: true, revision: 0, epoch: "e", collection: kind });
      socket.tell({ type: "lists", lists: this.catalogue });
      return;
    }
    if (kind !== "progress" && kind !== "devices") {
      this.#tellList(socket, kind === "list" ? at : undefined);
      return;
    }
    const updates = this.#registers[kind];
    socket.tell({ type: "resumed", recovered: true, revision: lastOf(updates), epoch: "e", collection: kind });
    for (const update of updates.values()) if (update.revision > Number(at)) socket.tell(update);
  }

  #listOf(name: string | undefined): FakeList {
    const list = this.#lists.get(name) ?? { revision: 0, items: new Map() };
    this.#lists.set(name, list);
    return list;
  }

  #tellList(socket: FakeSocket, list: string | undefined): void {
    const { revision, items } = this.#listOf(list);
    const place = { revision, epoch: "e", ...(list !== undefined && { list }) };
    socket.tell({ type: "resumed", recovered: false, ...place, reason: "new" });
    socket.tell({ type: `${kindOf(list)}_snapshot`, ...place, items: [...items.values()].reverse() });
  }

  #answerOfRegister({ type, id, operation, ...said }: Asked, socket: FakeSocket): void {
    const { position_seconds: position = 0, duration_seconds: duration = 0 } = said;
    const fields = type === "device_update" ? said : { position, duration, device_id: "phone", ...said };
    const revision = this.update(type === "device_update" ? "devices" : "progress", { ...fields, action: operation });
    socket.tell({ type: "ack", id, status: operation === "remove" ? "removed" : "updated", revision });
  }

  #answer(asked: Asked, socket: FakeSocket): void {
    const { type, id, content_id, list } = asked;
    if (id === undefined) return;
    if (type === "progress_update" || type === "device_update") {
      this.written.set(id, asked);
      if (this.refused.has(content_id)) {
        socket.tell({ type: "error", id, code: "invalid_field", field: "position_seconds", message: "no number" });
        return;
      }
      this.#answerOfRegister(asked, socket);
      return;
    }
    const operation = asked.operation as Action;
    this.written.set(id, { type: "watchlist_update", id, operation, content_id });
    if (this.refused.has(content_id)) {
      socket.tell({ type: "error", id, code: "quota_exceeded", field: "content_id", message: "full" });
      return;
    }
    this.#tellAll(operation, content_id, list);
    const { revision } = this.#listOf(list);
    socket.tell({ type: "ack", id, status: operation === "add" ? "added" : "removed", revision });
  }

  #tellAll(action: Action, contentId: string, name?: string): void {
    const list = this.#listOf(name);
    list.revision += 1;
    const timestamp = { physical: 1_764_000_000_000 + list.revision, logical: 0, node: "n" };
    list.items.delete(contentId);
    if (action === "add") list.items.set(contentId, { content_id: contentId, timestamp, device_id: "tv" });
    for (const socket of this.#sockets)
      socket.tell({
        type: `${kindOf(name)}_update`,
        ...(name !== undefined && { list: name }),
        content_id: contentId,
        action,
        revision: list.revision,
        timestamp,
        device_id: "tv",
      });
  }
}

interface Revised {
  readonly revision: number;
}

function lastOf(updates: ReadonlyMap<unknown, Revised>): number {
  return Math.max(0, ...Array.from(updates.values(), ({ revision }) => revision));
}

interface FakeList {
  revision: number;
  readonly items: Map<string, object>;
}

function kindOf(list: string | undefined): string {
  return list === undefined ? "watchlist" : "list";
}

class FakeSocket {
  onopen?: () => void;
  onmessage?: (event: { data: string }) => void;
  onclose?: (event: { code: number }) => void;
  onerror?: () => void;
  readonly #onAsked: (asked: Asked, socket: FakeSocket) => void;
  isClosed = false;

  constructor(onAsked: (asked: Asked, socket: FakeSocket) => void) {
    this.#onAsked = onAsked;
  }

  send(text: string): void {
    setTimeout(() => this.#onAsked(JSON.parse(text), this));
  }

  tell(message: object): void {
    if (!this.isClosed) this.onmessage?.({ data: JSON.stringify(message) });
  }

  close(): void {
    this.isClosed = true;
  }
}
