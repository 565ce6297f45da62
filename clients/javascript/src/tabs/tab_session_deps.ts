/** Wires a tab's session: with the app's store or the platform's, and with the channel to the other tabs. */

import type { SyncEvent } from "../core/events.js";
import { randomName } from "../engine.js";
import { GuardedStore, type GuardedStoreDeps } from "../stores/guarded_store.js";
import { IndexedDbStore } from "../stores/indexeddb_store.js";
import { MemoryStore } from "../stores/memory_store.js";
import type { Store } from "../stores/store.js";
import type { Service } from "../transport/service.js";
import type { TabMessage } from "./tab_message.js";
import { BrowserTabs, NoOtherTabs, type Tabs } from "./tabs.js";

/** What a tab's session is wired with. */
export interface TabSessionDeps {
  readonly service: Service;
  readonly store: GuardedStore;
  readonly openTabs: (userId: string, onMessage: (message: TabMessage) => void) => Tabs<TabMessage>;
  /** Called with the events to tell the app; none: only the session's properties have changed. */
  readonly onEvents: (events: readonly SyncEvent[]) => void;
}

/** What the client provides itself. */
type Given = Pick<TabSessionDeps, "service" | "onEvents"> & Pick<GuardedStoreDeps, "onStorage" | "onMerged">;

/** `given`, `database`: the app's options. Without IndexedDB, or if none is wanted, all is kept in memory. */
export function wired(given: Store | null, database: string | null, deps: Given): TabSessionDeps {
  const isShared = given === null && database !== null && hasIndexedDb();
  const inner = given ?? (isShared ? new IndexedDbStore(database, randomName()) : new MemoryStore());
  const store = new GuardedStore(inner, isShared || given !== null ? "persistent" : "memory", {
    ...deps,
    newReplica: randomName,
  });
  const openTabs = (userId: string, onMessage: (message: TabMessage) => void) =>
    isShared ? new BrowserTabs(`${database}/${userId}`, onMessage) : new NoOtherTabs();
  return { ...deps, store, openTabs };
}

/** Whether there may be IndexedDB: where it is forbidden, merely looking throws. */
function hasIndexedDb(): boolean {
  try {
    return globalThis.indexedDB !== undefined;
  } catch {
    return true; // opening it will say why not
  }
}
