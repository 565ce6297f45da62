/**
 * One user in one tab. Of the tabs that show the same user one leads: its engine serves all of them. The others are
 * told what it has stored, and keep a copy; what their apps ask for they ask of it.
 *
 * A tab keeps what it asked for until its leader says that it is done (stored, if it is a write); a new leader is asked
 * again. Calls have names, and a write in the queue knows its call: what is stored already is not done twice.
 *
 * Where the store fails the leader begins again with what it had stored, in memory; a tab that has missed something of
 * that asks for all of it.
 */

import type { RegistersPart } from "../core/core.js";
import type { SyncEvent } from "../core/events.js";
import type { Transport } from "../core/outputs.js";
import type { State } from "../core/state.js";
import type { Carried } from "../data/carried.js";
import { areRegisters, PROGRESS, prefixIn, type RegistersName } from "../data/keys.js";
import type { Item, ShownWrite } from "../data/list_view.js";
import type { CalledAction } from "../data/messages.js";
import type { ListName } from "../data/register_messages.js";
import type { DeviceItem, ProgressItem, Transient } from "../data/register_views.js";
import { type Storage, UserState, userState } from "../data/user_state.js";
import { type Batch, type Call, Engine, randomName } from "../engine.js";
import { loadRegisters } from "../parts.js";
import { ErasedError, SupersededError } from "../stores/store.js";
import { latch } from "./latch.js";
import { type LeaderBatch, LeaderCopy } from "./leader_copy.js";
import { LeaderTimeout } from "./leader_timeout.js";
import { OpenCalls } from "./open_calls.js";
import type { TabMessage } from "./tab_message.js";
import type { TabSessionDeps } from "./tab_session_deps.js";
import type { Tabs } from "./tabs.js";

/** The names of writes, and when they are stored. */
interface Written {
  readonly names: string[];
  readonly stored: Promise<void>;
}

export class TabSession {
  readonly userId: string;
  /** Fulfilled once there is a list to show. */
  readonly shown: Promise<void>;
  readonly #show: () => void;
  /** Fulfilled once it is closed. */
  readonly closed: Promise<void>;
  readonly #end: () => void;
  readonly #deps: TabSessionDeps;
  readonly #tabs: Tabs<TabMessage>;
  #engine: Engine | null = null;
  readonly #calls = new OpenCalls();
  readonly #nothing = UserState.empty("");
  #part: RegistersPart | null = null;
  /** By name, the collections beside the watchlist that the app wants. */
  readonly #lists: ReadonlyMap<string, unknown>;
  /** Those that other tabs' apps have wanted while this one led. */
  readonly #listsOfOthers = new Set<string>();
  #isClosed = false;

  // Of the tab that leads, while it is another
  readonly #copy = new LeaderCopy((batch) => this.#onApplied(batch));
  readonly #timeout = new LeaderTimeout(() => this.#tabs.takeLead(this.#onGranted, this.#onLost));
  #hasFollowed = false;

  /** `lists`: by name, the collections beside the watchlist that the app wants; when they are more, `openLists`. */
  constructor(userId: string, deps: TabSessionDeps, lists: ReadonlyMap<string, unknown>) {
    this.userId = userId;
    this.#lists = lists;
    [this.shown, this.#show] = latch();
    [this.closed, this.#end] = latch();
    this.#deps = deps;
    this.#tabs = deps.openTabs(userId, (message) => this.#onTabMessage(message));
    this.#tabs.lead(this.#onGranted, this.#onLost);
    this.hello();
  }

  get state(): State {
    return this.#engine?.state ?? this.#copy.state ?? "stopped";
  }

  /** Where the leader keeps what it stores. */
  get storage(): Storage {
    return this.#copy.storage ?? this.#deps.store.storage;
  }

  get transport(): Transport | null {
    return this.#engine === null ? this.#copy.transport : this.#engine.transport;
  }

  get stored(): UserState | null {
    return this.#engine?.stored ?? this.#copy.stored;
  }

  /** How many writes are not settled. */
  get queueLength(): number {
    return (this.stored?.queue.size ?? 0) + this.#unstored.length;
  }

  /** Another text whenever the list, the length of the queue or the revision may be another. */
  get version(): string {
    const { stored } = this;
    const transient = this.#part && [this.#transient?.version];
    return [this.#copy.leader, this.#unstored.length, stored?.version, stored?.head.revision, transient].join();
  }

  /** Of the list whose keys begin with `prefix`. */
  items(prefix?: string): readonly Item[] {
    return (this.stored ?? this.#nothing).list(this.#unstored, prefix);
  }

  /** What is shown of registers, and which lists there are; undefined: what they need is not here yet. */
  registers(name: RegistersName): readonly (ProgressItem | DeviceItem | ListName)[] | undefined {
    return this.#part?.VIEWS[name](this.stored ?? this.#nothing, this.#unstored, this.#transient);
  }

  /** What registers need; null: it has not come yet, or nobody needs it. */
  get part(): RegistersPart | null {
    return this.#part;
  }

  get #transient(): Transient | null {
    return (this.#engine ?? this.#copy).transient;
  }

  has(key: string): boolean {
    return (this.stored ?? this.#nothing).has(key, this.#unstored);
  }

  /**
   * Do the same with each key, whose id is canonical; `carried` was checked. Returns the names of the writes, and a promise:
   * fulfilled when they are stored, rejected where this tab can't know any more.
   */
  write(operation: CalledAction, keys: readonly string[], carried: Carried = {}): Written {
    const { contents, ended, ...call } = this.#calls.addWrites(operation, keys, carried);
    this.#make(call);
    this.#deps.onEvents([{ type: "updated" }]);
    return { names: contents.map(({ name }) => name), stored: ended };
  }

  /** Fulfilled when it is done. */
  call(call: Call): Promise<void> {
    const open = this.#calls.add(call);
    this.#make(open);
    return open.ended;
  }

  /** Have whoever leads be connected for what the app wants. */
  openLists(): void {
    for (const list of this.#lists.keys()) void this.call({ type: "open_list", list });
    void this.#loadRegisters();
  }

  /** If somebody needs it: an app, or a write in the queue. One that does not come is asked for at the next connection. */
  async #loadRegisters(): Promise<void> {
    const queued = Array.from(this.#engine?.stored?.queue.values() ?? [], ({ content_id }) => prefixIn(content_id));
    if (this.#part !== null || ![...this.#lists.keys(), ...this.#listsOfOthers, ...queued].some(areRegisters)) return;
    try {
      this.#part = await loadRegisters();
    } catch {
      return; // there is no network
    }
    this.#engine?.useRegisters(this.#part);
    this.#deps.onEvents([{ type: "updated" }]);
  }

  /** The page is hidden or left: what was reported should be written. */
  flush(): void {
    if (this.#lists.has(PROGRESS)) void this.call({ type: "flush" });
  }

  /** The user is here, or the network is back: whoever leads should be awake, and connect without waiting longer. */
  hello(): void {
    void this.call({ type: "hello" });
  }

  /** The same, and whoever leads should be sure of the connection. */
  wake(): void {
    void this.call({ type: "wake" });
  }

  /** Leave without a word to the app, once what it asked for is stored; fulfils `closed`. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timeout.stop();
    this.#show();
    this.#engine?.call({ type: "flush" }, "");
    await this.#engine?.close();
    this.#engine?.retire();
    this.#tabs.close();
    this.#deps.store.release(this.userId, false);
    this.#calls.end(new Error("closed before it was known to be kept"));
    this.#end();
  }

  /** What is not in `stored` yet. */
  get #unstored(): readonly ShownWrite[] {
    return this.#engine === null ? this.#calls.writes : NO_WRITES;
  }

  #make({ name, call }: { readonly name: string; readonly call: Call }): void {
    if (this.#engine === null) {
      this.#tabs.tell({ type: "call", name, call });
      this.#timeout.start();
    } else {
      this.#engine.call(call, name);
    }
  }

  // Leading

  readonly #onGranted = (): void => void this.#lead();

  async #lead(): Promise<void> {
    const { service, store } = this.#deps;
    let stored: UserState | null;
    try {
      // What a leader had in memory only was never in the store: that it is not there is no erasure.
      const isKnown = this.#hasFollowed && this.#copy.storage !== "memory";
      stored = await store.claim(this.userId, isKnown, this.#copy.stored);
    } catch (error) {
      this.#onStoreFailed(error);
      return;
    }
    if (this.#isClosed) return store.release(this.userId, false);
    if (this.#engine !== null) return;
    this.#timeout.stop();
    const { state, lost } = this.#copy;
    const engine = new Engine(service, store, (batch) => this.#tellAll(batch), this.#onStoreFailed);
    this.#engine = engine;
    this.#copy.leads(randomName());
    if (this.#part !== null) engine.useRegisters(this.#part);
    engine.signIn(this.userId, stored);
    if (state === "stopped") engine.call({ type: "disconnect" }, "");
    this.openLists();
    for (const call of lost) engine.call(call, "");
    for (const call of this.#calls) this.#make(call);
    this.#show();
  }

  /** Tell the other tabs how this one stands, if it leads. */
  announce(): void {
    if (this.#engine !== null) this.#tellAll({ changes: [], events: [], done: [] });
  }

  #tellAll(batch: Batch): void {
    const { state, transport, storage } = this;
    const transient = this.#transient;
    this.#tabs.tell({ type: "batch", leader: this.#name, state, transport, storage, transient, ...batch });
    this.#calls.markDone(batch.done);
    this.#emit(batch.events);
  }

  /** Of the engine. */
  get #name(): string {
    return this.#copy.leader ?? "";
  }

  /** What was not stored must be neither shown nor sent: it would be numbered twice. Begin again with what was. */
  readonly #onStoreFailed = (error: unknown): void => {
    if (this.#isClosed) return;
    if (error instanceof SupersededError) this.#onLost();
    else if (error instanceof ErasedError) this.#emit([{ type: "signed_out", user_id: this.userId, erased: true }]);
    else this.restart();
  };

  /** Begin again with what the store, or what stands for it, has now. */
  restart(): void {
    if (this.#engine === null) return;
    this.#retire();
    void this.#lead();
  }

  /** Another tab leads now; follow it. */
  readonly #onLost = (): void => {
    if (this.#engine === null) return;
    this.#retire();
    this.#deps.store.release(this.userId, true);
    if (!this.#tabs.canTell) {
      this.#copy.led({ state: null, transport: null, stored: this.#copy.stored, transient: null }); // the other may stand anyhow, and nobody will say how
      const reason = "another tab is connected";
      this.#emit([{ type: "disconnected", code: null, retry_in_ms: null, reason }]);
    }
    this.#tabs.lead(this.#onGranted, this.#onLost);
    this.hello();
  };

  #retire(): void {
    if (this.#engine !== null) this.#copy.led(this.#engine);
    this.#engine?.retire();
    this.#engine = null;
    this.#timeout.stop();
  }

  // Following

  #onTabMessage(message: TabMessage): void {
    if (this.#isClosed) return;
    switch (message.type) {
      case "call":
        this.#engine?.call(message.call, message.name);
        if (message.call.type === "open_list") this.#openForOthers(message.call.list);
        break;
      case "ask_stored":
        this.#tellStored();
        break;
      case "stored":
        this.#take(message.leader, userState(message.stored));
        break;
      case "batch":
        if (this.#engine === null) this.#onBatch(message);
        else this.#onBatchOfAnother(message);
    }
  }

  #openForOthers(list: string): void {
    this.#listsOfOthers.add(list);
    void this.#loadRegisters();
  }

  #tellStored(): void {
    const stored = this.#engine?.stored?.stored();
    if (stored !== undefined) this.#tabs.tell({ type: "stored", leader: this.#name, stored });
  }

  /** The last words of a leader before, of which only a log-out counts; or this tab leads no more: saving tells. */
  #onBatchOfAnother({ events }: Batch): void {
    this.#emit(events.filter((event) => event.type === "signed_out"));
    this.#deps.store.save(this.userId, []).catch(this.#onStoreFailed);
  }

  #onBatch(batch: LeaderBatch): void {
    this.#hasFollowed = true;
    if (this.#copy.hear(batch)) {
      if (batch.storage === "memory") this.#tabs.tell({ type: "ask_stored" });
      else void this.#readCopy(batch.leader);
      for (const call of this.#calls) this.#make(call);
      this.openLists();
    }
  }

  #onApplied({ done, events }: Batch): void {
    this.#calls.markDone(done);
    this.#timeout.stop();
    if (this.#calls.size > 0) this.#timeout.start();
    this.#emit(events);
  }

  async #readCopy(leader: string): Promise<void> {
    try {
      this.#take(leader, await this.#deps.store.read(this.userId));
    } catch {
      if (!this.#isClosed) this.#tabs.tell({ type: "ask_stored" }); // this tab's store fails: the leader has it
    }
  }

  #take(leader: string, stored: UserState | null): void {
    if (this.#engine !== null || this.#isClosed || !this.#copy.take(leader, stored)) return;
    this.#show();
    this.#deps.onEvents([{ type: "updated" }]);
  }

  #emit(events: readonly SyncEvent[]): void {
    if (this.#isClosed) return;
    const { store, onEvents } = this.#deps;
    if (events.some((event) => event.type === "connected")) void this.#loadRegisters();
    const isOver = events.some((event) => event.type === "signed_out");
    if (isOver) void this.close();
    onEvents(
      events.map((event) =>
        event.type === "signed_out" ? { ...event, erased: event.erased && !store.owesErasure(this.userId) } : event,
      ),
    );
  }
}

const NO_WRITES: readonly ShownWrite[] = [];
