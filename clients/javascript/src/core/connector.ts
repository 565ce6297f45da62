/** Keeps one user's collections connected: tokens, attempts, and what follows each end of one. */

import type { ServerMessage } from "../data/messages.js";
import type { UserCollections } from "../data/user_collections.js";
import { afterClose, afterRefusal, delayMs, type Then } from "./close_policy.js";
import { Exchange, GapError } from "./exchange.js";
import type { Output, Timer, Transport } from "./outputs.js";
import { Pauses } from "./pauses.js";
import { Silence } from "./silence.js";
import type { State } from "./state.js";
import { targetOf } from "./target.js";
import type { Timers } from "./timers.js";
import type { Token } from "./token.js";
import { type Fault, NO_ANSWER, stripped, Tokens } from "./tokens.js";
import { Transports } from "./transports.js";

/** How long to wait for more collections to be opened before the connection is replaced for all of them. */
const FOLLOW_MS = 50;

/** Keeps at most one connection, for one user. */
export class Connector {
  readonly #collections: UserCollections;
  readonly #put: (output: Output) => void;
  readonly #timers: Timers;
  readonly #nowMs: () => number;
  readonly #tokens: Tokens;
  readonly #transports: Transports;
  readonly #silence: Silence;
  readonly #pauses: Pauses;
  /** Stays `opening` while there is an exchange. */
  #state: Exclude<State, "resuming" | "live"> = "stopped";
  /** While the connection is open. */
  #exchange: Exchange | null = null;

  /** `put`: where its outputs go. */
  constructor(
    collections: UserCollections,
    put: (output: Output) => void,
    timers: Timers,
    { nowMs, random }: { readonly nowMs: () => number; readonly random: () => number },
  ) {
    this.#collections = collections;
    this.#put = put;
    this.#timers = timers;
    this.#nowMs = nowMs;
    this.#tokens = new Tokens(collections.userId, put, this.#timers, nowMs);
    this.#transports = new Transports(put, this.#timers, nowMs);
    this.#pauses = new Pauses(put, this.#timers, random);
    this.#silence = new Silence(put, this.#timers);
  }

  /** Where the client stands. */
  get state(): State {
    if (this.#exchange === null) return this.#state;
    return this.#exchange.isLive ? "live" : "resuming";
  }

  /** The transport of the attempt or connection under way. */
  get transport(): Transport | null {
    return this.#state === "opening" ? this.#transports.current : null;
  }

  // The app and its callback

  /** Connect now, if offline. */
  connect(): void {
    if (this.#state !== "stopped" && this.#state !== "waiting") return;
    this.#pauses.shorten();
    this.#transports.beginAgain();
    this.#timers.stop("reconnect");
    this.#askToOpen();
  }

  /** Stay offline until `connect`. */
  disconnect(): void {
    if (this.#state === "stopped") return;
    this.#hangUp();
    this.#stop(null, "the app went offline");
  }

  /** End for good. */
  signOut(): void {
    this.#hangUp();
    this.#leave("signed_out");
    this.#timers.stop("report");
  }

  /** Make sure of the connection: the network is back, the device woke or the user returned. */
  wake(): void {
    if (this.#state === "waiting") this.connect();
    else if (this.#state === "opening" && (this.#exchange === null || this.#isWebSocket)) {
      if (!this.#silence.isUrgent) this.#silence.hurry();
    } else if (this.#exchange !== null) this.#openInstead(this.#tokens.used);
  }

  /** Ask for the newly opened collections, too: once for all that are opened together. */
  follow(): void {
    if (this.#state === "opening") this.#timers.start("follow", FOLLOW_MS);
  }

  /** Send the writes that may go now. */
  sendWrites(): void {
    this.#exchange?.sendWrites();
  }

  /** Use the token that was asked for: to open a connection, or on the open one. */
  token(unstripped: Token): void {
    if (!this.#tokens.endQuestion()) return;
    const token = stripped(unstripped);
    const fault = this.#tokens.faultOf(token);
    if (fault !== null) this.#goWithout(fault);
    else if (this.#state === "token") this.#open(token);
    else if (token.value === this.#tokens.used.value) this.#tokens.use(token);
    else if (this.#isWebSocket) {
      this.#put({ type: "send", message: { type: "authenticate", token: token.value } });
      this.#tokens.use(token);
    } else this.#openInstead(token);
  }

  /** Go on without a token: the app's callback gave none. */
  noToken(fault: Fault): void {
    if (this.#tokens.endQuestion()) this.#goWithout(fault);
  }

  #goWithout({ reason, isLasting }: Fault): void {
    if (this.#state !== "token") this.#tokens.renewLater();
    else if (isLasting) this.#stop(null, reason);
    else this.#reconnect(null, reason);
  }

  // The connection

  /** Begin an exchange: the connection is open, or the next poll is being answered. */
  opened(): void {
    if (this.#exchange !== null) return;
    this.#exchange = new Exchange(this.#collections, this.#put, this.#timers, this.#nowMs);
    this.#silence.begin(this.#isWebSocket, !this.#isWebSocket);
    this.#put({ type: "emit", event: { type: "connected" } });
  }

  /** Decide what follows: the connection did not open, or a poll was refused; `problem`: the service's own words. */
  openFailed(status: number | undefined, retryAfterS: number, problem: string | undefined): void {
    const isOwn = problem !== undefined;
    const refusal = status === undefined ? "no connection" : `refused with status ${status}`;
    const reason = isOwn ? `${refusal}: ${problem}` : refusal;
    this.#ended(afterRefusal(this.#transports.current, status, isOwn), null, reason, delayMs(retryAfterS, isOwn));
  }

  /** Decide what follows: the connection ended. */
  closed(code: number): void {
    const reason = `closed with code ${code}`;
    const reconnectAfterMs = this.#exchange?.reconnectAfterMs ?? null;
    const then = afterClose(code);
    if (then === "reconnect" && reconnectAfterMs !== null) {
      this.#leave("waiting");
      this.#pauses.wait(reconnectAfterMs, code, reason);
    } else this.#ended(then, code, reason);
  }

  /** Note that bytes came. */
  heard(): void {
    this.#silence.heard();
  }

  /** Act on one message; null: one of a type that we do not know. */
  received(received: ServerMessage | null): void {
    this.#silence.heard();
    const { registers } = this.#collections;
    const exchange = this.#exchange;
    if (received === null || exchange === null) return;
    const message = registers === null ? received : registers.read(received);
    if (message === null) return;
    this.#transports.messageCame();
    const wasLive = exchange.isLive;
    try {
      exchange.receive(message);
    } catch (error) {
      if (!(error instanceof GapError)) throw error;
      this.#lost(error.message);
      return;
    }
    if (exchange.hasContinuedList) this.#pauses.shorten();
    if (exchange.isLive && !wasLive) this.#transports.timeProbe();
  }

  /** Poll again: the last answer ended as it should. */
  polled(): void {
    if (this.#exchange === null || this.#transports.current !== "polling") return;
    this.#silence.heard();
    this.#putOpen(this.#tokens.used);
  }

  /** Change over to a WebSocket, if the probe has found that one can be had. */
  probed(isThere: boolean): void {
    if (this.#transports.probed(isThere)) this.#openInstead(this.#tokens.used);
  }

  // Time

  /** Do what the timer was for; after a sleep, make sure of the connection as well. */
  due(timer: Timer): void {
    const hasSlept = this.#timers.ranOut(timer);
    if (timer === "silence" && !(hasSlept && this.#isUnasked)) this.#checkSilence();
    else {
      this.#doWhatIsDue(timer);
      if (hasSlept && this.#isUnasked) this.#silence.hurry();
    }
  }

  #doWhatIsDue(timer: Timer): void {
    switch (timer) {
      case "reconnect":
        this.#askToOpen();
        break;
      case "stable":
        this.#pauses.shorten();
        break;
      case "renew":
        if (this.#exchange !== null) this.#tokens.ask();
        break;
      case "retry":
        this.#exchange?.endPause();
        break;
      case "report":
        this.#collections.registers?.flush();
        break;
      case "token":
        if (this.#state === "token") this.#hangUp();
        this.noToken(NO_ANSWER);
        break;
      case "follow":
        this.#openInstead(this.#tokens.used);
        break;
      case "probe":
        if (this.#exchange !== null)
          this.#transports.probe(targetOf("websocket", this.#collections, false), this.#tokens.used.value);
    }
  }

  #checkSilence(): void {
    if (this.#exchange !== null && !this.#silence.check()) return;
    if (!this.#silence.isUrgent) {
      this.#lost("no answer", true);
      return;
    }
    this.#hangUp();
    this.#leave("waiting");
    this.#pauses.tell(null, 0, "no answer after waking up");
    this.#askToOpen();
  }

  // Attempts and their ends

  get #isWebSocket(): boolean {
    return this.#transports.current === "websocket";
  }

  /** Whether there is an open WebSocket that is not being asked for a sign of life already. */
  get #isUnasked(): boolean {
    return this.#exchange !== null && this.#isWebSocket && !this.#silence.isUrgent;
  }

  #askToOpen(): void {
    this.#state = "token";
    this.#tokens.ask();
  }

  #open(token: Token): void {
    this.#state = "opening";
    this.#tokens.use(token);
    this.#collections.ask();
    this.#transports.beginAttempt();
    this.#putOpen(token);
    this.#silence.begin(false, true);
  }

  #putOpen({ value }: Token): void {
    const transport = this.#transports.current;
    const target = targetOf(transport, this.#collections, this.state === "live");
    this.#put({ type: "open", transport, target, token: value });
  }

  /** Replace the connection at once: nothing is lost, and the app is not told of an end. */
  #openInstead(token: Token): void {
    this.#put({ type: "close" });
    this.#leave("opening");
    this.#open(token);
  }

  #ended(then: Then, code: number | null, reason: string, atLeastMs = 0): void {
    if (then === "reconnect_with_new_token") this.#tokens.spend();
    if (then === "stop") this.#stop(code, reason);
    else if (this.#transports.attemptEnded(then)) this.#openInstead(this.#tokens.used);
    else this.#reconnect(code, reason, atLeastMs);
  }

  #lost(reason: string, isSilence = false): void {
    if (this.#transports.attemptEnded("reconnect", isSilence)) this.#openInstead(this.#tokens.used);
    else {
      this.#hangUp();
      this.#reconnect(null, reason);
    }
  }

  #reconnect(code: number | null, reason: string, atLeastMs = 0): void {
    this.#leave("waiting");
    this.#pauses.backOff(code, reason, atLeastMs);
  }

  #stop(code: number | null, reason: string): void {
    this.#leave("stopped");
    this.#pauses.tell(code, null, reason);
  }

  #hangUp(): void {
    if (this.#state === "token" || this.#state === "opening") this.#put({ type: "close" });
  }

  #leave(state: Exclude<State, "resuming" | "live">): void {
    this.#state = state;
    this.#exchange = null;
    this.#collections.queue.releaseAll();
    this.#collections.registers?.endHints();
    this.#transports.endProbe();
    this.#tokens.endQuestion();
    this.#timers.stopAll();
  }
}
