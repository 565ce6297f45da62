/** One attempt to be connected, and the connection it becomes: tokens from the app, a socket, text both ways. */

import type { Core } from "./core.js";
import { type ClientMessage, decode, encode } from "./messages.js";
import type { Output } from "./outputs.js";
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

  constructor(service: Service, put: (happened: Input) => void) {
    this.#service = service;
    this.#putAlways = put;
  }

  /** Whether it will report nothing more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Have the core told what the app's callback says. */
  askToken(): void {
    void this.#askToken();
  }

  /** Open the socket and have the core told all that comes, to the end. */
  open(target: string, token: string): void {
    let socket: WebSocketLike;
    try {
      socket = new this.#service.WebSocket(this.#service.address + target, ["syncd.v1", `bearer.${token}`]);
    } catch {
      this.#putLast((core) => core.openFailed(400)); // such an address or token can't be sent, now or later
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

  async #askToken(): Promise<void> {
    let happened: Input;
    try {
      const value = await this.#service.getToken();
      happened = (core) => (value ? core.token(readToken(value)) : core.tokenFailed());
    } catch {
      happened = (core) => core.tokenFailed();
    }
    this.#put(happened);
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
