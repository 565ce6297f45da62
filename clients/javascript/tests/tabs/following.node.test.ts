/** A tab that follows: what it shows of its leader, and what it takes over from it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { PROGRESS, prefixOf } from "../../src/data/keys.js";
import { UserCollections } from "../../src/data/user_collections.js";
import type { TabSession } from "../../src/tabs/tab_session.js";
import { content } from "../contents.js";
import { OF_LEADER, open } from "./tab_by_hand.js";

const [A, B] = [content(1), content(2)];
const IN_MEMORY = { ...OF_LEADER, storage: "memory" } as const;

function contents(session: TabSession): string[] {
  return session.items().map((item) => item.content_id);
}

test("a tab shows its app's open calls, and then what its leader has stored of them, each write once", async (context) => {
  const { tabs, session } = open(context);
  const of = new UserCollections("alice", null, () => "of the leader");
  tabs.onMessage(OF_LEADER);
  await session.shown;
  const versions = new Set([session.version]);
  for (const [contentId, expected] of [
    [A, [A]],
    [B, [B, A]],
  ] as const) {
    const { names } = session.write("add", [contentId]);
    versions.add(session.version);
    assert.deepEqual(contents(session), expected);
    of.enqueue("add", contentId, Date.now(), { origin: names[0] ?? "" });
  }
  assert.equal(session.queueLength, 2);
  const done = tabs.told.flatMap((message) => (message.type === "call" ? [message.name] : []));
  tabs.onMessage({ ...OF_LEADER, changes: of.takeChanges().changes, done });
  assert.deepEqual([contents(session), session.queueLength], [[B, A], 2]);
  versions.add(session.version);
  of.applySnapshot("", { revision: 7, epoch: "e", items: [] });
  tabs.onMessage({ ...OF_LEADER, changes: of.takeChanges().changes });
  versions.add(session.version);
  tabs.onMessage({ ...OF_LEADER, leader: "another" });
  versions.add(session.version);
  assert.equal(versions.size, 6);
});

test("a tab accepts a copy only from the leader that it follows, once, and applies the batches that came since", async (context) => {
  const { tabs, events, session } = open(context);
  const of = (id: string): UserCollections => {
    const lists = new UserCollections("alice", null, () => id);
    lists.enqueue("add", id, 1);
    return lists;
  };
  tabs.onMessage(IN_MEMORY);
  events.length = 0;
  tabs.onMessage({ type: "stored", leader: "gone", stored: of(A).state.stored() });
  assert.deepEqual([contents(session), events], [[], []]);
  const lists = of(B);
  const stored = lists.state.stored();
  lists.takeChanges();
  lists.enqueue("add", A, 2);
  tabs.onMessage({ ...IN_MEMORY, changes: lists.takeChanges().changes });
  tabs.onMessage({ type: "stored", leader: "other", stored });
  await session.shown;
  assert.deepEqual(contents(session), [A, B]);
  tabs.onMessage({ type: "stored", leader: "other", stored }); // which another tab has asked for
  assert.deepEqual(contents(session), [A, B]);
});

test("a tab shows the reports that its leader holds", async (context) => {
  const { tabs, session } = open(context, PROGRESS);
  tabs.onMessage(OF_LEADER);
  await session.shown;
  await setImmediate();
  const before = session.version;
  const timestamp = { physical: 1, logical: 0, node: "" };
  const data = { position_seconds: 7, state: "playing" };
  const held = [{ operation: "report", content_id: prefixOf(PROGRESS) + A, timestamp, data } as const];
  tabs.onMessage({ ...OF_LEADER, transient: { version: 1, held, hints: null } });
  const [item] = session.registers(PROGRESS) ?? [];
  assert.ok(item && "position_seconds" in item);
  assert.deepEqual([item.position_seconds, session.version === before], [7, false]);
});

test("a tab that takes over makes again the calls that its leader had only in memory, with all fields, times and names", async (context) => {
  const { store, tabs, session } = open(context, PROGRESS);
  const key = prefixOf(PROGRESS) + A;
  const of = new UserCollections("alice", null, () => "of the leader");
  of.enqueue("add", A, 1000, { origin: "a call", position: "a", data: { note: "with subtitles" } });
  of.enqueue("update", key, 2000, { data: { position_seconds: 7, state: "paused" } }); // a report, which no call has named
  const timestamp = { physical: 3000, logical: 0, node: "" };
  const data = { position_seconds: 8, state: "playing" };
  const held = [{ operation: "report", content_id: prefixOf(PROGRESS) + B, timestamp, data } as const];
  tabs.onMessage({ ...IN_MEMORY, transient: { version: 1, held, hints: null } });
  tabs.onMessage({ type: "stored", leader: "other", stored: of.state.stored() });
  await session.shown;
  await setImmediate();
  tabs.grant();
  await setImmediate();
  const queue = (await store.read("alice"))?.queue ?? [];
  assert.deepEqual(
    queue.map((write) => [write.content_id, write.timestamp.physical, write.position, write.data]),
    [
      [A, 1000, "a", { note: "with subtitles" }],
      [key, 2000, undefined, { position_seconds: 7, state: "paused" }],
      [prefixOf(PROGRESS) + B, 3000, undefined, data],
    ],
  );
  assert.equal(queue[0]?.origin, "a call");
});

for (const [storage, what, expected] of [
  ["memory", "what its own store cannot take either is there", { queue: 2, shown: [B] }],
  ["persistent", "what was stored and is there no more is settled", { queue: 0, shown: [] }],
] as const) {
  test(`a tab that leads calls for nothing twice: ${what}`, async (context) => {
    const { store, tabs, session } = open(context, PROGRESS);
    const key = prefixOf(PROGRESS) + A;
    const of = new UserCollections("alice", null, () => "of the leader");
    of.enqueue("update", key, 1, { data: { position_seconds: 7, state: "paused" } });
    of.enqueue("remove", key, 2, { origin: "a call" });
    of.applySnapshot("", { revision: 7, epoch: "e", items: [{ content_id: B }] });
    tabs.onMessage({ ...OF_LEADER, storage });
    tabs.onMessage({ type: "stored", leader: "other", stored: of.state.stored() });
    await session.shown;
    await setImmediate();
    assert.equal(session.queueLength, 2);
    if (storage === "memory") store.failures.push(new Error("full"));
    tabs.grant();
    await setImmediate();
    assert.deepEqual({ queue: session.queueLength, shown: contents(session) }, expected);
    assert.deepEqual([session.storage, session.registers(PROGRESS)], [storage, []]);
  });
}
