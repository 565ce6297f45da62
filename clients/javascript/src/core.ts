/**
 * Every decision of a client, without I/O: inputs one at a time, and for each what is to be done.
 *
 * Its behaviour, word by word: clients/conformance/README.md. It knows no socket, no storage, no clock and no timers.
 * After `close` nothing of that connection or attempt may be put in any more; a token asked for it is such a thing too.
 */

import { Backoff } from "./backoff.js";
import { afterClose, afterRefusal, type Then } from "./close_policy.js";
import type { SyncEvent } from "./events.js";
import { Exchange, GapError } from "./exchange.js";
import { checkUserId } from "./ids.js";
import type { Action, ServerMessage } from "./messages.js";
import { type Output, TIMERS, type Timer } from "./outputs.js";
import { Silence } from "./silence.js";
import { targetOf } from "./target.js";
import type { Token } from "./token.js";
import type { UserState } from "./user_state.js";
import { Watchlist } from "./watchlist.js";

const SILENCE_MS = 20_000;
const RENEW_AHEAD_MS = 60_000;
const RENEW_PAUSE_MS = 30_000;

/**
 * `signed_out`: nobody's list; `stopped`: offline until the app connects; `waiting`: offline until a timer is due;
 * `token`: the app is asked for one; `opening`: the socket is on its way; `resuming`: what was missed has not come in
 * whole; `live`: up to date.
 */
export type State = "signed_out" | "stopped" | "waiting" | "token" | "opening" | "resuming" | "live";

/** What a core takes from outside. */
export interface CoreDeps {
  /** The wall clock, ms since 1970. */
  readonly nowMs: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** A name that nobody ever had: 64 random bits or more. */
  readonly newReplica: () => string;
}

/** One client: of one user at a time, with one connection at most. Each input returns what is to be done, in order. */
export class Core {
  readonly #deps: CoreDeps;
  readonly #spentTokens = new Set<string>();
  readonly #backoff = new Backoff();
  /** Stays `opening` while there is an exchange. */
  #state: Exclude<State, "resuming" | "live"> = "signed_out";
  #watchlist: Watchlist | null = null;
  readonly #outputs: Output[] = [];

  // Of the attempt or connection under way
  #token = "";
  #silence = new Silence();
  /** While the connection is open. */
  #exchange: Exchange | null = null;

  constructor(deps: CoreDeps) {
    this.#deps = deps;
  }

  /** Where the client stands. */
  get state(): State {
    if (this.#exchange === null) return this.#state;
    return this.#exchange.isLive ? "live" : "resuming";
  }

  /** Whose list is open; null: nobody's. */
  get userId(): string | null {
    return this.#watchlist?.userId ?? null;
  }

  /** What the signed-in user's list and queue are; to be looked at only. */
  get stored(): UserState | null {
    return this.#watchlist?.state ?? null;
  }

  // The app's calls

  /** Open a user's list and connect; throws as `checkUserId`. `stored`: what is kept of the user; becomes the core's own. */
  signIn(userId: string, stored: UserState | null): Output[] {
    checkUserId(userId);
    if (userId === this.userId) return this.connect();
    const before = this.signOut(false);
    this.#watchlist = new Watchlist(userId, stored, this.#deps.newReplica);
    this.#backoff.reset();
    this.#askToOpen();
    return [...before, ...this.#done()];
  }

  /** Close the user's list. `erase`: delete all that is stored of the user, unsent writes included. */
  signOut(erase: boolean): Output[] {
    if (this.#watchlist === null) return [];
    const { userId } = this.#watchlist;
    if (erase) this.#watchlist.erase();
    this.#hangUp();
    this.#end("signed_out");
    this.#emit({ type: "signed_out", user_id: userId, erased: erase });
    const outputs = this.#done();
    this.#watchlist = null;
    return outputs;
  }

  /** Connect now, if offline. */
  connect(): Output[] {
    if (this.#state === "stopped" || this.#state === "waiting") {
      this.#backoff.reset();
      this.#put({ type: "stop_timer", timer: "reconnect" });
      this.#askToOpen();
    }
    return this.#done();
  }

  /** Stay offline until `connect`. */
  disconnect(): Output[] {
    if (this.#state !== "signed_out" && this.#state !== "stopped") {
      this.#hangUp();
      this.#stop(null, "the app went offline");
    }
    return this.#done();
  }

  /**
   * Add or remove a content: shown at once, sent when that is possible. Throws an Error where nobody is signed in, a
   * TypeError where `contentId` is no UUID. `origin`: a name for this call; one whose write is in the queue changes
   * nothing.
   */
  enqueue(operation: Action, contentId: string, origin?: string): Output[] {
    if (this.#watchlist === null) throw new Error("Nobody is signed in.");
    this.#watchlist.enqueue(operation, contentId, this.#deps.nowMs(), origin);
    return this.#done();
  }

  // The app's callback

  /** Use the token that was asked for: to open a connection, or on the open one. */
  token(token: Token): Output[] {
    const watchlist = this.#watchlist;
    const isForeign = token.sub !== undefined && token.sub !== watchlist?.userId;
    if (watchlist !== null && this.#state === "token") {
      if (isForeign) this.#stop(null, "the token is another user's");
      else if (this.#spentTokens.has(token.value)) this.#stop(null, "the token was refused before");
      else this.#open(watchlist, token);
    } else if (isForeign) {
      return this.tokenFailed();
    } else {
      if (token.value !== this.#token)
        this.#put({ type: "send", message: { type: "authenticate", token: token.value } });
      this.#useToken(token);
    }
    return this.#done();
  }

  /** There is no token to be had now. */
  tokenFailed(): Output[] {
    if (this.#state === "token") this.#reconnect(null, "no token could be had");
    else this.#start("renew", RENEW_PAUSE_MS);
    return this.#done();
  }

  // The socket

  /** The socket is open. */
  opened(): Output[] {
    if (this.#watchlist !== null) this.#exchange = new Exchange(this.#watchlist, (output) => this.#put(output));
    this.#emit({ type: "connected" });
    return this.#done();
  }

  /** The socket did not open. `status`: with which the service refused, where it can be known. */
  openFailed(status?: number, retryAfterS = 0): Output[] {
    const reason = status === undefined ? "no connection" : `refused with status ${status}`;
    this.#ended(afterRefusal(status), null, reason, retryAfterS * 1000);
    return this.#done();
  }

  /** The connection ended. */
  closed(code: number): Output[] {
    const reason = `closed with code ${code}`;
    const reconnectAfterMs = this.#exchange?.reconnectAfterMs ?? null;
    const then = afterClose(code);
    if (then === "reconnect" && reconnectAfterMs !== null) this.#wait(reconnectAfterMs, code, reason);
    else this.#ended(then, code, reason);
    return this.#done();
  }

  /** One message came; null: one that we do not know. */
  received(message: ServerMessage | null): Output[] {
    this.#silence.heard();
    try {
      if (message !== null) this.#exchange?.receive(message);
      if (this.#exchange?.hasContinuedList) this.#backoff.reset();
    } catch (error) {
      if (!(error instanceof GapError)) throw error;
      this.#lost(error.message);
    }
    return this.#done();
  }

  // Time

  /** A timer ran out. */
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
        this.#exchange?.endPause();
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

  #open(watchlist: Watchlist, token: Token): void {
    this.#state = "opening";
    this.#useToken(token);
    this.#put({ type: "open", target: targetOf(watchlist), token: token.value });
    this.#silence = new Silence();
    this.#start("silence", SILENCE_MS);
  }

  #useToken({ value, exp }: Token): void {
    this.#token = value;
    if (exp !== undefined)
      this.#start("renew", Math.max(Math.floor(exp * 1000) - RENEW_AHEAD_MS - this.#deps.nowMs(), RENEW_PAUSE_MS));
  }

  #checkSilence(): void {
    const verdict = this.state === "opening" ? "lost" : this.#silence.check();
    if (verdict === "ask") this.#put({ type: "send", message: { type: "ping" } });
    if (verdict === "lost") this.#lost("no answer");
    else this.#start("silence", SILENCE_MS);
  }

  // Ends

  #ended(then: Then, code: number | null, reason: string, atLeastMs = 0): void {
    if (then === "reconnect_with_new_token") this.#spentTokens.add(this.#token);
    if (then === "stop") this.#stop(code, reason);
    else this.#reconnect(code, reason, atLeastMs);
  }

  #lost(reason: string): void {
    this.#hangUp();
    this.#reconnect(null, reason);
  }

  #reconnect(code: number | null, reason: string, atLeastMs = 0): void {
    this.#wait(Math.max(this.#backoff.nextMs(this.#deps.random()), atLeastMs), code, reason);
  }

  #wait(afterMs: number, code: number | null, reason: string): void {
    this.#end("waiting");
    this.#start("reconnect", afterMs);
    this.#emit({ type: "disconnected", code, retry_in_ms: afterMs, reason });
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
    for (const timer of TIMERS) this.#put({ type: "stop_timer", timer });
  }

  // Outputs

  #start(timer: Timer, afterMs: number): void {
    this.#put({ type: "start_timer", timer, afterMs });
  }

  #emit(event: SyncEvent): void {
    this.#put({ type: "emit", event });
  }

  #put(output: Output): void {
    this.#outputs.push(output);
  }

  /** End an input: what it changed is stored first, then what may be sent is, and `updated` comes last. */
  #done(): Output[] {
    const watchlist = this.#watchlist;
    const { changes, hasUpdated } = watchlist?.takeChanges() ?? { changes: [], hasUpdated: false };
    if (watchlist !== null && changes.length > 0)
      this.#outputs.unshift({ type: "save", userId: watchlist.userId, changes });
    this.#exchange?.sendWrites();
    if (hasUpdated) this.#emit({ type: "updated" });
    return this.#outputs.splice(0);
  }
}
