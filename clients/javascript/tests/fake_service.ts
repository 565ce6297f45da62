/** A service of one user's lists, on the other end of a fake socket: in Node or in a page, with nothing between. */

import type { Action } from "../src/messages.js";
import type { WebSocketClass } from "../src/platform.js";

interface Asked {
  readonly type: string;
  readonly list?: string;
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
  /** By name; the watchlist has none. */
  readonly #lists = new Map<string | undefined, FakeList>();

  constructor() {
    const service = this;
    this.socketClass = class extends FakeSocket {
      constructor(url: string) {
        super((asked, socket) => service.#answer(asked, socket));
        service.#sockets.add(this);
        setTimeout(() => {
          this.onopen?.();
          for (const since of new URL(url).searchParams.getAll("since"))
            service.#tellList(this, since.startsWith("list:") ? since.split(":")[1] : undefined);
        });
      }
    } as unknown as WebSocketClass;
  }

  /** Another device's changes, all in one turn. */
  change(operation: Action, contentIds: readonly string[]): void {
    for (const contentId of contentIds) this.#tellAll(operation, contentId);
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

  #answer({ id, operation, content_id, list }: Asked, socket: FakeSocket): void {
    if (id === undefined) return;
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
