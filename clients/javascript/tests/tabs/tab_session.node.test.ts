/** A tab whose storage or leader fails. The tests stand for both, and move the clock. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { PROGRESS, prefixOf } from "../../src/data/keys.js";
import { UserCollections } from "../../src/data/user_collections.js";
import { ErasedError, SupersededError } from "../../src/stores/store.js";
import type { TabMessage } from "../../src/tabs/tab_message.js";
import type { TabSession } from "../../src/tabs/tab_session.js";
import { content } from "../contents.js";
import { OF_LEADER, open } from "./tab_by_hand.js";

const [A, B] = [content(1), content(2)];

function contents(session: TabSession): string[] {
  return session.items().map((item) => item.content_id);
}

test("if the store fails, the tab goes on in memory under another replica, and stores all when it works again", async (context) => {
  const { store, tabs, events, session, passTimeout } = open(context);
  tabs.grant();
  await session.shown;
  session.write("add", [A]);
  await setImmediate();
  store.failures.push(new Error("disk full"), new Error("disk full"));
  const { stored } = session.write("add", [B]);
  await stored;
  assert.deepEqual([contents(session), session.storage], [[B, A], "memory"]);
  assert.deepEqual(
    Array.from(session.stored?.queue.values() ?? [], (write) => write.operation_id.startsWith("another replica.")),
    [false, true],
  );
  passTimeout();
  await setImmediate(); // it fails again
  assert.equal(session.storage, "memory");
  passTimeout();
  await setImmediate();
  assert.equal(session.storage, "persistent");
  assert.deepEqual([await store.read("alice")], [session.stored?.stored()]);
  assert.deepEqual(
    events.filter((type) => type === "memory" || type === "persistent"),
    ["memory", "persistent"],
  );
});

test("a tab that follows asks for what its leader has only in memory, and makes those calls again when it leads", async (context) => {
  const { store, tabs, session } = open(context);
  const claim = context.mock.method(store, "claim");
  const said = { ...OF_LEADER, storage: "memory" } as const;
  const watchlist = new UserCollections("alice", null, () => "of the other");
  watchlist.enqueue("add", A, 1, { origin: "a call" });
  watchlist.takeChanges();
  const stored = watchlist.state.stored();
  watchlist.enqueue("add", B, 2, { origin: "another call" });
  tabs.onMessage({ ...said, changes: watchlist.takeChanges().changes });
  assert.deepEqual(tabs.told.at(-2), { type: "ask_stored" });
  tabs.onMessage({ type: "stored", leader: "other", stored });
  await session.shown;
  assert.deepEqual([contents(session), session.queueLength, session.storage], [[B, A], 2, "memory"]);
  tabs.grant();
  await setImmediate();
  assert.deepEqual([contents(session), session.queueLength, session.storage], [[B, A], 2, "persistent"]);
  const areKnown = claim.mock.calls.map((call) => (call.arguments as unknown[])[1]);
  assert.deepEqual(areKnown, [false]);
});

test("a tab that follows asks each new leader to follow its lists, and shows its own calls at once", async (context) => {
  const { tabs, session } = open(context, "kids");
  const kids = prefixOf("kids");
  const asked = (): unknown[] => tabs.told.flatMap((told) => (told.type === "call" ? [told.call] : []));
  tabs.onMessage({ ...OF_LEADER, leader: "one" });
  await session.shown;
  assert.deepEqual(asked().at(-1), { type: "open_list", list: "kids" });
  const { names } = session.write("add", [kids + A], { position: "a" });
  assert.deepEqual([contents(session), session.items(kids)[0]?.position, session.queueLength], [[], "a", 1]);
  assert.deepEqual([session.has(kids + A), session.has(A)], [true, false]);
  const writes = [{ name: names[0], content_id: `${kids}${A}` }];
  const [write, openList] = [{ type: "change", operation: "add", writes, position: "a" }, asked().at(-2)];
  assert.deepEqual(asked().at(-1), write);
  tabs.told.length = 0;
  tabs.onMessage({ ...OF_LEADER, leader: "another" });
  assert.deepEqual(asked().slice(-3), [openList, write, openList]);
});

test("a tab that cannot read what its leader has stored asks for it", async (context) => {
  const { store, tabs, session } = open(context);
  context.mock.method(store, "read", () => Promise.reject(new Error("damaged")));
  tabs.onMessage(OF_LEADER);
  await setImmediate();
  assert.deepEqual(tabs.told.at(-1), { type: "ask_stored" });
  const watchlist = new UserCollections("alice", null, () => "of the other");
  watchlist.enqueue("add", A, 1);
  tabs.onMessage({ type: "stored", leader: "other", stored: watchlist.state.stored() });
  await session.shown;
  assert.deepEqual(contents(session), [A]);
});

test("a tab is told that its leader keeps all in memory", async (context) => {
  const { store, tabs, session } = open(context);
  store.failures.push(new Error("no disk"));
  tabs.grant();
  await session.shown;
  session.write("add", [A]);
  await setImmediate();
  tabs.onMessage({ type: "ask_stored" });
  const told = tabs.told.at(-1);
  assert.ok(told?.type === "stored");
  assert.deepEqual(
    told.stored.queue.map((write) => write.content_id),
    [A],
  );
  assert.ok(tabs.told.some((message) => message.type === "batch" && message.storage === "memory"));
});

test("the app's calls are stored even if it closes at once", async (context) => {
  const { store, tabs, session } = open(context);
  tabs.grant();
  await session.shown;
  await setImmediate();
  const writes = Array.from({ length: 2000 }, (_, index) => session.write("add", [content(index)]).stored);
  await session.close();
  await Promise.all(writes);
  assert.equal((await store.read("alice"))?.queue.length, 2000);
});

test("a tab that closes before its leader has answered rejects what the app awaits", async (context) => {
  const { session } = open(context);
  const { stored } = session.write("add", [A]);
  await session.close();
  await assert.rejects(stored, /closed/u);
});

test("a tab that was closed while it followed tells nothing more, hears nothing and does not take the lead", async (context) => {
  const { tabs, events, session, passTimeout } = open(context);
  session.write("add", [A]).stored.catch(() => undefined);
  await session.close();
  await Promise.all([session.shown, session.closed]);
  events.length = 0;
  const signedOut = { type: "signed_out", user_id: "alice", erased: false } as const;
  tabs.onMessage({ ...OF_LEADER, events: [signedOut] });
  tabs.grant();
  await setImmediate();
  passTimeout();
  assert.deepEqual([tabs.isClosed, tabs.asked, events, session.state], [true, 0, [], "stopped"]);
});

test("what the user does is shown at once, and told to other tabs when it is stored", async (context) => {
  const { store, tabs, events, session } = open(context);
  tabs.grant();
  await session.shown;
  await setImmediate();
  let release = (): void => {};
  store.gate = new Promise((resolve) => {
    release = resolve;
  });
  context.after(() => release());
  events.length = 0;
  tabs.told.length = 0;
  const { names } = session.write("add", [A]);
  assert.deepEqual([contents(session), session.queueLength, events], [[A], 1, ["updated"]]);
  await setImmediate();
  assert.deepEqual(tabs.told, []);
  release();
  await setImmediate();
  assert.deepEqual(
    tabs.told.map((message: TabMessage) => message.type),
    ["batch"],
  );
  assert.equal(Array.from(session.stored?.queue.values() ?? [])[0]?.origin, names[0]);
});

test("a superseded tab asks the new leader to do what it could not store itself", async (context) => {
  const { store, tabs, session } = open(context);
  tabs.grant();
  await session.shown;
  store.failures.push(new SupersededError());
  session.write("add", [A]);
  await setImmediate();
  tabs.told.length = 0;
  tabs.onMessage(OF_LEADER);
  await setImmediate();
  const writes = tabs.told.flatMap((message) =>
    message.type === "call" && message.call.type === "change" ? [message.call] : [],
  );
  assert.deepEqual(
    writes.map(({ operation, writes: [write] }) => [operation, write?.content_id]),
    [["add", A]],
  );
  assert.deepEqual([contents(session), session.queueLength], [[A], 1]);
  assert.deepEqual([session.state, session.transport], ["live", "websocket"]);
});

test("a tab that lost the lead shows its last list and state until it hears from the new leader, and may lead again", async (context) => {
  const { store, tabs, session } = open(context);
  tabs.grant();
  await session.shown;
  session.write("add", [A]);
  await setImmediate();
  const { state, storage } = session;
  assert.notEqual(state, "stopped");
  tabs.grant = () => assert.fail("nobody waits for it");
  store.failures.push(new SupersededError());
  session.write("add", [B]);
  await setImmediate();
  assert.equal(tabs.told.at(-1)?.type, "call");
  assert.deepEqual([contents(session), session.state, session.storage], [[B, A], state, storage]);
  tabs.grant();
  await setImmediate();
  assert.deepEqual([contents(session), session.queueLength], [[B, A], 2]);
});

test("a user who has gone offline in one tab stays offline when another tab takes the lead", async (context) => {
  const { tabs, session } = open(context);
  tabs.onMessage({ ...OF_LEADER, state: "stopped", transport: null });
  await session.shown;
  tabs.grant();
  await setImmediate();
  assert.equal(session.state, "stopped");
  void session.call({ type: "connect" });
  assert.notEqual(session.state, "stopped");
});

test("a tab that gets the lead after the others were signed out is signed out, too", async (context) => {
  const { store, tabs, events, session } = open(context);
  const claim = context.mock.method(store, "claim");
  tabs.onMessage(OF_LEADER);
  await session.shown;
  store.failures.push(new ErasedError());
  tabs.grant();
  await setImmediate();
  assert.equal(events.at(-1), "signed_out");
  const areKnown = claim.mock.calls.map((call) => (call.arguments as unknown[])[1]);
  assert.deepEqual(areKnown, [true]);
});

test("a tab that leads and hears of another leader checks whether it still leads", async (context) => {
  const { store, tabs, session } = open(context);
  tabs.grant();
  await session.shown;
  tabs.onMessage(OF_LEADER);
  await setImmediate();
  assert.equal(session.transport, null);
  store.failures.push(new SupersededError());
  tabs.onMessage(OF_LEADER);
  await setImmediate();
  tabs.onMessage(OF_LEADER);
  assert.deepEqual([session.state, session.transport], ["live", "websocket"]);
});

test("a call that a leader stored, but could not tell, is not done again by the next leader", async (context) => {
  const { store, tabs, session } = open(context);
  session.write("add", [A]);
  const call = tabs.told.find((message) => message.type === "call" && message.call.type === "change");
  assert.ok(call?.type === "call" && call.call.type === "change");
  const watchlist = new UserCollections("alice", null, () => "the replica");
  watchlist.enqueue("add", A, 1, { origin: call.call.writes[0]?.name ?? "" });
  await store.save("alice", watchlist.takeChanges().changes);
  tabs.grant();
  await session.shown;
  assert.deepEqual([contents(session), session.queueLength], [[A], 1]);
});

test("a log-out told by the previous leader holds for the tab that leads now", async (context) => {
  const { tabs, events, session } = open(context);
  tabs.grant();
  await session.shown;
  const event = { type: "signed_out", user_id: "alice", erased: false } as const;
  tabs.onMessage({ ...OF_LEADER, state: "signed_out", transport: null, events: [event] });
  assert.equal(events.at(-1), "signed_out");
});

test("a leader that does its calls is not replaced, and the tab that made them is told", async (context) => {
  const { tabs, session, passTimeout } = open(context);
  const { stored } = session.write("add", [A]);
  const done = tabs.told.flatMap((message) => (message.type === "call" ? [message.name] : []));
  tabs.onMessage({ ...OF_LEADER, done });
  await stored;
  passTimeout();
  assert.equal(tabs.asked, 0);
  session.hello();
  tabs.onMessage(OF_LEADER);
  passTimeout();
  assert.equal(tabs.asked, 1); // it is there, and has not done it
});

test("a leader that does not answer is replaced, once", async (context) => {
  const { tabs, session, passTimeout } = open(context);
  session.write("add", [A]);
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

test("a leader of a release before registers gets no writes to them, and is replaced: it would take them for items of a list", async (context) => {
  const { store, tabs, session, passTimeout } = open(context, PROGRESS);
  const { transient: _, ...older } = OF_LEADER;
  tabs.onMessage(older as unknown as TabMessage);
  await session.shown;
  const key = prefixOf(PROGRESS) + A;
  void session.write("report", [key], { data: { position_seconds: 7, state: "paused" } });
  const understood = ["hello", "connect", "disconnect", "wake", "sign_out", "write"];
  const calls = tabs.told.flatMap((told) => (told.type === "call" ? [told.call] : []));
  assert.ok(calls.some((call) => JSON.stringify(call).includes(A)));
  assert.ok(!calls.some((call) => JSON.stringify(call).includes(A) && understood.includes(call.type)));
  passTimeout();
  assert.equal(tabs.asked, 1);
  tabs.grant();
  await setImmediate();
  await setImmediate();
  const [write] = (await store.read("alice"))?.queue ?? [];
  assert.deepEqual([write?.operation, write?.content_id], ["update", key]);
});
