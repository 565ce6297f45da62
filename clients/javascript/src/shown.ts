/** What an app sees of any collection: a list, progress or devices. */

import { bindMembers } from "./bound.js";
import type { ListHost } from "./list.js";

/** Of whichever user is signed in. */
export abstract class Shown<Item> {
  protected readonly host: ListHost;

  constructor(host: ListHost) {
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
    const end = this.host.onUpdated(onUpdated);
    onUpdated();
    return end;
  }
}
