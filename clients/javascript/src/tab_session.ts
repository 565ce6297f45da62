/**
 * One user in one tab. Of the tabs that show the same user one leads: its engine serves all of them. The others are
 * told what it has stored, and keep a copy; what their apps ask for they ask of it.
 *
 * A tab keeps what it asked for until its leader says that it is done (stored, if it is a write); a new leader is asked
 * again. Calls have names, and an operation in the queue knows its call: what is stored already is not done twice.
 */

import { Backoff } from "./backoff.js";
import type { State, SyncEvent } from "./core_contract.js";
import { type Batch, type Call, Engine, type Service } from "./engine.js";
import { canonical } from "./ledger.js";
import type { Action } from "./messages.js";
import { Erased, type Store, Superseded } from "./store.js";
import type { Tabs } from "./tabs.js";
import { type ListItem, UserState, type Wish } from "./user_state.js";

export type TabNews =
  | { readonly type: "call"; readonly name: string; readonly call: Call }
  | (Batch & { readonly type: "batch"; readonly leader: string; readonly state: State });

/** What a session needs besides its user. `tab`: a name that no other tab has. */
export interface Environment {
  readonly tab: string;
  readonly service: Service;
  readonly store: Store;
  readonly openTabs: (user: string, onNews: (news: TabNews) => void) => Tabs<TabNews>;
  readonly onEvent: (event: SyncEvent) => void;
}

/** How long a leader may take to do a call until it is thought asleep. */
const PATIENCE_MS = 3_000;

export class Session {
  readonly user: string;
  /** Fulfilled once there is a list to show. */
  readonly isShown: Promise<void>;
  #show!: () => void;
  /** Fulfilled once it is closed. */
  readonly isOver: Promise<void>;
  #end!: () => void;
  readonly #environment: Environment;
  readonly #tabs: Tabs<TabNews>;
  #engine: Engine | null = null;
  /** Calls that are not done, by name, with the wish that a write is shown as. */
  readonly #calls = new Map<string, { readonly call: Call; readonly wish: Wish | null }>();
  #callsMade = 0;
  readonly #storeTrouble = new Backoff();
  #patience: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  // Of the tab that leads, while it is another
  #leader: string | null = null;
  #hasFollowed = false;
  #leaderState: State | null = null;
  #copy: UserState | null = null;
  /** News that came while the copy is being read. */
  #held: Batch[] | null = null;

  constructor(user: string, environment: Environment) {
    this.user = user;
    this.isShown = new Promise((resolve) => (this.#show = resolve));
    this.isOver = new Promise((resolve) => (this.#end = resolve));
    this.#environment = environment;
    this.#tabs = environment.openTabs(user, (news) => this.#hear(news));
    this.#tabs.lead(this.#onGranted, this.#onLost);
    this.hello();
  }

  get state(): State {
    return this.#engine?.state ?? this.#leaderState ?? "stopped";
  }

  get stored(): UserState | null {
    return this.#engine?.stored ?? this.#copy;
  }

  /** Operations that are not settled. */
  get queueLength(): number {
    return (this.stored?.queue.size ?? 0) + this.#wishes.length;
  }

  list(): ListItem[] {
    return (this.stored ?? UserState.empty("")).list(this.#wishes);
  }

  /** Throws a TypeError where `contentId` is no UUID. */
  write(operation: Action, contentId: string): void {
    const content_id = canonical(contentId);
    const timestamp = { physical: Date.now(), logical: this.#callsMade, node: this.#environment.tab };
    this.call({ type: "write", operation, content_id }, { operation, content_id, timestamp });
  }

  call(call: Call, wish: Wish | null = null): void {
    this.#callsMade += 1;
    const name = `${this.#environment.tab}.${this.#callsMade}`;
    this.#calls.set(name, { call, wish });
    this.#make(name, call);
    if (this.#engine === null && wish !== null) this.#environment.onEvent({ type: "updated" });
  }

  /** The user is here, or the network is back: whoever leads should be awake, and connect without waiting longer. */
  hello(): void {
    this.call({ type: "hello" });
  }

  /** Leave without a word to the app. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#patience);
    this.#engine?.retire();
    this.#tabs.close();
    this.#show();
    this.#end();
  }

  /** What is not in `stored` yet. */
  get #wishes(): Wish[] {
    if (this.#engine !== null) return [];
    return Array.from(this.#calls.values()).flatMap(({ wish }) => (wish === null ? [] : [wish]));
  }

  #make(name: string, call: Call): void {
    if (this.#engine === null) {
      this.#tabs.tell({ type: "call", name, call });
      this.#bePatient();
    } else {
      this.#engine.call(call, name);
    }
  }

  #bePatient(): void {
    this.#patience ??= setTimeout(() => {
      this.#patience = undefined;
      if (this.#engine === null && this.#calls.size > 0) this.#tabs.takeLead(this.#onGranted, this.#onLost);
    }, PATIENCE_MS);
  }

  #loseNoPatience(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }

  // Leading

  readonly #onGranted = (): void => void this.#lead();

  async #lead(): Promise<void> {
    const { tab, service, store } = this.#environment;
    let stored: UserState | null;
    try {
      stored = await store.claim(this.user, this.#hasFollowed);
    } catch (error) {
      this.#onStoreFailed(error);
      return;
    }
    if (this.#isClosed || this.#engine !== null) return;
    this.#loseNoPatience();
    const wasStopped = this.#leaderState === "stopped";
    const engine = new Engine(service, store, (batch) => this.#tellAll(batch), this.#onStoreFailed);
    this.#engine = engine;
    this.#leader = tab;
    this.#copy = null;
    engine.signIn(this.user, stored);
    if (wasStopped) engine.call({ type: "disconnect" }, "");
    for (const [name, { call }] of this.#calls) this.#make(name, call);
    this.#show();
  }

  #tellAll(batch: Batch): void {
    const { tab } = this.#environment;
    this.#tabs.tell({ type: "batch", leader: tab, state: this.state, ...batch });
    this.#take(batch.done);
    this.#emit(batch.events);
  }

  /** What was not stored must be neither shown nor sent: it would be numbered twice. Begin again with what was. */
  readonly #onStoreFailed = (error: unknown): void => {
    if (this.#isClosed) return;
    if (error instanceof Superseded) {
      this.#onLost();
      return;
    }
    if (error instanceof Erased) {
      this.#emit([{ type: "signed_out", user_id: this.user, erased: true }]);
      return;
    }
    console.error("syncd: the watchlist cannot be stored; trying again.", error);
    this.#retire();
    void this.#readCopy();
    const waitMs = this.#storeTrouble.next(Math.random());
    this.#patience = setTimeout(() => this.#tabs.takeLead(this.#onGranted, this.#onLost), PATIENCE_MS + waitMs);
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
      this.#engine.retire();
    }
    this.#engine = this.#leader = null;
    this.#loseNoPatience();
  }

  // Following

  #hear(news: TabNews): void {
    if (this.#isClosed) return;
    if (news.type === "call") {
      this.#engine?.call(news.call, news.name);
      return;
    }
    if (this.#engine !== null) {
      // The last words of a leader before, of which only a log-out counts; or this tab leads no more: saving tells.
      this.#emit(news.events.filter((event) => event.type === "signed_out"));
      this.#environment.store.save(this.user, []).catch(this.#onStoreFailed);
      return;
    }
    this.#hasFollowed = true;
    this.#leaderState = news.state;
    if (news.leader !== this.#leader) {
      this.#leader = news.leader;
      void this.#readCopy();
      for (const [name, { call }] of this.#calls) this.#make(name, call);
    }
    if (this.#held === null) this.#follow(news);
    else this.#held.push(news);
  }

  async #readCopy(): Promise<void> {
    const held = (this.#held = [...(this.#held ?? [])]);
    const copy = await this.#environment.store.read(this.user).catch(() => null);
    if (this.#held !== held) return; // read again meanwhile
    this.#held = null;
    if (this.#engine !== null || this.#isClosed) return;
    this.#copy = copy;
    held.forEach((batch) => this.#follow(batch));
    this.#show();
    this.#environment.onEvent({ type: "updated" });
  }

  #follow({ changes, events, done }: Batch): void {
    changes.forEach((change) => this.#copy?.apply(change));
    this.#take(done);
    this.#loseNoPatience();
    if (this.#calls.size > 0) this.#bePatient();
    this.#emit(events);
  }

  #take(done: readonly string[]): void {
    for (const name of done) this.#calls.delete(name);
  }

  #emit(events: readonly SyncEvent[]): void {
    for (const event of events) {
      if (event.type === "signed_out") this.close();
      this.#environment.onEvent(event);
    }
  }
}
