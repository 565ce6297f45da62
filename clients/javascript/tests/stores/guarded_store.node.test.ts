/** What a client keeps when its store fails in every way. The tests move the clock. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { prefixOf, WATCHLIST } from "../../src/data/keys.js";
import { UserCollections } from "../../src/data/user_collections.js";
import type { Change } from "../../src/data/user_state.js";
import { content } from "../contents.js";
import { claim, contentsOf, open, save } from "./bad_store.js";

const [A, B, C] = [content(1), content(2), content(3)];

test("a failing save is reported once; what follows is kept in memory, and saved when the store works again", async (context) => {
  const { store, told, guarded, pass } = open(context);
  const before = await claim(guarded);
  before.enqueue("add", A, 1, { origin: "call 1" });
  await save(guarded, before);
  store.behaviour = "rejects";
  before.enqueue("add", B, 2, { origin: "call 2" });
  await assert.rejects(() => save(guarded, before), /QuotaExceededError/u);
  const after = await claim(guarded);
  assert.deepEqual([after.state.head.replica, contentsOf(after.state.stored())], ["memory 1", [A]]);
  after.enqueue("add", B, 2, { origin: "call 2" });
  const [first] = after.state.queue.values();
  assert.ok(first);
  after.acknowledge(first, undefined, undefined);
  await save(guarded, after);
  await pass(3);
  assert.deepEqual([guarded.storage, told], ["memory", ["memory: Error: QuotaExceededError"]]);
  store.behaviour = "good";
  await pass(2);
  assert.deepEqual([guarded.storage, told.length], ["persistent", 2]);
  assert.deepEqual(await store.read("alice"), after.state.stored());
  after.enqueue("add", C, 3, { origin: "call 3" });
  await save(guarded, after);
  assert.deepEqual(contentsOf(await store.read("alice")), [B, C]);
});

test("what is saved while the store is being brought up to date is in it, too", async (context) => {
  const { store, guarded, pass } = open(context);
  const watchlist = await claim(guarded);
  store.behaviour = "rejects";
  await assert.rejects(() => save(guarded, watchlist));
  const after = await claim(guarded, "new");
  await save(guarded, after);
  store.behaviour = "good";
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const saved = store.save.bind(store);
  const slow = async (userId: string, changes: readonly Change[]): Promise<void> => {
    await gate;
    await saved(userId, changes);
    store.behaviour = "rejects"; // what came in late
  };
  context.mock.method(store, "save", slow, { times: 1 });
  await pass(1);
  after.enqueue("add", A, 1, { origin: "call 1" });
  await save(guarded, after);
  assert.equal(guarded.storage, "memory");
  release();
  await setImmediate();
  assert.deepEqual([guarded.storage, store.behaviour], ["memory", "rejects"]);
  store.behaviour = "good";
  await pass(1);
  assert.deepEqual([guarded.storage, contentsOf(await store.read("alice"))], ["persistent", [A]]);
  after.enqueue("add", B, 2, { origin: "call 2" });
  await save(guarded, after);
  assert.deepEqual(contentsOf(await store.read("alice")), [A, B]);
});

test("a store that never answers is given up after some seconds, and what it saved after all counts once", async (context) => {
  const { store, guarded, pass } = open(context);
  const before = await claim(guarded);
  await save(guarded, before);
  before.enqueue("add", A, 1, { origin: "call 1" });
  const { changes } = before.takeChanges();
  store.behaviour = "hangs";
  const saved = guarded.save("alice", changes);
  const refused = assert.rejects(() => saved, /does not answer/u);
  await pass(6);
  await refused;
  const after = await claim(guarded);
  after.enqueue("add", A, 1, { origin: "call 1" });
  await save(guarded, after);
  store.behaviour = "good";
  await store.save("alice", changes); // late
  await pass(2);
  assert.deepEqual([guarded.storage, contentsOf(await store.read("alice"))], ["persistent", [A]]);
});

test("what a store holds that failed from the start is merged with what was done without it", async (context) => {
  const { store, merged, guarded, pass } = open(context);
  const earlier = new UserCollections("alice", null, () => "disk");
  earlier.enqueue("add", A, 1, { origin: "an earlier page's call" });
  earlier.applySnapshot("", { revision: 7, epoch: "e", items: [{ content_id: C }] });
  await store.save("alice", earlier.takeChanges().changes);
  store.behaviour = "rejects";
  context.mock.method(store, "read", () => Promise.reject(new Error("damaged")), { times: 1 });
  const meanwhile = await claim(guarded, "new");
  meanwhile.enqueue("add", B, 2, { origin: "a call" });
  await save(guarded, meanwhile);
  store.behaviour = "good";
  await pass(1);
  assert.deepEqual(merged, ["alice"]);
  const both = await claim(guarded);
  assert.deepEqual([both.head("").revision, [...both.state.items.keys()]], [7, [C]]);
  assert.deepEqual(contentsOf(both.state.stored()), [A, B]);
  await pass(2);
  assert.deepEqual([guarded.storage, contentsOf(await store.read("alice"))], ["persistent", [A, B]]);
  assert.deepEqual(
    Array.from(both.state.queue.values(), (write) => write.operation_id),
    ["disk.1", "new.1"],
  );
});

test("lists written in memory and in the store are both there afterwards, and no number is given twice", async (context) => {
  const { store, guarded, pass } = open(context);
  const [kids, party] = [prefixOf("kids"), prefixOf("party")];
  const earlier = new UserCollections("alice", null, () => "disk");
  earlier.applySnapshot("", { revision: 7, epoch: "e", items: [{ content_id: C }] });
  earlier.applySnapshot(kids, { revision: 5, epoch: "e", items: [{ content_id: A }] });
  earlier.enqueue("add", kids + B, 1);
  await store.save("alice", earlier.takeChanges().changes);
  store.behaviour = "rejects";
  context.mock.method(store, "read", () => Promise.reject(new Error("damaged")), { times: 1 });
  const meanwhile = await claim(guarded, "new");
  meanwhile.enqueue("add", kids + C, 2, { position: "a" });
  meanwhile.enqueue("add", party + C, 2);
  await save(guarded, meanwhile);
  store.behaviour = "good";
  await pass(1);
  const both = await claim(guarded);
  assert.deepEqual([both.head("").revision, both.head(kids).revision, both.head(party).revision], [7, 5, 0]);
  const shown = [WATCHLIST, kids, party].map((prefix) => both.state.list([], prefix).map((item) => item.content_id));
  assert.deepEqual(shown, [[C], [C, B, A], [C]]);
  both.enqueue("add", party + A, 3);
  assert.deepEqual(
    Array.from(both.state.queue.values(), ({ tag }) => tag),
    ["disk:1", "new:1", "new:1", "new:2"],
  );
});

test("what can be read from a store that can't be claimed is shown, and sent under its own ids", async (context) => {
  const { store, guarded, pass } = open(context);
  const earlier = new UserCollections("alice", null, () => "disk");
  earlier.enqueue("add", A, 1, { origin: "an earlier call" });
  await store.save("alice", earlier.takeChanges().changes);
  store.behaviour = "rejects";
  const now = await claim(guarded);
  now.enqueue("add", B, 2, { origin: "a call" });
  await save(guarded, now);
  assert.deepEqual(
    Array.from(now.state.queue.values(), ({ operation_id, tag }) => [operation_id, tag]),
    [
      ["disk.1", "disk:1"],
      ["memory 1.2", "memory 1:1"],
    ],
  );
  store.behaviour = "good";
  await pass(1);
  assert.deepEqual([guarded.storage, await store.read("alice")], ["persistent", now.state.stored()]);
});

test("an erasure that the store missed is done when it works again", async (context) => {
  const { store, guarded, pass } = open(context);
  const before = await claim(guarded);
  before.enqueue("add", A, 1);
  await save(guarded, before);
  store.behaviour = "rejects";
  before.erase();
  await assert.rejects(() => save(guarded, before));
  const after = await claim(guarded);
  after.erase();
  await save(guarded, after);
  guarded.release("alice", false);
  assert.deepEqual([guarded.owesErasure("alice"), guarded.owesErasure("bob")], [true, false]);
  store.behaviour = "good";
  await pass(1);
  assert.deepEqual([guarded.owesErasure("alice"), await store.read("alice")], [false, null]);
});

test("what was stored since an erasure is not erased when the store fails again", async (context) => {
  const { store, guarded, pass } = open(context);
  store.behaviour = "rejects";
  const before = await claim(guarded);
  before.erase();
  await save(guarded, before);
  guarded.release("alice", false);
  store.behaviour = "good";
  await pass(1);
  assert.equal(guarded.storage, "persistent");
  const elsewhere = new UserCollections("alice", null, () => "another client's");
  elsewhere.enqueue("add", A, 1);
  await store.save("alice", elsewhere.takeChanges().changes);
  store.behaviour = "rejects";
  context.mock.method(store, "read", () => Promise.reject(new Error("damaged")), { times: 1 });
  await claim(guarded);
  store.behaviour = "good";
  await pass(1);
  assert.deepEqual([guarded.storage, contentsOf(await store.read("alice"))], ["persistent", [A]]);
});

test("what could not be stored is dropped once another client serves the user", async (context) => {
  const { store, guarded, pass } = open(context);
  store.behaviour = "rejects";
  const before = await claim(guarded);
  before.enqueue("add", A, 1);
  await save(guarded, before);
  guarded.release("alice", true);
  store.behaviour = "good";
  const claimed = context.mock.method(store, "claim");
  await pass(1);
  assert.deepEqual([guarded.storage, claimed.mock.callCount(), await store.read("alice")], ["persistent", 0, null]);
});

test("a store that is closed while it is about to be tried again is left alone", async (context) => {
  const { store, told, merged, guarded, pass } = open(context);
  const watchlist = await claim(guarded);
  store.behaviour = "rejects";
  await assert.rejects(() => save(guarded, watchlist));
  await claim(guarded);
  store.behaviour = "good";
  context.mock.timers.tick(1000);
  guarded.close();
  const again = await claim(guarded);
  again.enqueue("add", A, 1, { origin: "a call" });
  await save(guarded, again);
  await pass(2);
  assert.deepEqual([told, merged], [["memory: Error: QuotaExceededError"], []]);
  assert.deepEqual(await store.read("alice"), again.state.stored());
});

test("a store that holds no client's state is left alone", async (context) => {
  const { store, told, guarded, pass } = open(context);
  store.behaviour = "lies";
  const watchlist = await claim(guarded, "new");
  watchlist.enqueue("add", A, 1);
  await save(guarded, watchlist);
  await pass(5);
  assert.deepEqual(told, ["memory: TypeError: the store holds something else than a client's state"]);
  assert.equal(await store.read("alice"), null);
});
