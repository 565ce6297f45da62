import type { SyncEvent } from "../core/events.js";
import type { ContentIds } from "../data/ids.js";
import type { GuardedStore } from "../stores/guarded_store.js";
import type { Service } from "../transport/service.js";
import type { TabMessage } from "./tab_message.js";
import type { Tabs } from "./tabs.js";

/** What a tab's session is wired with. `tab`: a name that no other tab has. */
export interface TabSessionDeps {
  readonly tab: string;
  readonly contentIds: ContentIds;
  readonly service: Service;
  readonly store: GuardedStore;
  readonly openTabs: (userId: string, onMessage: (message: TabMessage) => void) => Tabs<TabMessage>;
  /** What the app is to be told now, which may be nothing but that the session's properties have changed. */
  readonly onEvents: (events: readonly SyncEvent[]) => void;
}
