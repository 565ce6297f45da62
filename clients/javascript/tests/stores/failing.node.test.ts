/** When a store counts as failing, how soon it is tried again, and what is left of that when it is closed. */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { UserCollections } from "../../src/data/user_collections.js";
import { UserState } from "../../src/data/user_state.js";
import { GuardedStore } from "../../src/stores/guarded_store.js";
import { content } from "../contents.js";
import { BadStore, claim, contentsOf, open, save } from "./bad_store.js";

const A = content(1);

test("a store that does not even answer a claim is not called again", async (context) => {
  const { store, guarded, pass } = open(context);
  const read = context.mock.method(store, "read");
  store.behaviour = "hangs";
  const claimed = claim(guarded);
  await pass(5);
  await claimed;
  assert.deepEqual([guarded.storage, read.mock.callCount()], ["memory", 0]);
});

test("a tab goes on with its copy of the leader's state if the store has nothing to read", async (context) => {
  const { store, guarded } = open(context);
  const copy = new UserCollections("alice", null, () => "of the leader");
  copy.enqueue("add", A, 1);
  store.behaviour = "rejects";
  const state = await guarded.claim("alice", true, copy.state);
  assert.deepEqual([state?.head.replica, contentsOf(state?.stored() ?? null)], ["memory 1", [A]]);
});

test("a closed store reports no call that fails then, and reports one that fails once it is in use again", async (context) => {
  const { store, told, guarded, pass } = open(context);
  const before = await claim(guarded);
  store.behaviour = "hangs";
  const refused = assert.rejects(() => save(guarded, before), /does not answer/u);
  guarded.close();
  await pass(6);
  await refused;
  assert.deepEqual([guarded.storage, told], ["persistent", []]);
  store.behaviour = "good";
  const again = await claim(guarded);
  store.behaviour = "rejects";
  await assert.rejects(() => save(guarded, again), /QuotaExceededError/u);
  assert.deepEqual([guarded.storage, told], ["memory", ["memory: Error: QuotaExceededError"]]);
});

test("a store that is closed while it fails leaves no timer behind", async () => {
  const store = new BadStore();
  const guarded = new GuardedStore(store, "persistent", {
    newReplica: () => "memory",
    onStorage: () => undefined,
    onMerged: () => undefined,
  });
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const before = timers();
  store.behaviour = "rejects";
  await claim(guarded);
  assert.equal(timers(), before + 1);
  guarded.close();
  assert.equal(timers(), before);
});

test("a store has 5 s for a call while the page is awake, and one more for each 1,000 rows", async (context) => {
  for (const [rows, limitS] of [
    [1, 6],
    [10_000, 15],
  ] as const) {
    const { store, guarded, pass } = open(context);
    await claim(guarded);
    store.behaviour = "hangs";
    const cleared = context.mock.method(globalThis, "clearInterval");
    const changes = Array.from({ length: rows }, () => ({ set: { revision: 1 } }));
    const refused = assert.rejects(() => guarded.save("alice", changes), /does not answer/u);
    await pass(limitS - 1);
    assert.equal(guarded.storage, "persistent");
    await pass(1);
    await refused;
    assert.deepEqual([guarded.storage, cleared.mock.callCount()], ["memory", 1]); // it does not count on
    context.mock.reset();
    context.mock.timers.reset();
  }
});

test("calls that fail together are reported once, and cause one new attempt, after a second at least and later each time", async (context) => {
  const { store, told, guarded, pass } = open(context);
  const claimed = context.mock.method(store, "claim");
  await claim(guarded);
  const saved = (): Promise<void> => guarded.save("alice", [{ set: { revision: 1 } }]);
  store.behaviour = "hangs";
  const refused = [1, 2, 3].map(() => assert.rejects(saved, /does not answer/u));
  await pass(6);
  await Promise.all(refused);
  assert.deepEqual(told, ["memory: Error: the store does not answer"]);
  store.behaviour = "rejects";
  const tries = async (afterMs: number): Promise<number> => {
    const before = claimed.mock.callCount();
    context.mock.timers.tick(afterMs);
    await setImmediate();
    return claimed.mock.callCount() - before;
  };
  assert.deepEqual([await tries(999), await tries(1)], [0, 1]); // what is drawn is 0
  context.mock.method(Math, "random", () => 0.999_999);
  assert.deepEqual([await tries(999), await tries(1)], [0, 1]);
  assert.deepEqual([await tries(1998), await tries(1)], [0, 1]); // drawn of the 2 s after two failures
  store.behaviour = "good";
  assert.deepEqual([await tries(3998), await tries(1)], [0, 1]);
  assert.equal(guarded.storage, "persistent");
  store.behaviour = "rejects";
  await assert.rejects(saved, /QuotaExceededError/u);
  assert.deepEqual([await tries(999), await tries(1)], [0, 1]); // as the first time
});

test("a store that is closed while it is brought up to date is not tried again, and nothing more is told of it", async (context) => {
  for (const last of ["hangs", "good"] as const) {
    const { store, told, guarded, pass } = open(context);
    store.behaviour = "rejects";
    await save(guarded, await claim(guarded));
    const claimed = context.mock.method(store, "claim");
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    context.mock.method(store, "save", () => gate);
    store.behaviour = last;
    context.mock.timers.tick(1000);
    await setImmediate();
    guarded.close();
    release();
    await pass(60);
    assert.deepEqual([claimed.mock.callCount(), told], [1, ["memory: Error: QuotaExceededError"]]);
    context.mock.reset();
    context.mock.timers.reset();
  }
});

test("a state with any malformed part is not accepted as a client's", async (context) => {
  const { head } = UserState.empty("r");
  for (const kept of [
    { head, items: [] },
    { head, queue: [] },
    { items: [], queue: [] },
    { head: {}, items: [], queue: [] },
  ]) {
    const { store, told, guarded } = open(context);
    context.mock.method(store, "claim", async () => kept);
    assert.equal((await claim(guarded)).state.head.replica, "disk");
    assert.deepEqual(told, ["memory: TypeError: the store holds something else than a client's state"]);
    context.mock.reset();
    context.mock.timers.reset();
  }
});

test("once a store is closed, nothing of its earlier users is kept or written", async (context) => {
  const { store, guarded, pass } = open(context);
  const closed = context.mock.method(store, "close");
  const lists = await claim(guarded);
  lists.enqueue("add", A, 1);
  await save(guarded, lists);
  guarded.close();
  assert.equal(closed.mock.callCount(), 1);
  const others = { set: UserState.empty("another tab's").head };
  await store.save("alice", [others]);
  store.behaviour = "rejects";
  await guarded.claim("bob", false, null);
  store.behaviour = "good";
  await pass(1);
  assert.deepEqual([guarded.storage, (await store.read("alice"))?.head.replica], ["persistent", "another tab's"]);
});
