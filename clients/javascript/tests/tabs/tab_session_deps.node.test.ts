/** Where a client keeps what it knows, and which tabs it joins, by the app's options and the platform. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { MemoryStore } from "../../src/stores/memory_store.js";
import type { Store } from "../../src/stores/store.js";
import { wired } from "../../src/tabs/tab_session_deps.js";
import { BrowserTabs, NoOtherTabs } from "../../src/tabs/tabs.js";

function wiredFor(context: TestContext, given: Store | null, database: string | null) {
  const deps = wired(given, database, {
    service: { address: "ws://127.0.0.1:1", getToken: () => null, WebSocket },
    onEvents: () => undefined,
    onStorage: () => undefined,
    onMerged: () => undefined,
  });
  const tabs = deps.openTabs("alice", () => undefined);
  context.after(() => {
    tabs.close();
    deps.store.close();
  });
  return { storage: deps.store.storage, tabs: tabs.constructor };
}

/** A page's platform without a BroadcastChannel, which Node has; `indexedDb`: what asking for it does. */
function givePlatform(context: TestContext, indexedDb: () => unknown): void {
  const channel = Object.getOwnPropertyDescriptor(globalThis, "BroadcastChannel") ?? {};
  Object.defineProperty(globalThis, "BroadcastChannel", { configurable: true, value: undefined });
  Object.defineProperty(globalThis, "indexedDB", { configurable: true, get: indexedDb });
  context.after(() => {
    Object.defineProperty(globalThis, "BroadcastChannel", channel);
    Reflect.deleteProperty(globalThis, "indexedDB");
  });
}

test("without IndexedDB all is in memory, and there are no other tabs", (context) => {
  const { storage, tabs } = wiredFor(context, null, "syncd");
  assert.deepEqual([storage, tabs], ["memory", NoOtherTabs]);
});

for (const [kind, indexedDb] of [
  ["with IndexedDB", () => ({})],
  ["where asking for IndexedDB throws", () => assert.fail("it is forbidden")],
] as const) {
  test(`${kind} the database is shared with the other tabs`, (context) => {
    givePlatform(context, indexedDb);
    const { storage, tabs } = wiredFor(context, null, "syncd");
    assert.deepEqual([storage, tabs], ["persistent", BrowserTabs]);
  });
}

test("an app that wants no database, or has a store of its own, has no other tabs", (context) => {
  givePlatform(context, () => ({}));
  assert.deepEqual(wiredFor(context, null, null).tabs, NoOtherTabs);
  const { storage, tabs } = wiredFor(context, new MemoryStore(), "syncd");
  assert.deepEqual([storage, tabs], ["persistent", NoOtherTabs]);
});
