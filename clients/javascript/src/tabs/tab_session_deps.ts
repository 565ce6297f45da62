/** What a tab's session works with: the store that the app has given or that there is, and the tabs beside this one. */

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
  /** What the app is to be told now, which may be nothing but that the session's properties have changed. */
  readonly onEvents: (events: readonly SyncEvent[]) => void;
}

/** What the client says of them itself. */
type Given = Pick<TabSessionDeps, "service" | "onEvents"> & Pick<GuardedStoreDeps, "onStorage" | "onMerged">;

/** `given`, `database`: the app's options. Where there is no IndexedDB, or none is wanted, all is kept in memory. */
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

/** Whether there may be one: where it is forbidden, asking throws. */
function hasIndexedDb(): boolean {
  try {
    return globalThis.indexedDB !== undefined;
  } catch {
    return true; // opening it says why not
  }
}
