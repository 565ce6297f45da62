/**
 * One user in one tab. Of the tabs that show the same user, one leads: its engine serves all of them. It tells the
 * others what it has stored, and they keep a copy; they pass the calls of their apps on to it.
 *
 * A tab keeps each call until its leader says that it is done (stored, if it is a write), and makes it again to a new
 * leader. Calls have names, and a write in the queue knows its call: so what is stored already is not done twice.
 *
 * If the store fails, the leader begins again in memory, with what it had stored; a tab that has missed some of that
 * asks for all of it. What a leader tells is numbered: a tab that has missed some of it reads everything again.
 */

import type { SyncEvent } from "../core/events.js";
import type { Carried } from "../data/item_fields.js";
import { areRegisters, PROGRESS, prefixIn } from "../data/keys.js";
import type { CalledAction } from "../data/messages.js";
import { type UserState, userState } from "../data/user_state.js";
import { type Batch, type Call, Engine, randomName } from "../engine.js";
import { loadRegisters } from "../parts.js";
import { ErasedError, SupersededError } from "../stores/store.js";
import { latch } from "./latch.js";
import type { LeaderBatch } from "./leader_copy.js";
import { LeaderTimeout } from "./leader_timeout.js";
import type { TabMessage } from "./tab_message.js";
import type { TabSessionDeps } from "./tab_session_deps.js";
import { TabView } from "./tab_view.js";
import type { Tabs } from "./tabs.js";

/** The names of writes, and the promise that they are stored. */
interface Written {
  readonly names: string[];
  readonly stored: Promise<void>;
}

export class TabSession extends TabView {
  readonly userId: string;
  /** Fulfilled once there is a list to show. */
  readonly shown: Promise<void>;
  readonly #show: () => void;
  /** Fulfilled once it is closed. */
  readonly closed: Promise<void>;
  readonly #end: () => void;
  readonly #tabs: Tabs<TabMessage>;
  /** The collections beside the watchlist that the app wants, by name. */
  readonly #lists: ReadonlyMap<string, unknown>;
  /** The collections that other tabs' apps have asked for while this tab led. */
  readonly #listsOfOthers = new Set<string>();
  #isClosed = false;

  // While another tab leads
  readonly #timeout = new LeaderTimeout(() => this.#tabs.takeLead(this.#onGranted, this.#onLost));
  #hasFollowed = false;

  /**
   * `lists`: the collections beside the watchlist that the app wants, by name; call `openLists` when there are more.
   */
  constructor(userId: string, deps: TabSessionDeps, lists: ReadonlyMap<string, unknown>) {
    super(deps);
    this.userId = userId;
    this.#lists = lists;
    [this.shown, this.#show] = latch();
    [this.closed, this.#end] = latch();
    this.#tabs = deps.openTabs(userId, (message) => this.#onTabMessage(message));
    this.#tabs.lead(this.#onGranted, this.#onLost);
    this.hello();
  }

  /**
   * Make one write for each key; their ids are canonical, and `carried` was checked. Returns the names of the writes,
   * and a promise: fulfilled when they are stored, rejected if this tab can no longer know.
   */
  write(operation: CalledAction, keys: readonly string[], carried: Carried = {}): Written {
    const { contents, ended, ...call } = this.calls.addWrites(operation, keys, carried);
    this.#make(call);
    this.deps.onEvents([{ type: "updated" }]);
    return { names: contents.map(({ name }) => name), stored: ended };
  }

  /** Have the leader do `call`; fulfilled when it is done. */
  call(call: Call): Promise<void> {
    const open = this.calls.add(call);
    this.#make(open);
    return open.ended;
  }

  /** Have the tab that leads follow the collections that the app wants. */
  openLists(): void {
    for (const list of this.#lists.keys()) void this.call({ type: "open_list", list });
    void this.#loadRegisters();
  }

  /**
   * Load the part for registers, if an app or a queued write needs it. If it does not come, the next connection tries
   * again.
   */
  async #loadRegisters(): Promise<void> {
    const queued = Array.from(this.engine?.stored?.queue.values() ?? [], ({ content_id }) => prefixIn(content_id));
    if (this.part !== null || ![...this.#lists.keys(), ...this.#listsOfOthers, ...queued].some(areRegisters)) return;
    try {
      this.part = await loadRegisters();
    } catch {
      return; // no network now
    }
    this.engine?.useRegisters(this.part);
    this.deps.onEvents([{ type: "updated" }]);
  }

  /** Have reports written now: the page is hidden or left. */
  flush(): void {
    if (this.#lists.has(PROGRESS)) void this.call({ type: "flush" });
  }

  /** Have the leader answer, and connect without waiting longer: the user is here, or the network is back. */
  hello(): void {
    void this.call({ type: "hello" });
  }

  /** The same, and have the leader make sure of the connection. */
  wake(): void {
    void this.call({ type: "wake" });
  }

  /** Leave once all that the app asked for is stored, without telling the app; fulfils `closed`. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timeout.stop();
    this.#show();
    this.engine?.call({ type: "flush" }, "");
    await this.engine?.close();
    this.#tabs.close();
    this.deps.store.release(this.userId, false);
    this.calls.end(new Error("closed before it was known to be kept"));
    this.#end();
  }

  #make({ name, call }: { readonly name: string; readonly call: Call }): void {
    if (this.engine === null) {
      this.#tabs.tell({ type: "call", name, call });
      this.#timeout.start();
    } else {
      this.engine.call(call, name);
    }
  }

  // Leading

  readonly #onGranted = (): void => void this.#lead();

  async #lead(): Promise<void> {
    const { service, store } = this.deps;
    let stored: UserState | null;
    try {
      // A leader in memory has stored nothing: that the store has nothing then does not mean that it was erased.
      const isKnown = this.#hasFollowed && this.copy.storage !== "memory";
      stored = await store.claim(this.userId, isKnown, this.copy.stored);
    } catch (error) {
      this.#onStoreFailed(error);
      return;
    }
    if (this.#isClosed) return store.release(this.userId, false);
    if (this.engine !== null) return;
    this.#timeout.stop();
    const { state, lost } = this.copy;
    const engine = new Engine(service, store, (batch) => this.#tellAll(batch), this.#onStoreFailed);
    this.engine = engine;
    this.copy.leads(randomName());
    if (this.part !== null) engine.useRegisters(this.part);
    engine.signIn(this.userId, stored);
    if (state === "stopped") engine.call({ type: "disconnect" }, "");
    this.openLists();
    for (const call of lost) engine.call(call, "");
    for (const call of this.calls) this.#make(call);
    this.#show();
  }

  /** If this tab leads, tell the other tabs its state. */
  announce(): void {
    if (this.engine !== null) this.#tellAll({ changes: [], events: [], done: [] });
  }

  #tellAll(batch: Batch): void {
    const { state, transport, storage, transient } = this;
    this.copy.number += 1;
    const { leader, number } = this.copy;
    this.#tabs.tell({
      type: "batch",
      state,
      transport,
      storage,
      transient,
      leader: leader as string,
      number,
      ...batch,
    });
    this.calls.markDone(batch.done);
    this.#emit(batch.events);
  }

  /** Begin again with what was stored: the rest must be neither shown nor sent, as its numbers will be given again. */
  readonly #onStoreFailed = (error: unknown): void => {
    if (this.#isClosed) return;
    if (error instanceof SupersededError) this.#onLost();
    else if (error instanceof ErasedError) this.#emit([{ type: "signed_out", user_id: this.userId, erased: true }]);
    else this.restart();
  };

  /** Begin again with what the store has now, or the memory that replaces it. */
  restart(): void {
    if (this.engine === null) return;
    this.#retire();
    void this.#lead();
  }

  /** Another tab leads now; follow it. */
  readonly #onLost = (): void => {
    if (this.engine === null) return;
    this.#retire();
    this.deps.store.release(this.userId, true);
    if (!this.#tabs.canTell) {
      this.copy.led({ state: null, transport: null, stored: this.copy.stored, transient: null }); // the other tab's state cannot be known
      const reason = "another tab is connected";
      this.#emit([{ type: "disconnected", code: null, retry_in_ms: null, reason }]);
    }
    this.#tabs.lead(this.#onGranted, this.#onLost);
    this.hello();
  };

  #retire(): void {
    if (this.engine !== null) this.copy.led(this.engine);
    this.engine?.retire();
    this.engine = null;
    this.#timeout.stop();
  }

  // Following

  #onTabMessage(message: TabMessage): void {
    if (this.#isClosed) return;
    switch (message.type) {
      case "call":
        this.engine?.call(message.call, message.name);
        if (message.call.type === "open_list") this.#openForOthers(message.call.list);
        break;
      case "ask_stored":
        this.#tellStored();
        break;
      case "stored":
        this.#take(message.leader, userState(message.stored));
        break;
      case "batch":
        if (this.engine === null) this.#onBatch(message);
        else this.#onBatchOfAnother(message);
    }
  }

  #openForOthers(list: string): void {
    this.#listsOfOthers.add(list);
    void this.#loadRegisters();
  }

  #tellStored(): void {
    const stored = this.engine?.stored?.stored();
    if (stored) this.#tabs.tell({ type: "stored", leader: this.copy.leader as string, stored });
  }

  /**
   * Either an earlier leader's last batch, of which only a log-out counts, or this tab leads no more: a save will show.
   */
  #onBatchOfAnother({ events }: Batch): void {
    this.#emit(events.filter((event) => event.type === "signed_out"));
    this.deps.store.save(this.userId, []).catch(this.#onStoreFailed);
  }

  #onBatch(batch: LeaderBatch): void {
    this.#hasFollowed = true;
    const wanted = this.copy.hear(batch);
    if (wanted) {
      if (batch.storage === "memory") this.#tabs.tell({ type: "ask_stored" });
      else void this.#readCopy(wanted);
      for (const call of this.calls) this.#make(call);
      this.openLists();
    }
  }

  protected override onApplied({ done, events }: Batch): void {
    this.calls.markDone(done);
    this.#timeout.stop();
    if (this.calls.size > 0) this.#timeout.start();
    this.#emit(events);
  }

  async #readCopy(wanted: object): Promise<void> {
    try {
      this.#take(wanted, await this.deps.store.read(this.userId));
    } catch {
      if (!this.#isClosed) this.#tabs.tell({ type: "ask_stored" }); // this tab's store fails: ask the leader
    }
  }

  #take(by: string | object, stored: UserState | null): void {
    if (this.engine !== null || this.#isClosed || !this.copy.take(by, stored)) return;
    this.#show();
    this.deps.onEvents([{ type: "updated" }]);
  }

  #emit(events: readonly SyncEvent[]): void {
    if (this.#isClosed) return;
    const { store, onEvents } = this.deps;
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
