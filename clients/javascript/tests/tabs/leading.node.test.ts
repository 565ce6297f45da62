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

test("a tab that has begun again, or leads no more, connects for nobody but who leads", async (context) => {
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
  store.failures.push(new SupersededError());
  session.write("add", [A]);
  await setImmediate();
  assert.equal(await questions(), 0);
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
