/** The transport that every network should have: one WebSocket. */

import { type Carrier, type Line, readAnswer, request } from "./carrying.js";
import { type ClientMessage, decode, encode } from "./messages.js";
import type { WebSocketLike } from "./platform.js";

/** How long a refusal may take to be explained. */
const EXPLANATION_MS = 5000;
const PROBE_MS = 10_000;

/** Carries messages both ways. */
export class WebSocketTransport implements Carrier {
  readonly #line: Line;
  readonly #token: string;
  #socket: WebSocketLike | null = null;
  #isOpen = false;
  #hasFailed = false;

  constructor(line: Line, token: string) {
    this.#line = line;
    this.#token = token;
  }

  open(target: string): void {
    const line = this.#line;
    let socket: WebSocketLike;
    try {
      socket = line.newSocket(target, this.#token);
    } catch (error) {
      // Now or later, such an address or token can't be sent. What the error says has the token in it.
      const name = error instanceof Error ? error.name : "an error";
      line.putLast((core) => core.openFailed(400, 0, `no WebSocket can be made with this address and token: ${name}`));
      return;
    }
    this.#socket = socket;
    socket.onopen = () => {
      this.#isOpen = true;
      line.put((core) => core.opened());
    };
    socket.onmessage = (event: { readonly data: unknown }) => {
      const message = decode(event.data);
      line.put((core) => core.received(message));
    };
    socket.onclose = ({ code }: { readonly code: number }) => {
      if (this.#isOpen) line.putLast((core) => core.closed(code));
      else this.#fail(target);
    };
    // Node 20 tells of a failed opening by `error` alone.
    socket.onerror = () => {
      if (!this.#isOpen) this.#fail(target);
    };
  }

  send(message: ClientMessage): void {
    this.#socket?.send(encode(message));
  }

  drop(): void {
    this.#socket?.close(1000);
  }

  #fail(target: string): void {
    if (this.#hasFailed || this.#line.isClosed) return;
    this.#hasFailed = true;
    void explain(this.#line, target, this.#token);
  }
}

/** The services that are being asked: where a request cannot be ended, they would pile up. */
const asked = new Set<string>();

/** Tell the core that there was no upgrade, and why: engines do not say it, but the service answers `fetch`. */
async function explain(line: Line, target: string, token: string): Promise<void> {
  const giveUp = (): void => line.putLast((core) => core.openFailed());
  if (asked.has(line.address) || globalThis.navigator?.onLine === false) {
    giveUp();
    return;
  }
  asked.add(line.address);
  const timeout = setTimeout(giveUp, EXPLANATION_MS);
  const response = await request(line, target, token);
  const answer = response && (await readAnswer(response));
  clearTimeout(timeout);
  asked.delete(line.address);
  if (answer?.problem === undefined) giveUp();
  else line.putLast((core) => core.openFailed(answer.status, answer.retryAfterS, answer.problem));
}

/** Tell the core whether a WebSocket opens and lets a message through; returns what ends the attempt. */
export function probe(line: Line, target: string, token: string): () => void {
  let socket: WebSocketLike | null = null;
  let hasEnded = false;
  const drop = (): void => {
    hasEnded = true;
    clearTimeout(timeout);
    socket?.close(1000);
  };
  const end = (isThere: boolean): void => {
    if (hasEnded) return;
    drop();
    line.put((core) => core.probed(isThere));
  };
  const timeout = setTimeout(() => end(false), PROBE_MS);
  try {
    socket = line.newSocket(target, token);
    socket.onmessage = () => end(true);
    socket.onclose = () => end(false);
    socket.onerror = () => end(false);
  } catch {
    end(false);
  }
  return drop;
}
