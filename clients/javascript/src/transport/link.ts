/** One attempt to be connected, and the connection it becomes: tokens from the app, a transport, messages both ways. */

import type { Transport } from "../core/outputs.js";
import { readToken } from "../core/token.js";
import { type ClientMessage, recognized } from "../data/messages.js";
import { loadRefusedUpgrade } from "../parts.js";
import type { WebSocketLike } from "../platform/platform.js";
import type { Carrier, Input, Line } from "./carrying.js";
import type { Service } from "./service.js";
import { WebSocketTransport } from "./websocket_transport.js";

/** Reports to the core through `put`, up to the end of the connection or until dropped. */
export class Link implements Line {
  readonly signal: AbortSignal | null;
  readonly #service: Service;
  readonly #putAlways: (happened: Input) => void;
  readonly #abort = typeof AbortController === "undefined" ? null : new AbortController();
  #carrier: Carrier | null = null;
  #endProbe: (() => void) | null = null;
  #isClosed = false;
  /** How often the app's callback was asked: only the last answer counts. */
  #questions = 0;

  constructor(service: Service, put: (happened: Input) => void) {
    this.#service = service;
    this.#putAlways = put;
    this.signal = this.#abort?.signal ?? null;
  }

  get address(): string {
    return this.#service.address;
  }

  /** Whether it reports nothing more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Tell the core what the app's callback answers; an answer to an earlier question is dropped. */
  askToken(): void {
    this.#questions += 1;
    void this.#askToken(this.#questions);
  }

  /** Open `target` and tell the core all that comes, to the end. */
  open(transport: Transport, target: string, token: string): void {
    if (transport === "websocket") this.#carrier = new WebSocketTransport(this, token);
    if (this.#carrier === null) void this.#openWithoutUpgrade(target, token, transport === "polling");
    else this.#carrier.open(target);
  }

  async #openWithoutUpgrade(target: string, token: string, isPolling: boolean): Promise<void> {
    try {
      const { HttpTransport } = await loadRefusedUpgrade();
      if (this.#isClosed) return;
      this.#carrier = new HttpTransport(this, token, isPolling);
      this.#carrier.open(target);
    } catch {
      this.putLast((core) => core.openFailed()); // the part did not come: the next attempt asks for it again
    }
  }

  /** Tell the core whether a WebSocket can be had. */
  async probe(target: string, token: string): Promise<void> {
    const { probe } = await loadRefusedUpgrade(); // loaded already: the transport under way is of the same part
    if (!this.#isClosed) this.#endProbe = probe(this, target, token);
  }

  send(message: ClientMessage): void {
    this.#carrier?.send(message);
  }

  /** Report nothing more and close with code 1000, at any stage. */
  drop(): void {
    this.#isClosed = true;
    this.#abort?.abort();
    this.#carrier?.drop();
    this.#endProbe?.();
  }

  // What the transport reports to

  readonly recognized = recognized;

  put(happened: Input): void {
    if (!this.#isClosed) this.#putAlways(happened);
  }

  putLast(happened: Input): void {
    if (this.#isClosed) return;
    this.drop();
    this.#putAlways(happened);
  }

  newSocket(target: string, token: string): WebSocketLike {
    return new this.#service.WebSocket(this.address + target, ["syncd.v1", `bearer.${token}`]);
  }

  async #askToken(question: number): Promise<void> {
    let happened: Input;
    try {
      happened = answered(await this.#service.getToken());
    } catch (error) {
      const name = error instanceof Error ? error.name : typeof error;
      happened = (core) => core.tokenFailed(`getToken failed: ${name}`);
    }
    if (question === this.#questions) this.put(happened);
  }
}

/** What it means that the app's callback answered `value`, which may be anything. */
function answered(value: unknown): Input {
  if (value === null || value === undefined) return (core) => core.tokenFailed();
  if (typeof value === "string") return (core) => core.token(readToken(value));
  return (core) => core.tokenUnusable(`getToken must answer with a text, not ${kindOf(value)}`);
}

/** "Response", "Uint8Array", "Number" … */
function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}
