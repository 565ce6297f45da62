/** The shell around a core: its socket, its timers, its storage, and the app's callback. */

import { Core } from "./core.js";
import type { Output, State, SyncEvent, Timer } from "./core_contract.js";
import type { Action, ServerMessage } from "./messages.js";
import type { Store } from "./store.js";
import { readToken } from "./token.js";
import type { Change, UserState } from "./user_state.js";

type MaybeToken = string | null | undefined;

/** Answers with a token that is good now; asked before every attempt to connect, and before the token ends. */
export type GetToken = () => MaybeToken | Promise<MaybeToken>;

export interface Service {
  /** `ws:` or `wss:`, without the `/ws` at its end. */
  readonly address: string;
  readonly getToken: GetToken;
  readonly WebSocket: typeof WebSocket;
}

/** What an app, in whichever tab, can ask of the tab that leads. */
export type Call =
  | { readonly type: "hello" | "connect" | "disconnect" }
  | { readonly type: "sign_out"; readonly erase: boolean }
  | { readonly type: "write"; readonly operation: Action; readonly content_id: string };

/** What has become durable, and may be told: `changes`, then `events`; `done`: the names of the calls that led to it. */
export interface Batch {
  readonly changes: readonly Change[];
  readonly events: readonly SyncEvent[];
  readonly done: readonly string[];
}

/** One try to connect and the connection it became. */
interface Attempt {
  socket: WebSocket | null;
}

/** What waits for the storage: an output of the core and the attempt it belongs to, or that a call is done. */
type Waiting = { readonly output: Output; readonly attempt: Attempt | null } | { readonly done: string };

const MAX_TIMER_MS = 2 ** 31 - 1; // beyond, browsers and Node fire at once

/** Serves one user. */
export class Engine {
  readonly #service: Service;
  readonly #store: Store;
  readonly #onBatch: (batch: Batch) => void;
  readonly #onStoreFailed: (error: unknown) => void;
  readonly #core = new Core({ now: Date.now, random: Math.random, newReplica: randomName });
  readonly #timers = new Map<Timer, ReturnType<typeof setTimeout>>();
  #attempt: Attempt | null = null;
  #waiting: Waiting[] = [];
  #isPumping = false;
  #isRetired = false;

  constructor(
    service: Service,
    store: Store,
    onBatch: (batch: Batch) => void,
    onStoreFailed: (error: unknown) => void,
  ) {
    this.#service = service;
    this.#store = store;
    this.#onBatch = onBatch;
    this.#onStoreFailed = onStoreFailed;
  }

  get state(): State {
    return this.#core.state;
  }

  get stored(): UserState | null {
    return this.#core.stored;
  }

  signIn(user: string, stored: UserState | null): void {
    this.#perform(this.#core.signIn(user, stored));
  }

  /**
   * Do what `call` asks for. Its effect on the list is there at once; `name` is told as done when it is durable. A write
   * of a name that is in the queue is not done again.
   */
  call(call: Call, name: string): void {
    this.#perform(this.#outputsOf(call, name), name);
  }

  /** Stop at once and for ever, without a word to anybody but the service: so after `onStoreFailed`, too. */
  retire(): void {
    this.#isRetired = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#hangUp();
  }

  #outputsOf(call: Call, name: string): Output[] {
    switch (call.type) {
      case "hello":
        return this.#core.state === "waiting" ? this.#core.connect() : [];
      case "connect":
        return this.#core.connect();
      case "disconnect":
        return this.#core.disconnect();
      case "sign_out":
        return this.#core.signOut(call.erase);
      case "write":
        return this.#core.write(call.operation, call.content_id, name);
    }
  }

  /** Timers and hanging up need not wait for the storage, and must not: nothing of the attempt may come in any more. */
  #perform(outputs: readonly Output[], done?: string): void {
    if (this.#isRetired) return;
    for (const output of outputs) {
      switch (output.type) {
        case "start_timer":
          this.#startTimer(output.name, output.ms);
          break;
        case "stop_timer":
          clearTimeout(this.#timers.get(output.name));
          break;
        case "close":
          this.#hangUp();
          break;
        default:
          if (output.type === "ask_token") this.#attempt ??= { socket: null };
          this.#waiting.push({ output, attempt: this.#attempt });
      }
    }
    if (done !== undefined) this.#waiting.push({ done });
    void this.#pump();
  }

  /** All that waits is stored in one go, then carried out in order: a burst shares transactions. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#waiting.length > 0 && !this.#isRetired) {
      const waiting = this.#waiting;
      this.#waiting = [];
      const saves = waiting.flatMap((each) => ("output" in each && each.output.type === "save" ? [each.output] : []));
      const changes = saves.flatMap((save) => save.changes);
      if (saves[0] !== undefined) {
        try {
          await this.#store.save(saves[0].user, changes);
        } catch (error) {
          this.#onStoreFailed(error);
          return;
        }
        if (this.#isRetired) return;
      }
      const events: SyncEvent[] = [];
      const done: string[] = [];
      for (const each of waiting) {
        if ("done" in each) done.push(each.done);
        else if (each.output.type === "emit") events.push(each.output.event);
        else if (each.attempt === this.#attempt && this.#attempt !== null) this.#act(each.output, this.#attempt);
      }
      this.#onBatch({ changes, events, done });
    }
    this.#isPumping = false;
  }

  #act(output: Output, attempt: Attempt): void {
    if (output.type === "ask_token") void this.#askToken(attempt);
    else if (output.type === "open") this.#open(output.url, output.token, attempt);
    else if (output.type === "send") attempt.socket?.send(JSON.stringify(output.message));
  }

  async #askToken(attempt: Attempt): Promise<void> {
    let outputs: () => Output[];
    try {
      const value = await this.#service.getToken();
      outputs = () => (value ? this.#core.token(readToken(value)) : this.#core.tokenFailed());
    } catch {
      outputs = () => this.#core.tokenFailed();
    }
    if (attempt === this.#attempt) this.#perform(outputs());
  }

  #open(url: string, token: string, attempt: Attempt): void {
    let socket: WebSocket;
    try {
      socket = new this.#service.WebSocket(this.#service.address + url, ["syncd.v1", `bearer.${token}`]);
    } catch {
      this.#attempt = null;
      this.#perform(this.#core.openFailed(400)); // such an address or token can't be sent, now or later
      return;
    }
    attempt.socket = socket;
    let wasOpen = false;
    const ifCurrent = (outputs: () => Output[]): void => {
      if (attempt === this.#attempt) this.#perform(outputs());
    };
    const ifEnded = (outputs: () => Output[]): void =>
      ifCurrent(() => {
        this.#attempt = null;
        return outputs();
      });
    socket.onopen = () => {
      wasOpen = true;
      ifCurrent(() => this.#core.opened());
    };
    socket.onmessage = (event: MessageEvent<unknown>) => {
      const message = parse(event.data);
      if (message !== null) ifCurrent(() => this.#core.received(message));
    };
    socket.onclose = (event) => ifEnded(() => (wasOpen ? this.#core.closed(event.code) : this.#core.openFailed()));
    // Node 20 tells of a failed opening by `error` alone.
    socket.onerror = () => {
      if (!wasOpen) ifEnded(() => this.#core.openFailed());
    };
  }

  #hangUp(): void {
    this.#attempt?.socket?.close(1000);
    this.#attempt = null;
  }

  #startTimer(name: Timer, ms: number): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.set(
      name,
      setTimeout(() => this.#perform(this.#core.due(name)), Math.min(ms, MAX_TIMER_MS)),
    );
  }
}

/** A name that nobody else draws: 96 random bits. (`crypto.randomUUID` is missing on pages without TLS.) */
export function randomName(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function parse(data: unknown): ServerMessage | null {
  try {
    const message: unknown = JSON.parse(String(data));
    return typeof message === "object" && message !== null && "type" in message ? (message as ServerMessage) : null;
  } catch {
    return null;
  }
}
