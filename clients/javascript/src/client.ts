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

/** A client can be passed wherever an `EventTarget` can. */
export interface SyncClient extends Listening {}

/**
 * A user's watchlist and other lists on this device, kept the same as on the user's other devices.
 *
 * Nothing waits for the network: what the app changes is in `items` at once, and queued until the service has it.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface only types the events of EventTarget
export class SyncClient extends PlatformEventTarget {
  /** Which content ids the service accepts. */
  readonly contentIds: ContentIds;
  readonly #deps: TabSessionDeps;
  /** Stops watching for returns of the page; null: they are not watched. */
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
  /** By name, the collections beside the watchlist that the app has asked for. */
  readonly #lists = new Map<string, unknown>();
  #signIns = 0;
  /** The latest log-out or `close`: the next user waits for it. */
  #left: Promise<void> = Promise.resolve();
  /** Why nothing can be stored here, until the app was told. */
  #lack: string | null = null;

  // What the app was last told
  #state: State = "signed_out";
  #storage: Storage;
  #reason: string | null = null; // why `storage` changes next
  #version: string | null = null;
  readonly #updated = new Burst(() => this.#tellUpdated());

  /** Throws a TypeError if the address, `getToken` or `contentIds` is not valid, or there is no WebSocket. */
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
    if (WebSocket === undefined) throw new TypeError("There is no WebSocket here: pass one in the options.");
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

  /** The transport of the attempt or connection under way; null: offline. */
  get transport(): Transport | null {
    return this.#session?.transport ?? null;
  }

  /** Where list and queue are kept; with `memory`, they are lost with the page or the process. */
  get storage(): Storage {
    return this.#session?.storage ?? this.#deps.store.storage;
  }

  /**
   * The watchlist, in order of `position`, then the rest newest first, with the user's unconfirmed changes. The same
   * frozen array until something in it changes; items that do not change stay the same objects, too.
   */
  get items(): readonly Item[] {
    return this.#watchlist.items;
  }

  /** Whether the list has a content. Throws a TypeError if `contentId` is not valid. Cost: O(1). */
  has(contentId: string): boolean {
    return this.#watchlist.has(contentId);
  }

  /**
   * Call `listener` with the list, now and at each `updated`, until the returned function is called: the contract of
   * Svelte's stores, and of React's `useSyncExternalStore`.
   */
  subscribe(listener: (items: readonly Item[]) => void): () => void {
    return this.#watchlist.subscribe(listener);
  }

  /** How many of the user's changes the service has not settled yet. */
  get queueLength(): number {
    return this.#session?.queueLength ?? 0;
  }

  /** The last revision of the list that this device has. */
  get revision(): number {
    return this.#watchlist.revision;
  }

  /**
   * A list beside the watchlist, by its id, as the service's paths have it; the same object each time. From now on it
   * is kept on this device, and the client stays connected for it. Throws a TypeError if `name` is not a valid id.
   */
  list(name: string): List {
    checkListName(name);
    return this.#opened(name, List);
  }

  /** How far the user has come in each content; the same object each time. Followed from now on, as a list is. */
  get progress(): Progress {
    return this.#opened(PROGRESS, Progress);
  }

  /** The user's devices; the same object each time. Followed from now on, as a list is. */
  get devices(): Devices {
    return this.#opened(DEVICES, Devices);
  }

  /** Which lists the user has beside the watchlist, in order of their ids; followed from now on, as a list is. */
  get catalogue(): Shown<ListName> {
    return this.#opened(LISTS, ShownRegisters<ListName>);
  }

  #opened<Name extends string, T>(name: Name, Kind: new (name: Name, host: ShownHost) => T): T {
    let list = this.#lists.get(name);
    if (list === undefined) {
      list = new Kind(name, this.#host);
      this.#lists.set(name, list);
      void Promise.resolve().then(() => this.#session?.openLists()); // later: a component may ask while it renders
    }
    return list as T;
  }

  /**
   * Open `user`'s list as it is stored here, and connect; another user's is closed, and stays stored. Fulfilled when
   * the list is shown. Rejected with a TypeError if `user` is none that the service can know.
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

  /** Close the user's list, in all tabs. `erase`: nothing of it stays on the device, not even unsent changes. */
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

  /** Make sure of the connection within seconds: the network is back, the device woke or the user returned. */
  wake(): void {
    this.#session?.wake();
  }

  /**
   * Put a content into the watchlist, or change what it carries there: fields missing in `carried` stay as they are.
   * Throws a TypeError if `contentId` or `carried` is not valid, an Error if nobody is signed in.
   */
  add(contentId: string, carried?: ItemWords): Operation {
    return this.#watchlist.add(contentId, carried);
  }

  /** Take a content out of the watchlist; throws like `add`. */
  remove(contentId: string): Operation {
    return this.#watchlist.remove(contentId);
  }

  /** Add each, in order, in one go; throws like `add`, and then changes nothing. */
  addMany(contentIds: Iterable<string>): Operations {
    return this.#watchlist.addMany(contentIds);
  }

  /** Remove each, in order, in one go; throws like `add`, and then changes nothing. */
  removeMany(contentIds: Iterable<string>): Operations {
    return this.#watchlist.removeMany(contentIds);
  }

  /**
   * Which lists the user has now beside the watchlist; `catalogue` stays up to date. Needs a connection: rejected with
   * an Error if the service does not say now.
   */
  lists(): Promise<readonly NamedList[]> {
    return this.#host.ask(({ lists }, asking) => lists(asking));
  }

  /**
   * Have another device do something: the app there gets it as the event `command`. Fulfilled when it is on its way;
   * needs a connection. Rejected with a `RequestError`, whose `code` is `device_offline` if the device is connected
   * nowhere.
   */
  send(targetDeviceId: string, commandType: string, payload?: unknown): Promise<void> {
    return this.#host.ask(({ send }, asking) => send(asking, targetDeviceId, commandType, payload));
  }

  /**
   * Have another device go on with a content; answers from which second, null: not known. Rejected like `send`, or with
   * a TypeError if `contentId` is not valid.
   */
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

  /** Tell the app of an update, unless what it sees is as it was at the last one. */
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
