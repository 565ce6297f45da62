/** Records what a transport or link tells the core. */

import type { Core } from "../../src/core/core.js";
import { recognized } from "../../src/data/messages.js";
import type { WebSocketLike } from "../../src/platform/platform.js";
import type { Input, Line } from "../../src/transport/carrying.js";

/** What the core is told, as the method and what it is given. */
export type Told = readonly [string, ...unknown[]];

/** What `happened` tells the core. */
export function told(happened: Input): Told {
  let call: Told = [""];
  const core = new Proxy({} as Core, {
    get:
      (_, method) =>
      (...given: unknown[]) => {
        call = [String(method), ...given];
        return [];
      },
  });
  happened(core);
  return call;
}

/** A line that writes down what it is told. */
export class LineByHand implements Line {
  readonly address = "ws://service";
  readonly all: Told[] = [];
  readonly #abort = new AbortController();
  readonly signal: AbortSignal | null;
  readonly recognized = recognized;
  isClosed = false;
  readonly #newSocket: () => WebSocketLike;

  constructor(newSocket = noSocket, canAbort = true) {
    this.#newSocket = newSocket;
    this.signal = canAbort ? this.#abort.signal : null;
  }

  put(happened: Input): void {
    if (!this.isClosed) this.all.push(told(happened));
  }

  putLast(happened: Input): void {
    this.put(happened);
    this.close();
  }

  close(): void {
    this.isClosed = true;
    this.#abort.abort();
  }

  newSocket(): WebSocketLike {
    return this.#newSocket();
  }
}

function noSocket(): WebSocketLike {
  throw new Error("no WebSocket is wanted here");
}
