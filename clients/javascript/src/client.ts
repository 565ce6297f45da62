/** The client as an app sees it. */

import { addressOf } from "./address.js";
import { randomName } from "./engine.js";
import type { SyncEvent, SyncEvents } from "./events.js";
import { checkUserId } from "./ids.js";
import { IndexedDbStore } from "./indexeddb_store.js";
import type { GetToken, Service } from "./link.js";
import type { Item } from "./list_view.js";
import { MemoryStore } from "./memory_store.js";
import type { Transport } from "./outputs.js";
import { watchReturns } from "./returns.js";
import type { State } from "./state.js";
import { type TabMessage, TabSession, type TabSessionDeps } from "./tab_session.js";
import { BrowserTabs, NoOtherTabs } from "./tabs.js";

export interface SyncClientOptions {
  /** The service, `https://…` or `wss://…`, up to and without `/ws`. Default: where the page comes from. */
  readonly url?: string | URL;
  /**
   * Answers with the device's token, now or later; null or a rejection: there is none now. It is asked before every
   * attempt to connect and a minute before a token ends: return a token as long as it is good.
   */
  readonly getToken: GetToken;
  /**
   * The IndexedDB database for list and queue; all pages of an origin that name the same one are one device.
   * Default: `syncd`. With null, and where there is no IndexedDB (Node), both are kept in memory.
   */
  readonly database?: string | null;
  /** Default: the global one. Node 20 has none: pass a class with the same interface. */
  readonly WebSocket?: typeof WebSocket;
}

/** An event of a client: `type` says which; its other fields are as in `SyncEvents`. */
export type ClientEvent<T extends keyof SyncEvents> = Event & { readonly type: T } & SyncEvents[T];

type Listener<T extends keyof SyncEvents> =
  | ((event: ClientEvent<T>) => void)
  | { handleEvent(event: ClientEvent<T>): void };

/** The events are those of `SyncEvents`. */
export interface SyncClient {
  addEventListener<T extends keyof SyncEvents>(
    type: T,
    listener: Listener<T> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<T extends keyof SyncEvents>(
    type: T,
    listener: Listener<T> | null,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/**
 * A user's watchlist on this device, the same as on all the others as soon as there is a network.
 *
 * Nothing waits for the network: what the app changes is in `items` at once, and queued until the service has it.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface only types the events of EventTarget
export class SyncClient extends EventTarget {
  readonly #deps: Promise<TabSessionDeps>;
  readonly #ignoreReturns: () => void;
  #session: TabSession | null = null;
  #signIns = 0;
  /** The latest log-out: the next user waits for it. */
  #signedOut: Promise<void> = Promise.resolve();

  /** Throws a TypeError where the address is none, `getToken` is no function, or there is no WebSocket. */
  constructor({ url, getToken, database = "syncd", WebSocket = globalThis.WebSocket }: SyncClientOptions) {
    super();
    if (typeof getToken !== "function") throw new TypeError("getToken: must be a function that answers with a token");
    if (WebSocket === undefined) throw new TypeError("There is no WebSocket here: pass one in the options.");
    this.#deps = this.#prepare(
      { address: addressOf(url ?? globalThis.location?.origin), getToken, WebSocket },
      database,
    );
    this.#ignoreReturns = watchReturns(() => this.wake());
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

  /** The list, newest first, the user's unconfirmed changes included. A new array each time, sorted again. */
  get items(): readonly Item[] {
    return this.#session?.list() ?? [];
  }

  /** How many of the user's changes are not settled with the service. */
  get queueLength(): number {
    return this.#session?.queueLength ?? 0;
  }

  /** The last revision of the list that this device has. */
  get revision(): number {
    return this.#session?.stored?.head.revision ?? 0;
  }

  /**
   * Open `user`'s list as it is stored here, and connect; another's is closed and kept. Fulfilled: it is shown. Rejected
   * with a TypeError where the service can know nobody by that id.
   */
  async signIn(user: string): Promise<void> {
    checkUserId(user);
    this.#signIns += 1;
    const signIn = this.#signIns;
    const deps = await this.#deps;
    await this.#signedOut;
    if (signIn !== this.#signIns) return; // somebody else was signed in meanwhile, or nobody
    if (this.#session?.userId === user) {
      this.connect();
    } else {
      this.#leave();
      this.#session = new TabSession(user, deps);
    }
    await this.#session.shown;
  }

  /** Close the user's list, in all tabs. `erase`: nothing of it stays on the device, unsent changes included. */
  async signOut({ erase }: { readonly erase: boolean }): Promise<void> {
    this.#signIns += 1;
    if (this.#session === null) return;
    this.#session.call({ type: "sign_out", erase });
    this.#signedOut = this.#session.closed;
    await this.#signedOut;
  }

  /** Connect now instead of later: what stopped the client was fixed. */
  connect(): void {
    this.#session?.call({ type: "connect" });
  }

  /** Stay offline, in all tabs, until `connect`. */
  disconnect(): void {
    this.#session?.call({ type: "disconnect" });
  }

  /** Be sure of the connection within seconds: the network is back, the device woke or the user returned. */
  wake(): void {
    this.#session?.wake();
  }

  /** Put a content into the list. Throws a TypeError if `contentId` is no UUID, an Error if nobody is signed in. */
  add(contentId: string): void {
    this.#signedIn().enqueue("add", contentId);
  }

  /** Take a content out of the list; throws like `add`. */
  remove(contentId: string): void {
    this.#signedIn().enqueue("remove", contentId);
  }

  /** Disconnect this page and release everything; list and queue stay stored. The client can't be used any more. */
  async close(): Promise<void> {
    this.#signIns += 1;
    this.#ignoreReturns();
    this.#session?.close();
    this.#session = null;
    (await this.#deps).store.close();
  }

  #signedIn(): TabSession {
    if (this.#session === null) throw new Error("Nobody is signed in.");
    return this.#session;
  }

  #leave(): void {
    if (this.#session === null) return;
    this.#session.close();
    this.#tell({ type: "signed_out", user_id: this.#session.userId, erased: false });
  }

  readonly #tell = (event: SyncEvent): void => {
    if (event.type === "signed_out") this.#session = null;
    const { type, ...fields } = event;
    this.dispatchEvent(Object.assign(new Event(type), fields));
  };

  async #prepare(service: Service, database: string | null): Promise<TabSessionDeps> {
    const tab = randomName();
    const deps = { tab, service, onEvent: this.#tell };
    try {
      if (database !== null && globalThis.indexedDB !== undefined) {
        const store = await IndexedDbStore.open(database, tab);
        const openTabs = (userId: string, onMessage: (message: TabMessage) => void) =>
          new BrowserTabs(`${database}/${userId}`, onMessage);
        return { ...deps, store, openTabs };
      }
    } catch (error) {
      // biome-ignore lint/suspicious/noConsole: the app goes on; whoever debugs it should know
      console.warn("syncd: the browser stores nothing; the watchlist is kept until the page is closed.", error);
    }
    return { ...deps, store: new MemoryStore(), openTabs: () => new NoOtherTabs() };
  }
}
