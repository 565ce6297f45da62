import type { SyncEvent } from "./events.js";
import type { GuardedStore } from "./guarded_store.js";
import type { ContentIds } from "./ids.js";
import type { Service } from "./service.js";
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
