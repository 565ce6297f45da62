/** The client as an app sees it. */

import { bindMembers } from "./bound.js";
import { Burst } from "./burst.js";
import type { SyncEvent } from "./core/events.js";
import type { Transport } from "./core/outputs.js";
import type { State } from "./core/state.js";
import { readToken } from "./core/token.js";
import { faultIn } from "./core/tokens.js";
import { type ContentIds, canonical, checkListName, checkUserId } from "./data/ids.js";
import type { ItemWords } from "./data/item_fields.js";
import { DEVICES, LISTS, PROGRESS } from "./data/keys.js";
import type { Item } from "./data/list_view.js";
import type { ListName } from "./data/register_messages.js";
import type { Storage } from "./data/user_state.js";
import { Devices } from "./devices.js";
import { List } from "./list.js";
import type { Listening } from "./listening.js";
import type { Operation, Operations } from "./operations.js";
import type { SyncClientOptions } from "./options.js";
import { loadRequests } from "./parts.js";
import { newEvent, PlatformEventTarget } from "./platform/event_target.js";
import { watchReturns } from "./platform/returns.js";
import { Progress } from "./progress.js";
import type { Shown, ShownHost } from "./shown.js";
import { ShownRegisters } from "./shown_registers.js";
import { TabSession } from "./tabs/tab_session.js";
import { type TabSessionDeps, wired } from "./tabs/tab_session_deps.js";
import { addressOf } from "./transport/address.js";
import type { NamedList } from "./transport/requests.js";

/** A client is an `EventTarget` to whatever takes one. */
export interface SyncClient extends Listening {}

/**
 * A user's watchlist and other lists on this device, the same as on all the others as soon as there is a network.
 *
 * Nothing waits for the network: what the app changes is in `items` at once, and queued until the service has it.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface only types the events of EventTarget
export class SyncClient extends PlatformEventTarget {
  /** What is taken for a content's id. */
  readonly contentIds: ContentIds;
  readonly #deps: TabSessionDeps;
  /** Null: they are not watched. */
  #ignoreReturns: (() => void) | null = null;
  #session: TabSession | null = null;
  readonly #host: ShownHost = {
    session: () => this.#session,
    signedIn: () => this.#signedIn(),
    onUpdated: (listener) => {
      this.addEventListener("updated", listener);
      return () => this.removeEventListener("updated", listener);
    },
    ask: async (request) => {
      const asking = { service: this.#deps.service, session: this.#signedIn(), readToken, faultIn };
      return request(await loadRequests(), asking);
    },
    canonical: (contentId) => canonical(contentId, this.contentIds),
  };
  readonly #watchlist = new List(undefined, this.#host);
  /** The collections beside it that the app has asked for. */
  readonly #lists = new Map<string, unknown>();
  #signIns = 0;
  /** The latest log-out or `close`: the next user waits for it. */
  #left: Promise<void> = Promise.resolve();
  /** Why nothing can be stored here, if that was not told yet. */
  #lack: string | null = null;

  // What the app was told last
  #state: State = "signed_out";
  #storage: Storage;
  #reason: string | null = null; // why that will be another
  #version: string | null = null;
  readonly #updated = new Burst(() => this.#tellUpdated());

  /** Throws a TypeError where the address is none, `getToken` is no function, `contentIds` neither kind, or there is no WebSocket. */
  constructor({
    url,
    getToken,
    database = "syncd",
    store,
    contentIds = "uuid",
    WebSocket = globalThis.WebSocket,
  }: SyncClientOptions) {
    super();
    if (typeof getToken !== "function") throw new TypeError("getToken: must be a function that answers with a token");
    if (WebSocket === undefined) throw new TypeError("There is no WebSocket here: pass one.");
    const service = { address: addressOf(url ?? globalThis.location?.origin), getToken, WebSocket };
    if (contentIds !== "uuid" && contentIds !== "text") throw new TypeError('contentIds: must be "uuid" or "text"');
    this.contentIds = contentIds;
    this.#deps = wired(store ?? null, database, {
      service,
      onEvents: this.#tell,
      onStorage: (_, reason) => {
        this.#reason = reason;
        this.#tellStorage();
        this.#session?.announce();
      },
      onMerged: (userId) => this.#session?.userId === userId && this.#session.restart(),
    });
    this.#storage = this.#deps.store.storage;
    if (database !== null && this.#storage === "memory") this.#lack = "there is no IndexedDB here";
    bindMembers(this, new.target.prototype);
  }

  /** Whose list is open; null: nobody's. */
  get user(): string | null {
    return this.#session?.userId ?? null;
  }

  get state(): State {
    return this.#session?.state ?? "signed_out";
  }

  /** Which way the attempt or connection under way takes; null: offline. */
  get transport(): Transport | null {
    return this.#session?.transport ?? null;
  }

  /** Where list and queue are kept: `memory`: they end with the page or the process. */
  get storage(): Storage {
    return this.#session?.storage ?? this.#deps.store.storage;
  }

  /**
   * The watchlist: by `position`, then newest first, the user's unconfirmed changes included. The same frozen array until
   * something in it is another; items that are the same stay the same, too.
   */
  get items(): readonly Item[] {
    return this.#watchlist.items;
  }

  /** Whether the list has a content. Throws a TypeError if `contentId` is none. Cost: O(1). */
  has(contentId: string): boolean {
    return this.#watchlist.has(contentId);
  }

  /**
   * Have `listener` called with the list, now and at each `updated`, until what is returned is called: as Svelte's stores
   * do, and as `useSyncExternalStore` of React wants it.
   */
  subscribe(listener: (items: readonly Item[]) => void): () => void {
    return this.#watchlist.subscribe(listener);
  }

  /** How many of the user's changes are not settled with the service. */
  get queueLength(): number {
    return this.#session?.queueLength ?? 0;
  }

  /** The last revision of the list that this device has. */
  get revision(): number {
    return this.#watchlist.revision;
  }

  /**
   * A list beside the watchlist, by what it is called in the service's paths; the same object each time. From now on it is
   * kept on this device, and the client stays connected for it. Throws a TypeError where no list can be called so.
   */
  list(name: string): List {
    checkListName(name);
    return this.#opened(name, List);
  }

  /** How far the user has come in each content; the same object each time. As a list it is followed from now on. */
  get progress(): Progress {
    return this.#opened(PROGRESS, Progress);
  }

  /** The user's devices; the same object each time. As a list they are followed from now on. */
  get devices(): Devices {
    return this.#opened(DEVICES, Devices);
  }

  /** Which lists the user has beside the watchlist, by what they are called in paths; followed from now on as a list is. */
  get catalogue(): Shown<ListName> {
    return this.#opened(LISTS, ShownRegisters<ListName>);
  }

  #opened<Name extends string, T>(name: Name, Kind: new (name: Name, host: ShownHost) => T): T {
    let list = this.#lists.get(name);
    if (list === undefined) {
      list = new Kind(name, this.#host);
      this.#lists.set(name, list);
      void Promise.resolve().then(() => this.#session?.openLists()); // a component may ask for it while it is rendered
    }
    return list as T;
  }

  /**
   * Open `user`'s list as it is stored here, and connect; another's is closed and kept. Fulfilled: it is shown. Rejected
   * with a TypeError where the service can know nobody by that id.
   */
  async signIn(user: string): Promise<void> {
    checkUserId(user);
    this.#signIns += 1;
    const signIn = this.#signIns;
    await this.#left;
    if (signIn !== this.#signIns) {
      await this.#left; // the later call goes first: it may be for the same user
    } else if (this.#session?.userId === user) {
      this.connect();
    } else {
      this.#leave();
      this.#session = new TabSession(user, this.#deps, this.#lists);
      this.#ignoreReturns ??= watchReturns(
        () => this.wake(),
        () => this.#session?.flush(),
      );
      if (this.#lack !== null) this.#dispatch({ type: "storage", storage: this.storage, reason: this.#lack });
      this.#lack = null;
    }
    await this.#session?.shown;
  }

  /** Close the user's list, in all tabs. `erase`: nothing of it stays on the device, unsent changes included. */
  async signOut({ erase }: { readonly erase: boolean }): Promise<void> {
    this.#signIns += 1;
    if (this.#session === null) return;
    void this.#session.call({ type: "sign_out", erase });
    this.#left = this.#session.closed;
    await this.#left;
  }

  /** Connect now instead of later: what stopped the client was fixed. */
  connect(): void {
    void this.#session?.call({ type: "connect" });
  }

  /** Stay offline, in all tabs, until `connect`. */
  disconnect(): void {
    void this.#session?.call({ type: "disconnect" });
  }

  /** Be sure of the connection within seconds: the network is back, the device woke or the user returned. */
  wake(): void {
    this.#session?.wake();
  }

  /**
   * Put a content into the watchlist, or change what it carries there: what `carried` does not say stays as it is. Throws a
   * TypeError if `contentId` is none or `carried` is nothing to carry, an Error if nobody is signed in.
   */
  add(contentId: string, carried?: ItemWords): Operation {
    return this.#watchlist.add(contentId, carried);
  }

  /** Take a content out of the watchlist; throws like `add`. */
  remove(contentId: string): Operation {
    return this.#watchlist.remove(contentId);
  }

  /** As `add` for each, in order, in one go; throws like `add`, and changes nothing then. */
  addMany(contentIds: Iterable<string>): Operations {
    return this.#watchlist.addMany(contentIds);
  }

  /** As `remove` for each, in order, in one go; throws like `add`, and changes nothing then. */
  removeMany(contentIds: Iterable<string>): Operations {
    return this.#watchlist.removeMany(contentIds);
  }

  /** Which lists the user has beside the watchlist, once: `catalogue` is kept. Needs a connection: rejected with an Error where it can't be had. */
  lists(): Promise<readonly NamedList[]> {
    return this.#host.ask(({ lists }, asking) => lists(asking));
  }

  /**
   * Have another device do something: what an app there gets as event `command`. Fulfilled when that is on its way; needs a
   * connection. Rejected with a `RequestError`, whose `code` is `device_offline` where the device is connected nowhere.
   */
  send(targetDeviceId: string, commandType: string, payload?: unknown): Promise<void> {
    return this.#host.ask(({ send }, asking) => send(asking, targetDeviceId, commandType, payload));
  }

  /** Have another device go on with a content; from which second, null if nobody knows. Rejected like `send`; with a TypeError where `contentId` is none. */
  handoff(targetDeviceId: string, contentId: string): Promise<number | null> {
    return this.#host.ask(({ handoff }, asking) => handoff(asking, targetDeviceId, this.#host.canonical(contentId)));
  }

  /**
   * Store what the user has changed, disconnect this page and release everything; list and queue stay stored. Then
   * `signIn` may be called again.
   */
  async close(): Promise<void> {
    this.#signIns += 1;
    this.#ignoreReturns?.();
    this.#ignoreReturns = null;
    const session = this.#session;
    this.#forgetUser();
    const before = this.#left;
    this.#left = (async () => {
      await Promise.all([before, session?.close()]);
      this.#deps.store.close();
    })();
    this.#tellState();
    await this.#left;
  }

  #signedIn(): TabSession {
    if (this.#session === null) throw new Error("Nobody is signed in.");
    return this.#session;
  }

  #leave(): void {
    if (this.#session === null) return;
    void this.#session.close();
    this.#tell([{ type: "signed_out", user_id: this.#session.userId, erased: false }]);
  }

  #forgetUser(): void {
    this.#session = null;
    this.#version = null;
    this.#updated.ask();
  }

  readonly #tell = (events: readonly SyncEvent[]): void => {
    if (events.some(({ type }) => type === "signed_out")) this.#forgetUser();
    for (const event of events) {
      if (event.type === "updated") this.#updated.ask();
      else this.#dispatch(event);
    }
    this.#tellState();
    this.#tellStorage();
  };

  #tellState(): void {
    const { state } = this;
    if (state === this.#state) return;
    this.#state = state;
    this.#dispatch({ type: "state", state });
  }

  #tellStorage(): void {
    const { storage } = this;
    if (storage === this.#storage) return;
    this.#storage = storage;
    this.#dispatch({ type: "storage", storage, reason: this.#reason ?? "so it is in the tab that leads" });
    this.#reason = null;
  }

  /** Unless that what the app sees is as it was when it looked last. */
  #tellUpdated(): void {
    const version = this.#session?.version ?? "";
    if (version === this.#version) return;
    this.#version = version;
    this.#dispatch({ type: "updated" });
  }

  #dispatch(event: SyncEvent): void {
    const { type, ...fields } = event;
    this.dispatchEvent(newEvent(type, fields));
  }
}
