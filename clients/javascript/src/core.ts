/**
 * Every decision of a client, without I/O: inputs one at a time, and for each what is to be done.
 *
 * Its behaviour, word by word: clients/conformance/README.md. It knows no socket, no storage, no clock and no timers.
 */

import { Backoff } from "./backoff.js";
import type { Output, State, Surroundings, SyncEvent, Timer, Token } from "./core_contract.js";
import { Exchange } from "./exchange.js";
import { Ledger } from "./ledger.js";
import { type Action, LASTING_STATUS, type ServerMessage, TOKEN_ENDED, isLasting } from "./messages.js";
import { Silence } from "./silence.js";
import type { UserState } from "./user_state.js";

const RENEW_MS = { beforeEnd: 60_000, atLeast: 30_000 };
const SILENCE_MS = 20_000;
const TIMERS: readonly Timer[] = ["reconnect", "stable", "renew", "retry", "silence"];

export class Core {
  readonly #around: Surroundings;
  readonly #spentTokens = new Set<string>();
  readonly #backoff = new Backoff();
  /** Stays `opening` while there is an exchange. */
  #state: Exclude<State, "resuming" | "live"> = "signed_out";
  #ledger: Ledger | null = null;

  // Of the attempt or connection under way
  #token = "";
  #silence = new Silence();
  /** While the connection is open. */
  #exchange: Exchange | null = null;

  #outputs: Output[] = [];

  constructor(around: Surroundings) {
    this.#around = around;
  }

  get state(): State {
    if (this.#exchange === null) return this.#state;
    return this.#exchange.isLive ? "live" : "resuming";
  }

  get user(): string | null {
    return this.#ledger?.user ?? null;
  }

  /** What the signed-in user's list and queue are; to be looked at only. */
  get stored(): UserState | null {
    return this.#ledger?.state ?? null;
  }

  // The app's calls

  /** Show `user`'s list and connect. `stored`: what is kept of the user, null if nothing is; becomes the core's own. */
  signIn(user: string, stored: UserState | null): Output[] {
    if (user === this.user) return this.connect();
    const before = this.signOut(false);
    this.#ledger = new Ledger(user, stored, this.#around.newReplica);
    this.#backoff.reset();
    this.#askToOpen();
    return [...before, ...this.#done()];
  }

  /** `erase`: delete all that is stored of the user, unsent operations included. */
  signOut(erase: boolean): Output[] {
    if (this.#ledger === null) return [];
    const { user } = this.#ledger;
    if (erase) this.#ledger.erase();
    this.#hangUp();
    this.#end("signed_out");
    this.#emit({ type: "signed_out", user_id: user, erased: erase });
    const outputs = this.#done();
    this.#ledger = null;
    return outputs;
  }

  connect(): Output[] {
    if (this.#state === "stopped" || this.#state === "waiting") {
      this.#backoff.reset();
      this.#put({ type: "stop_timer", name: "reconnect" });
      this.#askToOpen();
    }
    return this.#done();
  }

  disconnect(): Output[] {
    if (this.#ledger !== null && this.#state !== "stopped") {
      this.#hangUp();
      this.#stop(null, "the app went offline");
    }
    return this.#done();
  }

  /**
   * Throws an Error where nobody is signed in, a TypeError where `contentId` is no UUID. `origin`: a name for this call;
   * one whose operation is in the queue changes nothing.
   */
  write(operation: Action, contentId: string, origin?: string): Output[] {
    if (this.#ledger === null) throw new Error("Nobody is signed in.");
    this.#ledger.write(operation, contentId, this.#around.now(), origin);
    return this.#done();
  }

  // The app's callback

  token(token: Token): Output[] {
    const ledger = this.#ledger;
    const isForeign = token.sub !== undefined && token.sub !== ledger?.user;
    if (ledger !== null && this.#state === "token") {
      if (isForeign) this.#stop(null, "the token is another user's");
      else if (this.#spentTokens.has(token.value)) this.#stop(null, "the token was refused before");
      else this.#open(ledger, token);
    } else if (isForeign) {
      this.#start("renew", RENEW_MS.atLeast);
    } else {
      const message = { type: "authenticate", token: token.value } as const;
      if (token.value !== this.#token) this.#put({ type: "send", message });
      this.#take(token);
    }
    return this.#done();
  }

  tokenFailed(): Output[] {
    if (this.#state === "token") this.#reconnect(null, "no token could be had");
    else this.#start("renew", RENEW_MS.atLeast);
    return this.#done();
  }

  // The socket

  opened(): Output[] {
    if (this.#ledger !== null) this.#exchange = new Exchange(this.#ledger, (output) => this.#outputs.push(output));
    this.#emit({ type: "connected" });
    return this.#done();
  }

  /** `status`: with which the service refused, where it can be known. */
  openFailed(status?: number, retryAfterS = 0): Output[] {
    const reason = status === undefined ? "no connection" : `refused with status ${status}`;
    if (status === 401) this.#spentTokens.add(this.#token);
    if (status !== undefined && LASTING_STATUS.has(status)) this.#stop(null, reason);
    else this.#reconnect(null, reason, retryAfterS * 1000);
    return this.#done();
  }

  closed(code: number): Output[] {
    const reason = `closed with code ${code}`;
    const goodbyeMs = this.#exchange?.goodbyeMs ?? null;
    if (code === TOKEN_ENDED) this.#spentTokens.add(this.#token);
    if (isLasting(code)) this.#stop(code, reason);
    else if (goodbyeMs !== null && code !== TOKEN_ENDED) this.#wait(goodbyeMs, code, reason);
    else this.#reconnect(code, reason);
    return this.#done();
  }

  received(message: ServerMessage): Output[] {
    this.#silence.heard();
    if (this.#exchange?.receive(message) === false) {
      this.#hangUp();
      this.#reconnect(null, "revisions were missing");
    }
    return this.#done();
  }

  // Time

  due(timer: Timer): Output[] {
    switch (timer) {
      case "reconnect":
        this.#askToOpen();
        break;
      case "stable":
        this.#backoff.reset();
        break;
      case "renew":
        if (this.#exchange !== null) this.#put({ type: "ask_token" });
        break;
      case "retry":
        this.#exchange?.retry();
        break;
      case "silence":
        this.#checkSilence();
    }
    return this.#done();
  }

  // Connecting

  #askToOpen(): void {
    this.#state = "token";
    this.#put({ type: "ask_token" });
  }

  #open(ledger: Ledger, token: Token): void {
    const { revision, epoch } = ledger.state.head;
    this.#state = "opening";
    this.#take(token);
    const url = `/ws?since=${revision}${epoch === null ? "" : `&epoch=${encodeURIComponent(epoch)}`}`;
    this.#put({ type: "open", url, token: token.value });
    this.#silence = new Silence();
    this.#start("silence", SILENCE_MS);
  }

  #take({ value, exp }: Token): void {
    this.#token = value;
    if (exp !== undefined)
      this.#start("renew", Math.max(exp * 1000 - RENEW_MS.beforeEnd - this.#around.now(), RENEW_MS.atLeast));
  }

  #checkSilence(): void {
    const verdict = this.state === "opening" ? "lost" : this.#silence.check();
    if (verdict === "lost") {
      this.#hangUp();
      this.#reconnect(null, "no answer");
      return;
    }
    if (verdict === "ask") this.#put({ type: "send", message: { type: "ping" } });
    this.#start("silence", SILENCE_MS);
  }

  // Ends

  #reconnect(code: number | null, reason: string, atLeastMs = 0): void {
    this.#wait(Math.max(this.#backoff.next(this.#around.random()), atLeastMs), code, reason);
  }

  #wait(ms: number, code: number | null, reason: string): void {
    this.#end("waiting");
    this.#start("reconnect", ms);
    this.#emit({ type: "disconnected", code, retry_in_ms: ms, reason });
  }

  #stop(code: number | null, reason: string): void {
    this.#end("stopped");
    this.#emit({ type: "disconnected", code, retry_in_ms: null, reason });
  }

  #hangUp(): void {
    if (this.#state === "token" || this.#state === "opening") this.#put({ type: "close" });
  }

  #end(state: "waiting" | "stopped" | "signed_out"): void {
    this.#state = state;
    this.#exchange = null;
    for (const name of TIMERS) this.#put({ type: "stop_timer", name });
  }

  // Outputs

  #start(name: Timer, ms: number): void {
    this.#put({ type: "start_timer", name, ms });
  }

  #emit(event: SyncEvent): void {
    this.#put({ type: "emit", event });
  }

  #put(output: Output): void {
    this.#outputs.push(output);
  }

  /** End an input: first of all what it changed is stored, then what may be sent is, and `updated` comes last. */
  #done(): Output[] {
    const ledger = this.#ledger;
    const { changes, hasUpdated } = ledger?.takeChanges() ?? { changes: [], hasUpdated: false };
    if (ledger !== null && changes.length > 0) this.#outputs.unshift({ type: "save", user: ledger.user, changes });
    this.#exchange?.send();
    if (hasUpdated) this.#emit({ type: "updated" });
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }
}
