/** A tab that leads: what the others hear of it, and what it leaves behind. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { PROGRESS, prefixOf } from "../../src/data/keys.js";
import { SupersededError } from "../../src/stores/store.js";
import { content } from "../contents.js";
import { open } from "./tab_by_hand.js";

const A = content(1);

test("a tab that leads says who it is, and is another when it has begun again: its followers want another copy", async (context) => {
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

test("a tab that has begun again connects once, and one that is offline or leads no more does not", async (context) => {
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

test("who comes to another tab has the one that leads connect at once", async (context) => {
  const { tabs, session, getToken } = open(context);
  tabs.grant();
  await session.shown;
  for (const type of ["hello", "wake"] as const) {
    await setImmediate();
    assert.equal(session.state, "waiting");
    const before = getToken.mock.callCount();
    tabs.onMessage({ type: "call", name: type, call: { type } });
    await setImmediate();
    assert.equal(getToken.mock.callCount(), before + 1);
  }
});

test("a tab that leads does what a tab of a release before registers asks for", async (context) => {
  const { store, tabs, session } = open(context);
  tabs.grant();
  await session.shown;
  const writes = [{ name: "a name", content_id: A }];
  tabs.onMessage({ type: "call", name: "a call", call: { type: "write", operation: "add", writes } });
  await setImmediate();
  assert.deepEqual(
    (await store.read("alice"))?.queue.map(({ operation, content_id, origin }) => [operation, content_id, origin]),
    [["add", A, "a name"]],
  );
});

test("what a tab that leads holds of a report is stored when it closes", async (context) => {
  const { store, tabs, session } = open(context, PROGRESS);
  tabs.grant();
  await session.shown;
  const key = prefixOf(PROGRESS) + A;
  for (const data of [7, 8].map((seconds) => ({ position_seconds: seconds, state: "playing" }))) {
    void session.write("report", [key], { data });
    await setImmediate();
  }
  await session.close();
  const queue = (await store.read("alice"))?.queue ?? [];
  assert.deepEqual(queue.at(-1)?.data, { position_seconds: 8, state: "playing" });
});
