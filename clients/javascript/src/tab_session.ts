/**
 * One user in one tab. Of the tabs that show the same user one leads: its engine serves all of them. The others are
 * told what it has stored, and keep a copy; what their apps ask for they ask of it.
 *
 * A tab keeps what it asked for until its leader says that it is done (stored, if it is a write); a new leader is asked
 * again. Calls have names, and a write in the queue knows its call: what is stored already is not done twice.
 */

import { Backoff } from "./backoff.js";
import { type Batch, type Call, Engine } from "./engine.js";
import type { SyncEvent } from "./events.js";
import { canonical } from "./ids.js";
import type { Service } from "./link.js";
import type { Item, ShownWrite } from "./list_view.js";
import type { Action } from "./messages.js";
import type { Transport } from "./outputs.js";
import type { State } from "./state.js";
import { ErasedError, type Store, SupersededError } from "./store.js";
import type { Tabs } from "./tabs.js";
import { UserState } from "./user_state.js";

export type TabMessage =
  | { readonly type: "call"; readonly name: string; readonly call: Call }
  | (Batch & {
      readonly type: "batch";
      readonly leader: string;
      readonly state: State;
      readonly transport: Transport | null;
    });

/** What a tab's session is wired with. `tab`: a name that no other tab has. */
export interface TabSessionDeps {
  readonly tab: string;
  readonly service: Service;
  readonly store: Store;
  readonly openTabs: (userId: string, onMessage: (message: TabMessage) => void) => Tabs<TabMessage>;
  readonly onEvent: (event: SyncEvent) => void;
}

/** How long a leader may take to do a call until it is thought asleep. */
const LEADER_TIMEOUT_MS = 3000;

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
  /** Calls that are not done, by name, with what is shown of a write. */
  readonly #calls = new Map<string, { readonly call: Call; readonly write: ShownWrite | null }>();
  #callsMade = 0;
  readonly #storeBackoff = new Backoff();
  #leaderTimeout: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  // Of the tab that leads, while it is another
  #leader: string | null = null;
  #hasFollowed = false;
  #leaderState: State | null = null;
  #leaderTransport: Transport | null = null;
  #copy: UserState | null = null;
  /** What came while the copy is being read. */
  #pendingBatches: Batch[] | null = null;

  constructor(userId: string, deps: TabSessionDeps) {
    this.userId = userId;
    [this.shown, this.#show] = latch();
    [this.closed, this.#end] = latch();
    this.#deps = deps;
    this.#tabs = deps.openTabs(userId, (message) => this.#onTabMessage(message));
    this.#tabs.lead(this.#onGranted, this.#onLost);
    this.hello();
  }

  get state(): State {
    return this.#engine?.state ?? this.#leaderState ?? "stopped";
  }

  get transport(): Transport | null {
    return this.#engine === null ? this.#leaderTransport : this.#engine.transport;
  }

  get stored(): UserState | null {
    return this.#engine?.stored ?? this.#copy;
  }

  /** How many writes are not settled. */
  get queueLength(): number {
    return (this.stored?.queue.size ?? 0) + this.#writes.length;
  }

  list(): Item[] {
    return (this.stored ?? UserState.empty("")).list(this.#writes);
  }

  /** Throws a TypeError where `contentId` is no UUID. */
  enqueue(operation: Action, contentId: string): void {
    const write = { operation, content_id: canonical(contentId) };
    const timestamp = { physical: Date.now(), logical: this.#callsMade, node: this.#deps.tab };
    this.call({ type: "write", ...write }, { ...write, timestamp });
  }

  call(call: Call, write: ShownWrite | null = null): void {
    this.#callsMade += 1;
    const name = `${this.#deps.tab}.${this.#callsMade}`;
    this.#calls.set(name, { call, write });
    this.#make(name, call);
    if (this.#engine === null && write !== null) this.#deps.onEvent({ type: "updated" });
  }

  /** The user is here, or the network is back: whoever leads should be awake, and connect without waiting longer. */
  hello(): void {
    this.call({ type: "hello" });
  }

  /** The same, and whoever leads should be sure of the connection. */
  wake(): void {
    this.call({ type: "wake" });
  }

  /** Leave without a word to the app. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#leaderTimeout);
    this.#engine?.retire();
    this.#tabs.close();
    this.#show();
    this.#end();
  }

  /** What is not in `stored` yet. */
  get #writes(): ShownWrite[] {
    if (this.#engine !== null) return [];
    return Array.from(this.#calls.values()).flatMap(({ write }) => (write === null ? [] : [write]));
  }

  #make(name: string, call: Call): void {
    if (this.#engine === null) {
      this.#tabs.tell({ type: "call", name, call });
      this.#startLeaderTimeout();
    } else {
      this.#engine.call(call, name);
    }
  }

  #startLeaderTimeout(): void {
    this.#leaderTimeout ??= setTimeout(() => {
      this.#leaderTimeout = undefined;
      if (this.#engine === null && this.#calls.size > 0) this.#tabs.takeLead(this.#onGranted, this.#onLost);
    }, LEADER_TIMEOUT_MS);
  }

  #stopLeaderTimeout(): void {
    clearTimeout(this.#leaderTimeout);
    this.#leaderTimeout = undefined;
  }

  // Leading

  readonly #onGranted = (): void => void this.#lead();

  async #lead(): Promise<void> {
    const { tab, service, store } = this.#deps;
    let stored: UserState | null;
    try {
      stored = await store.claim(this.userId, this.#hasFollowed);
    } catch (error) {
      this.#onStoreFailed(error);
      return;
    }
    if (this.#isClosed || this.#engine !== null) return;
    this.#stopLeaderTimeout();
    const wasStopped = this.#leaderState === "stopped";
    const engine = new Engine(service, store, (batch) => this.#tellAll(batch), this.#onStoreFailed);
    this.#engine = engine;
    this.#leader = tab;
    this.#copy = null;
    engine.signIn(this.userId, stored);
    if (wasStopped) engine.call({ type: "disconnect" }, "");
    for (const [name, { call }] of this.#calls) this.#make(name, call);
    this.#show();
  }

  #tellAll(batch: Batch): void {
    const { tab } = this.#deps;
    this.#tabs.tell({ type: "batch", leader: tab, state: this.state, transport: this.transport, ...batch });
    this.#markDone(batch.done);
    this.#emit(batch.events);
  }

  /** What was not stored must be neither shown nor sent: it would be numbered twice. Begin again with what was. */
  readonly #onStoreFailed = (error: unknown): void => {
    if (this.#isClosed) return;
    if (error instanceof SupersededError) {
      this.#onLost();
      return;
    }
    if (error instanceof ErasedError) {
      this.#emit([{ type: "signed_out", user_id: this.userId, erased: true }]);
      return;
    }
    // biome-ignore lint/suspicious/noConsole: the app goes on; whoever debugs it should know
    console.error("syncd: the watchlist cannot be stored; trying again.", error);
    this.#retire();
    void this.#readCopy();
    const waitMs = this.#storeBackoff.nextMs(Math.random());
    this.#leaderTimeout = setTimeout(
      () => this.#tabs.takeLead(this.#onGranted, this.#onLost),
      LEADER_TIMEOUT_MS + waitMs,
    );
  };

  /** Another tab leads now; follow it. */
  readonly #onLost = (): void => {
    if (this.#engine === null) return;
    this.#retire();
    this.#tabs.lead(this.#onGranted, this.#onLost);
    this.hello();
  };

  #retire(): void {
    if (this.#engine !== null) {
      this.#copy = this.#engine.stored;
      this.#leaderState = this.#engine.state;
      this.#leaderTransport = this.#engine.transport;
      this.#engine.retire();
    }
    this.#engine = null;
    this.#leader = null;
    this.#stopLeaderTimeout();
  }

  // Following

  #onTabMessage(message: TabMessage): void {
    if (this.#isClosed) return;
    if (message.type === "call") {
      this.#engine?.call(message.call, message.name);
      return;
    }
    if (this.#engine !== null) {
      // The last words of a leader before, of which only a log-out counts; or this tab leads no more: saving tells.
      this.#emit(message.events.filter((event) => event.type === "signed_out"));
      this.#deps.store.save(this.userId, []).catch(this.#onStoreFailed);
      return;
    }
    this.#hasFollowed = true;
    this.#leaderState = message.state;
    this.#leaderTransport = message.transport;
    if (message.leader !== this.#leader) {
      this.#leader = message.leader;
      void this.#readCopy();
      for (const [name, { call }] of this.#calls) this.#make(name, call);
    }
    if (this.#pendingBatches === null) this.#follow(message);
    else this.#pendingBatches.push(message);
  }

  async #readCopy(): Promise<void> {
    const pending = [...(this.#pendingBatches ?? [])];
    this.#pendingBatches = pending;
    const copy = await this.#deps.store.read(this.userId).catch(() => null);
    if (this.#pendingBatches !== pending) return; // read again meanwhile
    this.#pendingBatches = null;
    if (this.#engine !== null || this.#isClosed) return;
    this.#copy = copy;
    for (const batch of pending) this.#follow(batch);
    this.#show();
    this.#deps.onEvent({ type: "updated" });
  }

  #follow({ changes, events, done }: Batch): void {
    for (const change of changes) this.#copy?.apply(change);
    this.#markDone(done);
    this.#stopLeaderTimeout();
    if (this.#calls.size > 0) this.#startLeaderTimeout();
    this.#emit(events);
  }

  #markDone(done: readonly string[]): void {
    for (const name of done) this.#calls.delete(name);
  }

  #emit(events: readonly SyncEvent[]): void {
    for (const event of events) {
      if (event.type === "signed_out") this.close();
      this.#deps.onEvent(event);
    }
  }
}

/** A promise, and what fulfils it. */
function latch(): [Promise<void>, () => void] {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return [opened, open];
}
