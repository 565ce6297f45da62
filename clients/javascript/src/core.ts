/**
 * Every decision of a client, without I/O: inputs one at a time, and for each what is to be done.
 *
 * Its behaviour, word by word: clients/conformance/README.md. It knows no socket, no storage, no clock and no timers.
 * After `close` nothing of that connection or attempt may be put in any more; a token asked for it, or a probe beside
 * it, is such a thing too.
 */

import type { Carried } from "./carried.js";
import { Collections } from "./collections.js";
import { Connector } from "./connector.js";
import { checkListName, checkUserId } from "./ids.js";
import { prefixIn, prefixOf } from "./keys.js";
import type { Action, ServerMessage } from "./messages.js";
import type { Output, Timer, Transport } from "./outputs.js";
import type { State } from "./state.js";
import type { Token } from "./token.js";
import type { UserState } from "./user_state.js";

/** What a core takes from outside. */
export interface CoreDeps {
  /** The wall clock, ms since 1970. */
  readonly nowMs: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** A name that nobody ever had: 64 random bits or more. */
  readonly newReplica: () => string;
}

/** A user's lists, and what keeps them connected. */
interface SignedIn {
  readonly collections: Collections;
  readonly connector: Connector;
}

/**
 * One client: of one user at a time, with one connection at most. Each input returns what is to be done, in order;
 * while nobody is signed in, nothing.
 */
export class Core {
  readonly #deps: CoreDeps;
  readonly #outputs: Output[] = [];
  #signedIn: SignedIn | null = null;
  /** The lists beside the watchlist that the app wants, of whoever is signed in. */
  readonly #opened = new Set<string>();

  constructor(deps: CoreDeps) {
    this.#deps = deps;
  }

  /** Where the client stands. */
  get state(): State {
    return this.#signedIn?.connector.state ?? "signed_out";
  }

  /** Which way the attempt or connection under way takes; null: there is none. */
  get transport(): Transport | null {
    return this.#signedIn?.connector.transport ?? null;
  }

  /** Whose lists are open; null: nobody's. */
  get userId(): string | null {
    return this.#signedIn?.collections.userId ?? null;
  }

  /** What the signed-in user's lists and queue are; to be looked at only. */
  get stored(): UserState | null {
    return this.#signedIn?.collections.state ?? null;
  }

  // The app's calls

  /** Open a user's lists and connect; throws as `checkUserId`. `stored`: what is kept of the user; becomes the core's own. */
  signIn(userId: string, stored: UserState | null): Output[] {
    checkUserId(userId);
    if (userId === this.userId) return this.connect();
    const before = this.signOut(false);
    const { nowMs, random, newReplica } = this.#deps;
    const collections = new Collections(userId, stored, newReplica);
    for (const prefix of this.#opened) collections.follow(prefix);
    const connector = new Connector(collections, (output) => this.#outputs.push(output), nowMs, random);
    this.#signedIn = { collections, connector };
    connector.connect();
    return [...before, ...this.#done()];
  }

  /** Follow a list beside the watchlist from here on, whoever is signed in; throws as `checkListName`. */
  openList(list: string): Output[] {
    checkListName(list);
    this.#opened.add(prefixOf(list));
    if (this.#signedIn?.collections.follow(prefixOf(list))) this.#signedIn.connector.follow();
    return this.#done();
  }

  /** Close the user's lists. `erase`: delete all that is stored of the user, unsent writes included. */
  signOut(erase: boolean): Output[] {
    if (this.#signedIn === null) return [];
    const { collections, connector } = this.#signedIn;
    if (erase) collections.erase();
    connector.signOut();
    this.#outputs.push({ type: "emit", event: { type: "signed_out", user_id: collections.userId, erased: erase } });
    const outputs = this.#done();
    this.#signedIn = null;
    return outputs;
  }

  /** Connect now, if offline. */
  connect(): Output[] {
    return this.#put((connector) => connector.connect());
  }

  /** Stay offline until `connect`. */
  disconnect(): Output[] {
    return this.#put((connector) => connector.disconnect());
  }

  /** Be sure of the connection: the network is back, the device woke or the user returned. */
  wake(): Output[] {
    return this.#put((connector) => connector.wake());
  }

  /**
   * Add or remove a content: shown at once, sent when that is possible. Throws an Error where nobody is signed in, a
   * TypeError where `key` has no UUID, or no item can carry what is said. `key`: a list's prefix, and the
   * content; the list is followed then. `origin`: a name for this call; one whose write is in the queue changes nothing.
   */
  enqueue(operation: Action, key: string, said?: Carried & { readonly origin?: string }): Output[] {
    if (this.#signedIn === null) throw new Error("Nobody is signed in.");
    const { collections, connector } = this.#signedIn;
    collections.enqueue(operation, key, this.#deps.nowMs(), said);
    if (collections.follow(prefixIn(key))) connector.follow(); // its update settles the write
    return this.#done();
  }

  // The app's callback

  /** Use the token that was asked for: to open a connection, or on the open one. */
  token(token: Token): Output[] {
    return this.#put((connector) => connector.token(token));
  }

  /** There is no token to be had now. */
  tokenFailed(reason = "getToken has none now"): Output[] {
    return this.#put((connector) => connector.noToken({ reason: `no token: ${reason}`, isLasting: false }));
  }

  /** The callback answered what can never be a token. */
  tokenUnusable(reason: string): Output[] {
    return this.#put((connector) => connector.noToken({ reason: `no token: ${reason}`, isLasting: true }));
  }

  // The connection

  /** The connection is open: a socket, or an answer that goes on; by polling, each answer has begun. */
  opened(): Output[] {
    return this.#put((connector) => connector.opened());
  }

  /**
   * It did not open. `status`: with which HTTP status it was refused, where that can be known; `problem`: the service's
   * own words, as `readProblem` finds them; undefined: anybody may have answered.
   */
  openFailed(status?: number, retryAfterS = 0, problem?: string): Output[] {
    return this.#put((connector) => connector.openFailed(status, retryAfterS, problem));
  }

  /** The connection ended; 1006: without a word. */
  closed(code: number): Output[] {
    return this.#put((connector) => connector.closed(code));
  }

  /** Bytes came, of a message perhaps that is not whole yet: the connection lives. */
  heard(): Output[] {
    this.#signedIn?.connector.heard();
    return [];
  }

  /** One message came; null: one that we do not know. */
  received(message: ServerMessage | null): Output[] {
    return this.#put((connector) => connector.received(message));
  }

  /** A poll's answer ended as it should. */
  polled(): Output[] {
    return this.#put((connector) => connector.polled());
  }

  /** The probe ended: a WebSocket can be had, or not. */
  probed(isThere: boolean): Output[] {
    return this.#put((connector) => connector.probed(isThere));
  }

  // Time

  /** A timer ran out. */
  due(timer: Timer): Output[] {
    return this.#put((connector) => connector.due(timer));
  }

  // Outputs

  #put(happened: (connector: Connector) => void): Output[] {
    if (this.#signedIn !== null) happened(this.#signedIn.connector);
    return this.#done();
  }

  /** End an input: what it changed is stored first, then what may be sent is, and `updated` comes last. */
  #done(): Output[] {
    if (this.#signedIn !== null) {
      const { collections, connector } = this.#signedIn;
      const { changes, hasUpdated } = collections.takeChanges();
      if (changes.length > 0) this.#outputs.unshift({ type: "save", userId: collections.userId, changes });
      connector.sendWrites();
      if (hasUpdated) this.#outputs.push({ type: "emit", event: { type: "updated" } });
    }
    return this.#outputs.splice(0);
  }
}
