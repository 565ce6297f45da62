/** The transport that every network should have: one WebSocket. */

import { type ClientMessage, decode, encode } from "../data/messages.js";
import { loadRefusedUpgrade } from "../parts.js";
import type { WebSocketLike } from "../platform/platform.js";
import type { Answer, Carrier, Line } from "./carrying.js";

/** How long the service may take to explain a refusal. */
const EXPLANATION_MS = 5000;

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
      // Such an address or token can never be sent. Only the error's name is told: its message has the token in it.
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
      else void this.#fail(target);
    };
    // Node 20 reports a failed opening by `error` only, without `close`.
    socket.onerror = () => {
      if (!this.#isOpen) void this.#fail(target);
    };
  }

  send(message: ClientMessage): void {
    this.#socket?.send(encode(message));
  }

  drop(): void {
    this.#socket?.close(1000);
  }

  /** Tell the core that there was no upgrade, and why, if the service says so in time. */
  async #fail(target: string): Promise<void> {
    if (this.#hasFailed || this.#line.isClosed) return;
    this.#hasFailed = true;
    const giveUp = (): void => this.#line.putLast((core) => core.openFailed());
    const timeout = setTimeout(giveUp, EXPLANATION_MS);
    const answer = await this.#explanation(target);
    clearTimeout(timeout);
    if (answer === null) giveUp();
    else this.#line.putLast((core) => core.openFailed(answer.status, answer.retryAfterS, answer.problem));
  }

  /** The service's answer that explains the refusal; null: there is none. */
  async #explanation(target: string): Promise<Answer | null> {
    if (globalThis.navigator?.onLine === false) return null;
    try {
      const { explain } = await loadRefusedUpgrade();
      return await explain(this.#line, target, this.#token);
    } catch {
      return null; // the part did not come: the next refusal may be explained
    }
  }
}
