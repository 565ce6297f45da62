/** A service of one list, on the other end of a fake socket: in Node or in a page, with nothing between. */

import type { Action } from "../src/messages.js";
import type { WebSocketClass } from "../src/platform.js";

interface Asked {
  readonly type: string;
  readonly id: string;
  readonly operation: Action;
  readonly content_id: string;
}

export class FakeService {
  /** Give this to a client as its `WebSocket`. */
  readonly socketClass: WebSocketClass;
  /** What the client has written, once each. */
  readonly written = new Map<string, Asked>();
  /** Of contents that are refused. */
  readonly refused = new Set<string>();
  readonly #sockets = new Set<FakeSocket>();
  readonly #items = new Map<string, object>();
  #revision = 0;

  constructor() {
    const service = this;
    this.socketClass = class extends FakeSocket {
      constructor() {
        super((asked, socket) => service.#answer(asked, socket));
        service.#sockets.add(this);
        setTimeout(() => {
          this.onopen?.();
          service.#tellList(this);
        });
      }
    } as unknown as WebSocketClass;
  }

  /** Another device's changes, all in one turn. */
  change(operation: Action, contentIds: readonly string[]): void {
    for (const contentId of contentIds) this.#tellAll(operation, contentId);
  }

  #tellList(socket: FakeSocket): void {
    const list = { revision: this.#revision, epoch: "e" };
    socket.tell({ type: "resumed", recovered: false, ...list, reason: "new" });
    socket.tell({ type: "watchlist_snapshot", ...list, items: [...this.#items.values()].reverse() });
  }

  #answer({ id, operation, content_id }: Asked, socket: FakeSocket): void {
    if (id === undefined) return;
    this.written.set(id, { type: "watchlist_update", id, operation, content_id });
    if (this.refused.has(content_id)) {
      socket.tell({ type: "error", id, code: "quota_exceeded", field: "content_id", message: "full" });
      return;
    }
    this.#tellAll(operation, content_id);
    socket.tell({ type: "ack", id, status: operation === "add" ? "added" : "removed", revision: this.#revision });
  }

  #tellAll(action: Action, contentId: string): void {
    this.#revision += 1;
    const timestamp = { physical: 1_764_000_000_000 + this.#revision, logical: 0, node: "n" };
    this.#items.delete(contentId);
    if (action === "add") this.#items.set(contentId, { content_id: contentId, timestamp, device_id: "tv" });
    for (const socket of this.#sockets)
      socket.tell({
        type: "watchlist_update",
        content_id: contentId,
        action,
        revision: this.#revision,
        timestamp,
        device_id: "tv",
      });
  }
}

class FakeSocket {
  onopen?: () => void;
  onmessage?: (event: { data: string }) => void;
  onclose?: (event: { code: number }) => void;
  onerror?: () => void;
  readonly #onAsked: (asked: Asked, socket: FakeSocket) => void;
  #isClosed = false;

  constructor(onAsked: (asked: Asked, socket: FakeSocket) => void) {
    this.#onAsked = onAsked;
  }

  send(text: string): void {
    setTimeout(() => this.#onAsked(JSON.parse(text), this));
  }

  tell(message: object): void {
    if (!this.#isClosed) this.onmessage?.({ data: JSON.stringify(message) });
  }

  close(): void {
    this.#isClosed = true;
  }
}
