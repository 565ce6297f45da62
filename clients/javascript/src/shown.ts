/** What an app sees of any collection: a list, progress or devices. */

import { bindMembers } from "./bound.js";
import type { TabSession } from "./tabs/tab_session.js";
import type { Asking } from "./transport/requests.js";

type Requests = typeof import("./transport/requests.js");

/** What a collection works on. */
export interface ShownHost {
  /** The user's who is signed in; throws an Error where nobody is. */
  readonly signedIn: () => TabSession;
  /** The same, or null. */
  readonly session: () => TabSession | null;
  /** Listen, until what it returns is called. */
  readonly onUpdated: (listener: () => void) => () => void;
  /** Ask the service for something beside the connection, for the user who is signed in now: loading may take long. */
  readonly ask: <T>(request: (requests: Requests, asking: Asking) => Promise<T>) => Promise<T>;
  /** The one spelling of a content's id; throws a TypeError where it is none. */
  readonly canonical: (contentId: string) => string;
}

/** Of whichever user is signed in. */
export abstract class Shown<Item> {
  protected readonly host: ShownHost;

  constructor(host: ShownHost) {
    this.host = host;
    bindMembers(this, new.target.prototype);
  }

  abstract get items(): readonly Item[];

  /**
   * Have `listener` called with the items, now and at each `updated`, until what is returned is called: as Svelte's stores
   * do, and as `useSyncExternalStore` of React wants it.
   */
  subscribe(listener: (items: readonly Item[]) => void): () => void {
    const onUpdated = (): void => listener(this.items);
    onUpdated(); // what it throws nobody could end
    return this.host.onUpdated(onUpdated);
  }
}
