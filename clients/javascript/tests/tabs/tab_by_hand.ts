/** A tab whose storage, and whose messages from other tabs, the test controls. */

import type { TestContext } from "node:test";

import type { Change, Stored } from "../../src/data/user_state.js";
import { GuardedStore } from "../../src/stores/guarded_store.js";
import { MemoryStore } from "../../src/stores/memory_store.js";
import type { TabMessage } from "../../src/tabs/tab_message.js";
import { TabSession } from "../../src/tabs/tab_session.js";
import type { TabSessionDeps } from "../../src/tabs/tab_session_deps.js";

/** What the tab that leads says when nothing has happened. */
export const OF_LEADER = {
  type: "batch",
  leader: "other",
  state: "live",
  transport: "websocket",
  storage: "persistent",
  transient: null,
  changes: [],
  events: [],
  done: [],
} as const;

export class FailingStore extends MemoryStore {
  /** What the next calls reject with. */
  readonly failures: Error[] = [];
  /** What every call waits for. */
  gate: Promise<void> = Promise.resolve();

  override claim(userId: string): Promise<Stored | null> {
    return this.#failOr(() => super.claim(userId));
  }

  override save(userId: string, changes: readonly Change[]): Promise<void> {
    return this.#failOr(() => super.save(userId, changes));
  }

  async #failOr<T>(call: () => Promise<T>): Promise<T> {
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    await this.gate;
    return call();
  }
}

/** The other side of one tab: the test grants the lead and takes it away, and sees what the tab tells. */
class TabsByHand {
  canTell = true;
  readonly told: TabMessage[] = [];
  asked = 0;
  isClosed = false;
  grant = (): void => {};
  lose = (): void => {};
  onMessage: (message: TabMessage) => void = () => {};

  tell(message: TabMessage): void {
    if (this.isClosed) throw new DOMException("the channel is closed", "InvalidStateError");
    this.told.push(message);
  }

  lead(onGranted: () => void, onLost: () => void): void {
    this.grant = onGranted;
    this.lose = onLost;
  }

  takeLead(onGranted: () => void, onLost: () => void): void {
    this.asked += 1;
    this.lead(onGranted, onLost);
  }

  close(): void {
    this.isClosed = true;
  }
}

export function open(context: TestContext, ...lists: string[]) {
  context.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const store = new FailingStore();
  const tabs = new TabsByHand();
  const events: string[] = [];
  const getToken = context.mock.fn(() => null);
  const guarded = new GuardedStore(store, "persistent", {
    newReplica: () => "another replica",
    onStorage: (storage) => events.push(storage),
    onMerged: () => session.restart(),
  });
  const deps: TabSessionDeps = {
    service: { address: "ws://127.0.0.1:1", getToken, WebSocket },
    store: guarded,
    openTabs: (_user, onMessage) => {
      tabs.onMessage = onMessage;
      return tabs;
    },
    onEvents: (told) => events.push(...told.map((event) => event.type)),
  };
  const session = new TabSession("alice", deps, new Map(lists.map((list) => [list, null])));
  context.after(() => void session.close());
  return { store, guarded, tabs, events, session, getToken, passTimeout: () => context.mock.timers.tick(60_000) };
}
