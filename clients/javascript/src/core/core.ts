/**
 * Every decision of a client, without I/O: inputs one at a time, and for each what is to be done.
 *
 * Its behaviour, word by word: clients/conformance/README.md. It knows no socket, no storage, no clock and no timers.
 * After `close`, no more inputs may come from that connection or attempt, nor from a token that was asked for it or a
 * probe beside it.
 */

import { checkListName, checkUserId } from "../data/ids.js";
import { type Carried, checkedCarried } from "../data/item_fields.js";
import { areRegisters, DEVICES, LISTS, PROGRESS, prefixIn, prefixOf } from "../data/keys.js";
import type { CalledAction, ServerMessage } from "../data/messages.js";
import type { Transient } from "../data/register_views.js";
import { UserCollections } from "../data/user_collections.js";
import type { UserState } from "../data/user_state.js";
import { Connector } from "./connector.js";
import type { Output, Timer, Transport } from "./outputs.js";
import type { State } from "./state.js";
import { Timers } from "./timers.js";
import type { Token } from "./token.js";

/** What a core takes from outside. */
export interface CoreDeps {
  /** The wall clock, ms since 1970. */
  readonly nowMs: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** A name that was never used before: 64 random bits or more. */
  readonly newReplica: () => string;
}

/** The part that only registers need, loaded when they are used. */
export type RegistersPart = typeof import("../data/registers.js");

/** What there is while a user is signed in: the collections, and what keeps them connected. */
interface SignedIn {
  readonly collections: UserCollections;
  readonly connector: Connector;
  readonly timers: Timers;
}

/**
 * One client: for one user at a time, with one connection at most. Each input returns what is to be done, in order:
 * nothing while nobody is signed in.
 */
export class Core {
  readonly #deps: CoreDeps;
  readonly #outputs: Output[] = [];
  #signedIn: SignedIn | null = null;
  /** By prefix, the collections beside the watchlist that the app wants, whoever is signed in. */
  readonly #opened = new Set<string>();
  /** The part for registers; null: it is not loaded. */
  #registers: RegistersPart | null = null;

  constructor(deps: CoreDeps) {
    this.#deps = deps;
  }

  /** Where the client stands. */
  get state(): State {
    return this.#signedIn?.connector.state ?? "signed_out";
  }

  /** The transport of the attempt or connection under way; null: there is neither. */
  get transport(): Transport | null {
    return this.#signedIn?.connector.transport ?? null;
  }

  /** Whose lists are open; null: nobody's. */
  get userId(): string | null {
    return this.#signedIn?.collections.userId ?? null;
  }

  /** The signed-in user's lists and queue; read-only. */
  get stored(): UserState | null {
    return this.#signedIn?.collections.state ?? null;
  }

  /** What is shown of registers but not stored; null: nothing. */
  get transient(): Transient | null {
    return this.#signedIn?.collections.registers?.transient ?? null;
  }

  /** Follow registers from here on: the part that they need was loaded. */
  useRegisters(part: RegistersPart): Output[] {
    this.#registers = part;
    if (this.#signedIn !== null) {
      if (this.#followAll(this.#signedIn)) this.#signedIn.connector.follow();
      this.#signedIn.collections.registers?.tidy();
    }
    return this.#done();
  }

  // The app's calls

  /** Open a user's lists and connect; throws as `checkUserId`. `stored`: what is kept of the user; becomes the core's own. */
  signIn(userId: string, stored: UserState | null): Output[] {
    checkUserId(userId);
    if (userId === this.userId) return this.connect();
    const before = this.signOut(false);
    const collections = new UserCollections(userId, stored, this.#deps.newReplica);
    const put = (output: Output): unknown => this.#outputs.push(output);
    const timers = new Timers(put, this.#deps.nowMs);
    const connector = new Connector(collections, put, timers, this.#deps);
    this.#signedIn = { collections, connector, timers };
    this.#followAll(this.#signedIn);
    connector.connect();
    return [...before, ...this.#done()];
  }

  #followAll({ collections, timers }: SignedIn): boolean {
    if (this.#registers !== null) collections.registers ??= new this.#registers.Registers(collections, timers);
    return collections.followAll(this.#opened);
  }

  /** Follow a list beside the watchlist, or registers, from here on, whoever is signed in; throws as `checkListName`. */
  openList(list: string): Output[] {
    if (![PROGRESS, DEVICES, LISTS].includes(list)) checkListName(list);
    this.#opened.add(prefixOf(list));
    if (this.#signedIn?.collections.follow(prefixOf(list))) this.#signedIn.connector.follow();
    return this.#done();
  }

  /** Close the user's lists. `erase`: delete all that is stored of the user, unsent writes included. */
  signOut(erase: boolean): Output[] {
    if (this.#signedIn === null) return [];
    const { collections, connector } = this.#signedIn;
    if (erase) collections.erase();
    else collections.registers?.flush();
    connector.signOut();
    this.#outputs.push({ type: "emit", event: { type: "signed_out", user_id: collections.userId, erased: erase } });
    this.#save(collections);
    this.#signedIn = null;
    return this.#done();
  }

  /** Connect now, if offline. */
  connect(): Output[] {
    return this.#put((connector) => connector.connect());
  }

  /** Stay offline until `connect`. */
  disconnect(): Output[] {
    this.#signedIn?.collections.registers?.flush();
    return this.#put((connector) => connector.disconnect());
  }

  /** Make sure of the connection: the network is back, the device woke or the user returned. */
  wake(): Output[] {
    return this.#put((connector) => connector.wake());
  }

  /** Queue what was reported and is not queued yet. */
  flush(): Output[] {
    this.#signedIn?.collections.registers?.flush();
    return this.#done();
  }

  /**
   * Add or remove a content, update or remove a register: shown at once, sent when that is possible. `report`: an
   * update of progress that may wait some seconds for the next one. Throws an Error if nobody is signed in, a TypeError
   * if no item can carry these fields. (Those of registers were checked by `checkedWords`, or the service will refuse
   * them.) `key`: a collection's prefix, and the canonical id; the collection is followed from then on. `origin`: a
   * name for this call; if the queue has a write of that name, nothing changes. `atMs`: when the app called, if not
   * now.
   */
  enqueue(
    operation: CalledAction,
    key: string,
    {
      origin,
      atMs = this.#deps.nowMs(),
      ...carried
    }: Carried & { readonly origin?: string; readonly atMs?: number | undefined } = {},
  ): Output[] {
    if (this.#signedIn === null) throw new Error("Nobody is signed in.");
    const { collections, connector } = this.#signedIn;
    const isOfRegister = areRegisters(prefixIn(key));
    const said = { ...(isOfRegister ? carried : checkedCarried(carried)), origin };
    if (isOfRegister && collections.registers !== null) collections.registers.enqueue(operation, key, said, atMs);
    else collections.enqueue(operation === "report" ? "update" : operation, key, atMs, said);
    if (collections.follow(prefixIn(key))) connector.follow(); // its update settles the write
    return this.#done();
  }

  // The app's callback

  /** Use the token that was asked for: to open a connection, or on the open one. */
  token(token: Token): Output[] {
    return this.#put((connector) => connector.token(token));
  }

  /** Go on without a token for now: the callback failed. */
  tokenFailed(reason = "getToken has none now"): Output[] {
    return this.#put((connector) => connector.noToken({ reason: `no token: ${reason}`, isLasting: false }));
  }

  /** Stop: the callback answered with something that can never be a token. */
  tokenUnusable(reason: string): Output[] {
    return this.#put((connector) => connector.noToken({ reason: `no token: ${reason}`, isLasting: true }));
  }

  // The connection

  /** The connection is open: a socket, or an answer that goes on; when polling, whenever an answer begins. */
  opened(): Output[] {
    return this.#put((connector) => connector.opened());
  }

  /**
   * The connection did not open. `status`: the HTTP status of the refusal, where it is known; `problem`: the service's
   * own words, as `readProblem` finds them; undefined: anybody may have answered.
   */
  openFailed(status?: number, retryAfterS = 0, problem?: string): Output[] {
    return this.#put((connector) => connector.openFailed(status, retryAfterS, problem));
  }

  /** The connection ended; 1006: without a close frame. */
  closed(code: number): Output[] {
    return this.#put((connector) => connector.closed(code));
  }

  /** Bytes came, perhaps part of a message that is not complete yet: the connection lives. */
  heard(): Output[] {
    this.#signedIn?.connector.heard();
    return [];
  }

  /** One message came; null: one of a type that we do not know. */
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

  /** Have what has changed stored, before anything else is done; whether the app should look again. */
  #save(collections: UserCollections): boolean {
    const { changes, hasUpdated } = collections.takeChanges();
    if (changes.length > 0) this.#outputs.unshift({ type: "save", userId: collections.userId, changes });
    return hasUpdated;
  }

  /** End an input: first what it changed is stored, then what may go is sent, and `updated` comes last. */
  #done(): Output[] {
    if (this.#signedIn !== null) {
      const { collections, connector } = this.#signedIn;
      const hasUpdated = this.#save(collections);
      connector.sendWrites();
      if (hasUpdated) this.#outputs.push({ type: "emit", event: { type: "updated" } });
    }
    return this.#outputs.splice(0);
  }
}
