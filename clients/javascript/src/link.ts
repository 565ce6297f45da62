/** One attempt to be connected, and the connection it becomes: tokens from the app, a socket, text both ways. */

import type { Core } from "./core.js";
import { type ClientMessage, decode, encode } from "./messages.js";
import type { Output, Transport } from "./outputs.js";
import type { WebSocketClass, WebSocketLike } from "./platform.js";
import { readToken } from "./token.js";

type MaybeToken = string | null | undefined;

/** Answers with a token that is good now; asked before every attempt to connect, and before the token ends. */
export type GetToken = () => MaybeToken | Promise<MaybeToken>;

/** One thing that happened: calls the core's method for it. */
export type Input = (core: Core) => Output[];

export interface Service {
  /** `ws:` or `wss:`, without the `/ws` at its end. */
  readonly address: string;
  readonly getToken: GetToken;
  readonly WebSocket: WebSocketClass;
}

/** Reports to the core through `put`, up to the end of the connection or until dropped. */
export class Link {
  readonly #service: Service;
  readonly #putAlways: (happened: Input) => void;
  #socket: WebSocketLike | null = null;
  #isClosed = false;
  /** How often the app's callback was asked. */
  #questions = 0;

  constructor(service: Service, put: (happened: Input) => void) {
    this.#service = service;
    this.#putAlways = put;
  }

  /** Whether it will report nothing more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Have the core told what the app's callback says; not any more what it says to an earlier question. */
  askToken(): void {
    this.#questions += 1;
    void this.#askToken(this.#questions);
  }

  /** Open `target` and have the core told all that comes, to the end. */
  open(transport: Transport, target: string, token: string): void {
    if (transport === "websocket") this.#openSocket(target, token);
    else queueMicrotask(() => this.#putLast((core) => core.openFailed()));
  }

  /** Have the core told whether a WebSocket can be had. */
  probe(_target: string, _token: string): void {
    queueMicrotask(() => this.#put((core) => core.probed(false)));
  }

  #openSocket(target: string, token: string): void {
    let socket: WebSocketLike;
    try {
      socket = new this.#service.WebSocket(this.#service.address + target, ["syncd.v1", `bearer.${token}`]);
    } catch (error) {
      // Now or later, such an address or token can't be sent. What the error says has the token in it.
      const name = error instanceof Error ? error.name : "an error";
      this.#putLast((core) => core.openFailed(400, 0, `no WebSocket can be made with this address and token: ${name}`));
      return;
    }
    this.#socket = socket;
    let wasOpen = false;
    socket.onopen = () => {
      wasOpen = true;
      this.#put((core) => core.opened());
    };
    socket.onmessage = (event: { readonly data: unknown }) => {
      const message = decode(event.data);
      this.#put((core) => core.received(message));
    };
    socket.onclose = ({ code }: { readonly code: number }) =>
      this.#putLast((core) => (wasOpen ? core.closed(code) : core.openFailed()));
    // Node 20 tells of a failed opening by `error` alone.
    socket.onerror = () => {
      if (!wasOpen) this.#putLast((core) => core.openFailed());
    };
  }

  send(message: ClientMessage): void {
    this.#socket?.send(encode(message));
  }

  /** Report nothing more and close, code 1000, at whatever stage. */
  drop(): void {
    this.#isClosed = true;
    this.#socket?.close(1000);
  }

  async #askToken(question: number): Promise<void> {
    let happened: Input;
    try {
      happened = answered(await this.#service.getToken());
    } catch (error) {
      const name = error instanceof Error ? error.name : typeof error;
      happened = (core) => core.tokenFailed(`getToken failed: ${name}`);
    }
    if (question === this.#questions) this.#put(happened);
  }

  #put(happened: Input): void {
    if (!this.#isClosed) this.#putAlways(happened);
  }

  #putLast(happened: Input): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#putAlways(happened);
  }
}

/** What the app's callback says with `value`, which may be anything. */
function answered(value: unknown): Input {
  if (value === null || value === undefined) return (core) => core.tokenFailed();
  if (typeof value === "string") return (core) => core.token(readToken(value));
  return (core) => core.tokenUnusable(`getToken must answer with a text, not ${typeof value}`);
}
