/** A tab whose storage or leader fails. The ports are played by hand; time goes by when the test says so. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { MemoryStore } from "../src/memory_store.js";
import { ErasedError, SupersededError } from "../src/store.js";
import { type TabMessage, TabSession, type TabSessionDeps } from "../src/tab_session.js";
import type { Change, UserState } from "../src/user_state.js";
import { Watchlist } from "../src/watchlist.js";
import { content } from "./daemon.js";

const [A, B] = [content(1), content(2)];

class FailingStore extends MemoryStore {
  /** What the next calls reject with. */
  readonly failures: Error[] = [];
  /** What every call waits for. */
  gate: Promise<void> = Promise.resolve();

  override claim(userId: string): Promise<UserState | null> {
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

/** One tab's side: the test grants, takes away, and is told. */
class TabsByHand {
  readonly told: TabMessage[] = [];
  asked = 0;
  grant = (): void => {};
  onMessage: (message: TabMessage) => void = () => {};

  tell(message: TabMessage): void {
    this.told.push(message);
  }

  lead(onGranted: () => void): void {
    this.grant = onGranted;
  }

  takeLead(onGranted: () => void): void {
    this.asked += 1;
    this.grant = onGranted;
  }

  close(): void {}
}

function open(context: TestContext) {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  context.mock.method(console, "error", () => {});
  const store = new FailingStore();
  const tabs = new TabsByHand();
  const events: string[] = [];
  const deps: TabSessionDeps = {
    tab: "this",
    service: { address: "ws://127.0.0.1:1", getToken: () => null, WebSocket },
    store,
    openTabs: (_user, onMessage) => {
      tabs.onMessage = onMessage;
      return tabs;
    },
    onEvent: (event) => events.push(event.type),
  };
  const session = new TabSession("alice", deps);
  context.after(() => session.close());
  return { store, tabs, events, session, passTimeout: () => context.mock.timers.tick(60_000) };
}

function contents(session: TabSession): string[] {
  return session.list().map((item) => item.content_id);
}

test("what could not be stored is shown no more, until the storage works again", async (context) => {
  const { store, tabs, session, passTimeout } = open(context);
  tabs.grant();
  await session.shown;
  session.enqueue("add", A);
  await setImmediate();
  store.failures.push(new Error("disk full"), new Error("disk full"));
  session.enqueue("add", B);
  assert.deepEqual(contents(session), [B, A]);
  await setImmediate();
  passTimeout();
  tabs.grant();
  await setImmediate(); // the claim fails, too
  passTimeout();
  tabs.grant();
  await setImmediate();
  assert.equal(tabs.asked, 2);
  assert.deepEqual(contents(session), [B, A]); // the call was never done: it is made again
  assert.deepEqual([...(session.stored?.queue.keys() ?? [])], [1, 2]);
});

test("nothing is told before it is stored", async (context) => {
  const { store, tabs, events, session } = open(context);
  tabs.grant();
  await session.shown;
  await setImmediate();
  let release = (): void => {};
  store.gate = new Promise((resolve) => {
    release = resolve;
  });
  events.length = 0;
  tabs.told.length = 0;
  session.enqueue("add", A);
  assert.deepEqual(contents(session), [A]);
  await setImmediate();
  assert.deepEqual([events, tabs.told], [[], []]);
  release();
  await setImmediate();
  assert.deepEqual(events, ["updated"]);
  assert.equal(tabs.told.length, 1);
});

test("a tab that was superseded asks the new leader for what it could not store", async (context) => {
  const { store, tabs, session } = open(context);
  tabs.grant();
  await session.shown;
  store.failures.push(new SupersededError());
  session.enqueue("add", A);
  await setImmediate();
  tabs.told.length = 0;
  tabs.onMessage({
    type: "batch",
    leader: "other",
    state: "live",
    transport: "websocket",
    changes: [],
    events: [],
    done: [],
  });
  await setImmediate();
  const writes = tabs.told.flatMap((message) =>
    message.type === "call" && message.call.type === "write" ? [message.call] : [],
  );
  assert.deepEqual(writes, [{ type: "write", operation: "add", content_id: A }]);
  assert.deepEqual([contents(session), session.queueLength], [[A], 1]);
  assert.deepEqual([session.state, session.transport], ["live", "websocket"]);
});

test("a tab that may lead after the others were signed out is signed out, too", async (context) => {
  const { store, tabs, events, session } = open(context);
  tabs.onMessage({
    type: "batch",
    leader: "other",
    state: "live",
    transport: "websocket",
    changes: [],
    events: [],
    done: [],
  });
  await session.shown;
  store.failures.push(new ErasedError());
  tabs.grant();
  await setImmediate();
  assert.equal(events.at(-1), "signed_out");
});

test("what a leader stored, but could not tell, is not done again by the next one", async (context) => {
  const { store, tabs, session } = open(context);
  session.enqueue("add", A);
  const call = tabs.told.find((message) => message.type === "call" && message.call.type === "write");
  assert.ok(call?.type === "call" && call.call.type === "write");
  const watchlist = new Watchlist("alice", null, () => "the replica");
  watchlist.enqueue("add", A, 1, call.name);
  await store.save("alice", watchlist.takeChanges().changes);
  tabs.grant();
  await session.shown;
  assert.deepEqual([contents(session), session.queueLength], [[A], 1]);
});

test("a log-out told by the leader before holds for the tab that leads now", async (context) => {
  const { tabs, events, session } = open(context);
  tabs.grant();
  await session.shown;
  const event = { type: "signed_out", user_id: "alice", erased: false } as const;
  tabs.onMessage({
    type: "batch",
    leader: "other",
    state: "signed_out",
    transport: null,
    changes: [],
    events: [event],
    done: [],
  });
  assert.equal(events.at(-1), "signed_out");
});

test("a leader that does not answer is relieved, once", async (context) => {
  const { tabs, session, passTimeout } = open(context);
  session.enqueue("add", A);
  assert.deepEqual(contents(session), [A]);
  passTimeout();
  assert.equal(tabs.asked, 1);
  tabs.grant();
  await session.shown;
  await setImmediate();
  passTimeout();
  assert.equal(tabs.asked, 1);
  assert.deepEqual([contents(session), session.queueLength], [[A], 1]);
});
