/** A tab that leads: what it tells the others, and what it does for them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { PROGRESS, prefixOf } from "../../src/data/keys.js";
import { UserCollections } from "../../src/data/user_collections.js";
import { SupersededError } from "../../src/stores/store.js";
import type { TabSession } from "../../src/tabs/tab_session.js";
import { content } from "../contents.js";
import { OF_LEADER, open } from "./tab_by_hand.js";

const [A, B] = [content(1), content(2)];

test("a tab that leads names its engine, with a new name once it has begun again: its followers need a new copy", async (context) => {
  const { tabs, session } = open(context);
  const leaders: string[] = [];
  for (const begin of [tabs.grant, () => session.restart()]) {
    tabs.told.length = 0;
    begin();
    await setImmediate();
    session.announce();
    const names = tabs.told.flatMap((message) => (message.type === "batch" ? [message.leader] : []));
    assert.equal(new Set(names).size, 1);
    leaders.push(...new Set(names));
  }
  assert.equal(new Set(leaders).size, 2);
});

test("a tab that leads numbers its batches, so that a tab that has missed one notices", async (context) => {
  const { tabs, session } = open(context);
  tabs.grant();
  await session.shown;
  await setImmediate();
  session.announce();
  const numbers = tabs.told.flatMap((message) => (message.type === "batch" ? [message.number] : []));
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index + 1),
  );
  assert.ok(numbers.length > 1);
});

test("a tab that begins again connects once, unless it is offline or leads no more", async (context) => {
  const { store, tabs, session, getToken, passTimeout } = open(context);
  tabs.grant();
  await session.shown;
  const questions = async (): Promise<number> => {
    const before = getToken.mock.callCount();
    passTimeout();
    await setImmediate();
    return getToken.mock.callCount() - before;
  };
  await setImmediate();
  assert.equal(await questions(), 1);
  session.restart();
  await setImmediate();
  assert.equal(await questions(), 1);
  void session.call({ type: "disconnect" });
  assert.equal(await questions(), 0);
  void session.call({ type: "connect" });
  await setImmediate();
  assert.equal(await questions(), 1);
  store.failures.push(new SupersededError());
  session.write("add", [A]);
  await setImmediate();
  assert.equal(await questions(), 0);
});

test("a user's return to any tab has the tab that leads connect at once", async (context) => {
  const { tabs, session, getToken } = open(context);
  tabs.grant();
  await session.shown;
  for (const come of [
    () => tabs.onMessage({ type: "call", name: "another's", call: { type: "hello" } }),
    () => tabs.onMessage({ type: "call", name: "another's too", call: { type: "wake" } }),
    () => session.hello(),
    () => session.wake(),
  ]) {
    await setImmediate();
    assert.equal(session.state, "waiting");
    const before = getToken.mock.callCount();
    come();
    await setImmediate();
    assert.equal(getToken.mock.callCount(), before + 1);
  }
});

test("a tab that leads does the calls of a tab whose release has no registers", async (context) => {
  const { store, tabs, session } = open(context);
  tabs.grant();
  await session.shown;
  const writes = [{ name: "a name", content_id: A }];
  tabs.onMessage({ type: "call", name: "a call", call: { type: "write", operation: "add", writes } });
  await setImmediate();
  const done = tabs.told.flatMap((message) => (message.type === "batch" ? message.done : []));
  assert.equal(done.filter((name) => name === "a call").length, 1);
  assert.deepEqual(
    (await store.read("alice"))?.queue.map(({ operation, content_id, origin }) => [operation, content_id, origin]),
    [["add", A, "a name"]],
  );
});

for (const [when, leave] of [
  ["it closes", (session: TabSession) => session.close()],
  ["its page is hidden", async (session: TabSession) => session.flush()],
] as const) {
  test(`what a tab that leads holds of a report is stored when ${when}`, async (context) => {
    const { store, tabs, session } = open(context, PROGRESS);
    tabs.grant();
    await session.shown;
    const key = prefixOf(PROGRESS) + A;
    for (const data of [7, 8].map((seconds) => ({ position_seconds: seconds, state: "playing" }))) {
      void session.write("report", [key], { data });
      await setImmediate();
    }
    assert.equal((await store.read("alice"))?.queue.at(-1)?.data?.["position_seconds"], 7);
    await leave(session);
    await setImmediate();
    const queue = (await store.read("alice"))?.queue ?? [];
    assert.deepEqual(queue.at(-1)?.data, { position_seconds: 8, state: "playing" });
  });
}

test("the part for registers is loaded without a connection, if any tab's app wants them or a write to them waits", async (context) => {
  const key = prefixOf(PROGRESS) + A;
  const { tabs, session } = open(context, PROGRESS);
  tabs.grant();
  await session.shown;
  await setImmediate();
  assert.deepEqual(session.registers(PROGRESS), []);
  context.mock.timers.reset();
  const another = open(context);
  another.tabs.grant();
  await another.session.shown;
  await setImmediate();
  assert.equal(another.session.part, null); // nobody needs it
  another.tabs.onMessage({ type: "call", name: "another's", call: { type: "open_list", list: PROGRESS } });
  await setImmediate();
  assert.notEqual(another.session.part, null);
  context.mock.timers.reset();
  const restarted = open(context);
  const before = new UserCollections("alice", null, () => "r");
  before.enqueue("update", key, 1, { data: { position_seconds: 7, state: "paused" } });
  await restarted.store.save("alice", before.takeChanges().changes);
  restarted.tabs.grant();
  await restarted.session.shown;
  await setImmediate();
  assert.equal(restarted.session.registers(PROGRESS)?.length, 1);
});

test("a tab that has followed registers follows them when it leads, too", async (context) => {
  const { tabs, session } = open(context, PROGRESS);
  tabs.onMessage(OF_LEADER);
  await session.shown;
  await setImmediate();
  assert.notEqual(session.part, null);
  tabs.grant();
  await setImmediate();
  const said = tabs.told.findLast((message) => message.type === "batch");
  assert.notEqual(said?.type === "batch" && said.transient, null);
});

test("a tab that leads tells its state to the others, and one that follows does not", async (context) => {
  const { tabs, session } = open(context);
  session.announce();
  assert.deepEqual(
    tabs.told.filter(({ type }) => type === "batch"),
    [],
  );
  tabs.grant();
  await session.shown;
  await setImmediate();
  tabs.told.length = 0;
  session.announce();
  const { state, transport, storage } = session;
  assert.notEqual(state, "stopped");
  const [said] = tabs.told;
  assert.ok(said?.type === "batch" && said.leader !== "");
  const { leader: _, number: __, ...rest } = said;
  const nothing = { changes: [], events: [], done: [] };
  assert.deepEqual(rest, { type: "batch", state, transport, storage, transient: null, ...nothing });
});

test("only a tab that leads sends what is stored, with the name of its engine", async (context) => {
  const { tabs, session } = open(context);
  tabs.onMessage({ ...OF_LEADER, leader: "another" });
  await session.shown;
  tabs.told.length = 0;
  tabs.onMessage({ type: "ask_stored" });
  assert.equal(tabs.told.length, 0);
  tabs.grant();
  await setImmediate();
  const leader = tabs.told.flatMap((message) => (message.type === "batch" ? [message.leader] : [])).at(-1);
  tabs.onMessage({ type: "ask_stored" });
  const said = tabs.told.at(-1);
  assert.deepEqual([said?.type, said?.type === "stored" && said.leader], ["stored", leader]);
});

test("a tab that follows does not begin again, as another leads", async (context) => {
  const { store, tabs, session } = open(context);
  tabs.onMessage(OF_LEADER);
  await session.shown;
  const claim = context.mock.method(store, "claim");
  session.restart();
  await setImmediate();
  assert.deepEqual([claim.mock.callCount(), session.state], [0, "live"]);
});

test("a tab that is granted the lead twice begins once", async (context) => {
  const { store, tabs, session, getToken } = open(context);
  const claim = context.mock.method(store, "claim");
  tabs.grant();
  tabs.grant();
  await session.shown;
  await setImmediate();
  assert.equal(getToken.mock.callCount(), 1);
  assert.equal(claim.mock.calls[0]?.arguments.at(1), false); // no tab has led before: nothing may be missing
  await session.close();
  assert.equal(session.state, "waiting");
});

test("what the earlier leader had only in memory comes before the calls that this tab has made since", async (context) => {
  const { tabs, session } = open(context);
  const others = new UserCollections("alice", null, () => "of the other");
  others.enqueue("add", A, Date.now(), { origin: "a call" });
  tabs.onMessage({ ...OF_LEADER, storage: "memory" });
  tabs.onMessage({ type: "stored", leader: "other", stored: others.state.stored() });
  await session.shown;
  session.write("remove", [A]);
  assert.deepEqual(session.items(), []);
  tabs.grant();
  await setImmediate();
  assert.deepEqual([session.items(), session.queueLength], [[], 2]);
});

test("a tab shows what its store holds as soon as it can be read, with what was done meanwhile", async (context) => {
  const { store, tabs, session, passTimeout } = open(context);
  const before = new UserCollections("alice", null, () => "before");
  before.enqueue("add", A, 1);
  await store.save("alice", before.takeChanges().changes);
  store.failures.push(new Error("locked"));
  context.mock.method(store, "read", () => Promise.reject(new Error("locked")), { times: 1 });
  tabs.grant();
  await session.shown;
  assert.deepEqual([session.items(), session.storage], [[], "memory"]);
  await session.write("add", [B]).stored;
  passTimeout();
  await setImmediate();
  assert.deepEqual([session.items().map(({ content_id }) => content_id), session.queueLength], [[B, A], 2]);
  await setImmediate();
  assert.equal((await store.read("alice"))?.queue.length, 2);
});

test("while a log-out is being stored the tab that leads accepts no write, and tells nobody that one was kept", async (context) => {
  const { store, tabs, events, session } = open(context);
  tabs.grant();
  await session.shown;
  await setImmediate();
  void session.call({ type: "sign_out", erase: false });
  const writes = [{ name: "a name", content_id: A }];
  tabs.onMessage({ type: "call", name: "of another tab", call: { type: "change", operation: "add", writes } });
  await session.closed;
  assert.deepEqual((await store.read("alice"))?.queue ?? [], []);
  assert.ok(tabs.told.every((message) => message.type !== "batch" || !message.done.includes("of another tab")));
  assert.ok(events.includes("signed_out"));
});

test("a tab that takes over a log-out and a write made after it signs out, and says that the write is not kept", async (context) => {
  const { tabs, events, session } = open(context);
  void session.call({ type: "sign_out", erase: false });
  const { stored } = session.write("add", [A]);
  tabs.grant();
  await assert.rejects(stored, /closed before it was known to be kept/u);
  await setImmediate(); // nothing of it fails where nobody looks
  await session.closed;
  assert.ok(events.includes("signed_out"));
});
