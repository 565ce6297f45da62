/** A tab that is closed or loses the lead: what it leaves behind. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { UserState } from "../../src/data/user_state.js";
import { content } from "../contents.js";
import { open } from "./tab_by_hand.js";

const A = content(1);

for (const how of ["at first", "because the one before did not answer"]) {
  test(`a tab that leads ${how} follows when another takes that away, and leads when it is its turn`, async (context) => {
    const { tabs, session, getToken, passTimeout } = open(context);
    if (how !== "at first") passTimeout();
    assert.equal(tabs.asked, how === "at first" ? 0 : 1);
    const { asked } = tabs;
    tabs.grant();
    await session.shown;
    await setImmediate();
    passTimeout();
    assert.equal(tabs.asked, asked); // it waits for no leader any more
    await setImmediate();
    const { lose } = tabs;
    tabs.grant = () => assert.fail("it has not asked to lead again");
    lose();
    const before = getToken.mock.callCount();
    session.write("add", [A]);
    const calls = tabs.told.flatMap((message) => (message.type === "call" ? [message.call.type] : []));
    assert.deepEqual([calls.at(-1), session.queueLength], ["change", 1]);
    tabs.grant();
    await setImmediate();
    assert.deepEqual([session.queueLength, session.stored?.queue.size], [1, 1]);
    assert.equal(getToken.mock.callCount(), before + 1);
    tabs.told.length = 0;
    tabs.lose();
    tabs.lose();
    const hellos = tabs.told.filter((message) => message.type === "call" && message.call.type === "hello");
    assert.equal(hellos.length, 1);
  });
}

test("a tab without a channel that loses the lead stays offline, says why, and shows what it has", async (context) => {
  const { tabs, events, session } = open(context);
  tabs.canTell = false;
  tabs.grant();
  await session.shown;
  await setImmediate();
  await session.write("add", [A]).stored;
  events.length = 0;
  tabs.lose();
  assert.deepEqual(events, ["disconnected"]);
  assert.deepEqual([session.state, session.transport, session.items().length], ["stopped", null, 1]);
});

test("what a tab has only in memory when it loses the lead is left to the new leader", async (context) => {
  const { store, guarded, tabs, session, passTimeout } = open(context);
  tabs.grant();
  await session.shown;
  await setImmediate();
  store.failures.push(new Error("full"));
  await session.write("add", [A]).stored;
  const claim = context.mock.method(store, "claim");
  tabs.lose();
  passTimeout();
  await setImmediate();
  assert.deepEqual([guarded.storage, claim.mock.callCount()], ["persistent", 0]);
});

test("a tab whose store fails while it closes does not begin again", async (context) => {
  const { store, tabs, session, getToken, passTimeout } = open(context);
  tabs.grant();
  await session.shown;
  await setImmediate();
  const claim = context.mock.method(store, "claim");
  const before = getToken.mock.callCount();
  store.failures.push(new Error("full"));
  const { stored } = session.write("add", [A]);
  await Promise.all([session.close(), assert.rejects(stored, /closed/u)]);
  await setImmediate();
  assert.deepEqual([claim.mock.callCount(), getToken.mock.callCount()], [0, before]);
  passTimeout();
});

test("a closing tab gives up the lead only once the effects of all calls are stored and told", async (context) => {
  const { store, tabs, session } = open(context);
  tabs.grant();
  await session.shown;
  await setImmediate();
  let release = (): void => {};
  store.gate = new Promise((resolve) => {
    release = resolve;
  });
  const { names, stored } = session.write("add", [A]);
  tabs.told.length = 0;
  const closed = Promise.all([session.close(), session.close(), session.closed]);
  await setImmediate();
  assert.deepEqual([tabs.isClosed, tabs.told], [false, []]);
  release();
  await Promise.all([closed, stored]);
  const origins = tabs.told.flatMap((message) =>
    message.type === "batch" ? message.changes.map((change) => "queue" in change && change.queue.origin) : [],
  );
  assert.ok(origins.includes(names[0] ?? ""));
  assert.equal(tabs.isClosed, true);
});

test("when the store fails and works again, nothing is written of a user that a closed tab has left", async (context) => {
  const { store, guarded, tabs, session, passTimeout } = open(context);
  tabs.grant();
  await session.shown;
  await session.close();
  await store.save("alice", [{ set: UserState.empty("another tab's").head }]);
  store.failures.push(new Error("full"));
  await guarded.claim("bob", false, null);
  assert.equal(guarded.storage, "memory");
  passTimeout();
  await setImmediate();
  assert.deepEqual([guarded.storage, (await store.read("alice"))?.head.replica], ["persistent", "another tab's"]);
});

test("what a closed tab could not store is stored when the store works again", async (context) => {
  const { store, guarded, tabs, session, passTimeout } = open(context);
  tabs.grant();
  await session.shown;
  await setImmediate();
  store.failures.push(new Error("full"));
  await session.write("add", [A]).stored;
  assert.equal(guarded.storage, "memory");
  await session.close();
  tabs.grant(); // late
  await setImmediate();
  passTimeout();
  await setImmediate();
  assert.equal(guarded.storage, "persistent");
  assert.deepEqual(
    (await store.read("alice"))?.queue.map(({ content_id }) => content_id),
    [A],
  );
});
