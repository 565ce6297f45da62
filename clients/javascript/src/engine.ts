/** The shell around a core: its link to the service, its timers, its store, and the app's callback. */

import { Core, type RegistersPart } from "./core/core.js";
import type { SyncEvent } from "./core/events.js";
import type { Output, Timer, Transport } from "./core/outputs.js";
import type { State } from "./core/state.js";
import { type Carried, carriedBy } from "./data/item_fields.js";
import type { CalledAction } from "./data/messages.js";
import type { Transient } from "./data/register_views.js";
import type { Change, UserState } from "./data/user_state.js";
import { randomBytes } from "./platform/platform.js";
import type { GuardedStore } from "./stores/guarded_store.js";
import type { Input } from "./transport/carrying.js";
import { Link } from "./transport/link.js";
import type { Service } from "./transport/service.js";

/** What the app, in any tab, can ask of the tab that leads. */
export type Call =
  | { readonly type: "hello" | "connect" | "disconnect" | "wake" | "flush" }
  | { readonly type: "sign_out"; readonly erase: boolean }
  | { readonly type: "open_list"; readonly list: string }
  | WriteCall;

/**
 * `write`: what releases before registers send. `change` is new, as those would take a register's write for a list's.
 */
interface WriteCall extends Carried {
  readonly type: "change" | "write";
  readonly operation: CalledAction;
  readonly writes: readonly NamedContent[];
  /** When the app called, by the wall clock; missing: now. */
  readonly atMs?: number;
}

/** What a write is about, and the unique name by which the app knows it. */
export interface NamedContent {
  readonly name: string;
  /** Its key: in the watchlist its id. */
  readonly content_id: string;
}

/** What is durable now and may be told: `changes`, then `events`; `done`: the names of the calls that are done. */
export interface Batch {
  readonly changes: readonly Change[];
  readonly events: readonly SyncEvent[];
  readonly done: readonly string[];
}

/** What waits for the store: an output of the core with the link it belongs to, or the news that a call is done. */
type Waiting = { readonly output: Output; readonly link: Link | null } | { readonly done: string };

const MAX_TIMER_MS = 2 ** 31 - 1; // beyond, browsers and Node fire at once

/** Serves one user. */
export class Engine {
  readonly #service: Service;
  readonly #store: Pick<GuardedStore, "save">;
  readonly #onBatch: (batch: Batch) => void;
  readonly #onStoreFailed: (error: unknown) => void;
  readonly #core = new Core({ nowMs: Date.now, random: Math.random, newReplica: randomName });
  readonly #timers = new Map<Timer, ReturnType<typeof setTimeout>>();
  #userId = "";
  #link: Link | null = null;
  #waiting: Waiting[] = [];
  #pumping: Promise<void> | null = null;
  #isClosed = false;
  #isRetired = false;

  constructor(
    service: Service,
    store: Pick<GuardedStore, "save">,
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

  /** The transport of the attempt or connection under way; null: there is neither. */
  get transport(): Transport | null {
    return this.#core.transport;
  }

  get stored(): UserState | null {
    return this.#core.stored;
  }

  /** What is shown of registers but not stored; null: nothing. */
  get transient(): Transient | null {
    return this.#core.transient;
  }

  /** Follow registers from here on. */
  useRegisters(part: RegistersPart): void {
    this.#perform(this.#core.useRegisters(part));
  }

  signIn(userId: string, stored: UserState | null): void {
    this.#userId = userId;
    this.#perform(this.#core.signIn(userId, stored));
  }

  /**
   * Do what `call` asks for. Its effect on the list is there at once; `name` is reported as done when it is durable. If
   * the queue has a write of that name, it is not done again. After a log-out nothing is done: that is stored next, and
   * told.
   */
  call(call: Call, name: string): void {
    if (this.stored !== null) this.#perform(this.#outputsOf(call), name); // another tab may not have heard of the log-out yet
  }

  /** Stop at once and for ever, without telling anybody but the service; needed after `onStoreFailed`, too. */
  retire(): void {
    this.#isRetired = true;
    this.#stop();
  }

  /** Stop for ever, once the effects of all calls are stored and told. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stop();
    await this.#pumping;
  }

  #stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#dropLink();
  }

  #outputsOf(call: Call): Output[] {
    switch (call.type) {
      case "hello":
        return this.#core.state === "waiting" ? this.#core.connect() : [];
      case "connect":
      case "disconnect":
      case "wake":
      case "flush":
        return this.#core[call.type]();
      case "sign_out":
        return this.#core.signOut(call.erase);
      case "open_list":
        return this.#core.openList(call.list);
      case "change":
      case "write":
        return this.#enqueue(call);
    }
  }

  #enqueue({ operation, writes, atMs, ...carried }: WriteCall): Output[] {
    const outputs: Output[] = [];
    for (const { content_id, name } of writes)
      outputs.push(...this.#core.enqueue(operation, content_id, { origin: name, atMs, ...carriedBy(carried) }));
    return outputs;
  }

  #put(happened: Input): void {
    this.#perform(happened(this.#core));
  }

  /** Carry out the outputs. Timers and `close` do not wait for the store: nothing more of a closed link may come in. */
  #perform(outputs: readonly Output[], done?: string): void {
    if (this.#isRetired || this.#isClosed) return;
    for (const output of outputs) {
      switch (output.type) {
        case "start_timer":
          this.#startTimer(output.timer, output.afterMs);
          break;
        case "stop_timer":
          clearTimeout(this.#timers.get(output.timer));
          break;
        case "close":
          this.#dropLink();
          break;
        default:
          if (output.type === "ask_token" || output.type === "open") this.#link = this.#openLink ?? this.#newLink();
          this.#waiting.push({ output, link: this.#openLink });
      }
    }
    if (done !== undefined) this.#waiting.push({ done });
    this.#pumping ??= this.#pump();
  }

  /** Store all that waits in one go, then carry it out in order: a burst shares a transaction. */
  async #pump(): Promise<void> {
    await null; // all calls of one turn are one burst
    while (this.#waiting.length > 0 && !this.#isRetired) {
      const waiting = this.#waiting;
      this.#waiting = [];
      const changes = savedIn(waiting);
      try {
        if (changes.length > 0) await this.#store.save(this.#userId, changes);
      } catch (error) {
        this.#onStoreFailed(error);
        return;
      }
      if (!this.#isRetired) this.#onBatch({ changes, ...this.#carryOut(waiting) });
    }
    this.#pumping = null;
  }

  /** Do what was waiting for the store; returns the events and calls to tell, with a single `updated`, at the end. */
  #carryOut(waiting: readonly Waiting[]): Omit<Batch, "changes"> {
    const events: SyncEvent[] = [];
    let updated: SyncEvent[] = [];
    const done: string[] = [];
    for (const each of waiting) {
      if ("done" in each) done.push(each.done);
      else if (each.output.type === "emit") {
        const { event } = each.output;
        if (event.type === "updated") updated = [event];
        else events.push(event);
      } else if (each.link !== null && each.link === this.#openLink) execute(each.output, each.link);
    }
    return { events: [...events, ...updated], done };
  }

  /** The link under way, if there is one. */
  get #openLink(): Link | null {
    return this.#link?.isClosed === false ? this.#link : null;
  }

  #newLink(): Link {
    return new Link(this.#service, (happened) => this.#put(happened));
  }

  #dropLink(): void {
    this.#link?.drop();
    this.#link = null;
  }

  #startTimer(timer: Timer, afterMs: number): void {
    clearTimeout(this.#timers.get(timer));
    this.#timers.set(
      timer,
      setTimeout(() => this.#put((core) => core.due(timer)), Math.min(afterMs, MAX_TIMER_MS)),
    );
  }
}

/** All that `waiting` wants stored, in order, except the head: first and only once, as it is long with many lists. */
function savedIn(waiting: readonly Waiting[]): readonly Change[] {
  const changes: Change[] = [];
  const head = {};
  for (const each of waiting) {
    if (!("output" in each) || each.output.type !== "save") continue;
    for (const change of each.output.changes)
      if ("set" in change) Object.assign(head, change.set);
      else changes.push(change);
  }
  return Object.keys(head).length > 0 ? [{ set: head }, ...changes] : changes;
}

function execute(output: Output, link: Link): void {
  if (output.type === "ask_token") link.askToken();
  else if (output.type === "open") link.open(output.transport, output.target, output.token);
  else if (output.type === "probe") void link.probe(output.target, output.token);
  else if (output.type === "send") link.send(output.message);
}

/** A name that nobody else will draw: 96 random bits. (`crypto.randomUUID` is missing on pages without TLS.) */
export function randomName(): string {
  return Array.from(randomBytes(12), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
