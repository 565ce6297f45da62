/** What an app sees of any collection: a list, progress or devices. */

import { bindMembers } from "./bound.js";
import type { TabSession } from "./tabs/tab_session.js";
import type { Asking } from "./transport/requests.js";

type Requests = typeof import("./transport/requests.js");

/** What a collection needs of its client. */
export interface ShownHost {
  /** The session of the signed-in user; throws an Error if nobody is signed in. */
  readonly signedIn: () => TabSession;
  /** The same, or null if nobody is signed in. */
  readonly session: () => TabSession | null;
  /** Listen until the returned function is called. */
  readonly onUpdated: (listener: () => void) => () => void;
  /**
   * Ask the service for something beside the connection, for the user who is signed in now, however long loading takes.
   */
  readonly ask: <T>(request: (requests: Requests, asking: Asking) => Promise<T>) => Promise<T>;
  /** The canonical spelling of a content's id; throws a TypeError if it is not valid. */
  readonly canonical: (contentId: string) => string;
}

/** Shows what belongs to the user who is signed in. */
export abstract class Shown<Item> {
  protected readonly host: ShownHost;

  constructor(host: ShownHost) {
    this.host = host;
    bindMembers(this, new.target.prototype);
  }

  abstract get items(): readonly Item[];

  /**
   * Call `listener` with the items, now and at each `updated`, until the returned function is called: the contract of
   * Svelte's stores, and of React's `useSyncExternalStore`.
   */
  subscribe(listener: (items: readonly Item[]) => void): () => void {
    const onUpdated = (): void => listener(this.items);
    onUpdated(); // before it listens: if this throws, the caller could not end that
    return this.host.onUpdated(onUpdated);
  }
}
