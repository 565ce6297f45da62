/** What an app relies on: the same array until something changes, few events, operations to await and to match. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { UserState } from "../src/data/user_state.js";
import { MemoryStore } from "../src/stores/memory_store.js";
import { SyncClient, type SyncEvents } from "../src/syncd-client.js";
import { content } from "./contents.js";
import { FakeService } from "./fake_service.js";

const [A, B, C] = [content(1), content(2), content(3)];
const MANY = Array.from({ length: 5000 }, (_, index) => content(index));

function open(context: TestContext, store?: MemoryStore) {
  const service = new FakeService();
  const client = new SyncClient({
    url: "ws://fake",
    getToken: () => "a-token",
    WebSocket: service.socketClass,
    ...(store && { store }),
  });
  context.after(() => client.close());
  return { service, client };
}

async function live(client: SyncClient): Promise<void> {
  const resumed = next(client, "resumed");
  await client.signIn("alice");
  await resumed;
}

function next<T extends keyof SyncEvents>(client: SyncClient, type: T): Promise<SyncEvents[T]> {
  return new Promise((resolve) => client.addEventListener(type, resolve, { once: true }));
}

function count(client: SyncClient, type: keyof SyncEvents): () => number {
  let events = 0;
  client.addEventListener(type, () => {
    events += 1;
  });
  return () => events;
}

async function settled(client: SyncClient): Promise<void> {
  while (client.queueLength > 0) await next(client, "updated");
}

test("list and items are the same objects until something in them changes", async (context) => {
  const { service, client } = open(context);
  assert.equal(client.items, client.items);
  await live(client);
  await client.add(A);
  await settled(client);
  const before = client.items;
  assert.ok(Object.isFrozen(before) && Object.isFrozen(before[0]));
  assert.equal(client.items, before);
  service.change("remove", [C]); // which is not in it
  while (client.revision < 2) await next(client, "updated");
  assert.equal(client.items, before);
  service.change("add", [B]);
  while (client.items.length < 2) await next(client, "updated");
  assert.notEqual(client.items, before);
  assert.equal(client.items[1], before[0]);
});

test("thousands of updates at once cause only a few events", async (context) => {
  const { service, client } = open(context);
  await live(client);
  const events = count(client, "updated");
  let read = 0;
  client.subscribe((items) => {
    read = items.length;
  });
  service.change("add", MANY);
  while (read < MANY.length) await next(client, "updated");
  assert.ok(events() <= 5, `${events()} events`);
});

test("thousands of changes made offline cause few events, and are sent after `connect`", async (context) => {
  const { service, client } = open(context);
  await live(client);
  client.disconnect();
  const events = count(client, "updated");
  const { operation_ids } = client.addMany(MANY);
  assert.deepEqual([client.items.length, client.queueLength], [MANY.length, MANY.length]);
  await client.removeMany([A, B]);
  assert.ok(events() <= 3, `${events()} events`);
  const confirmed = new Set<string>();
  client.addEventListener("confirmed", ({ operation_id }) => confirmed.add(operation_id));
  client.connect();
  await settled(client);
  assert.deepEqual([client.items.length, service.written.size], [MANY.length - 2, MANY.length + 2]);
  assert.ok(operation_ids.every((id) => confirmed.has(id)));
});

test("many changes are done together or not at all", async (context) => {
  const { client } = open(context);
  await client.signIn("alice");
  assert.throws(() => client.addMany([A, "movie 1"]), TypeError);
  assert.deepEqual([client.items.length, client.queueLength], [0, 0]);
  assert.deepEqual(await client.addMany([]), []);
});

test("an operation has its id at once, is kept on this device, and is matched with the event that tells how it ended", async (context) => {
  const store = new MemoryStore();
  const { service, client } = open(context, store);
  service.refused.add(B);
  await live(client);
  const [confirmed, refused] = [next(client, "confirmed"), next(client, "refused")];
  const [added, another] = [client.add(A), client.add(B)];
  assert.equal(await added, added.operation_id);
  assert.deepEqual(
    (await store.read("alice"))?.queue.map((write) => write.origin),
    [added.operation_id, another.operation_id],
  );
  assert.equal((await confirmed).operation_id, added.operation_id);
  assert.equal((await refused).operation_id, another.operation_id);
  assert.deepEqual([client.has(A), client.has(B)], [true, false]);
});

test("`has` finds a content at once, in any spelling, without building the list", async (context) => {
  const { client } = open(context);
  assert.equal(client.has(A), false);
  await live(client);
  for (const each of MANY) if (!client.has(each)) client.add(each);
  assert.ok(client.has(`{${A.toUpperCase()}}`));
  await client.remove(A);
  assert.equal(client.has(A), false);
  assert.throws(() => client.has("movie 1"), TypeError);
});

test("every change of state is an event, once", async (context) => {
  const { client } = open(context);
  const states: string[] = [];
  client.addEventListener("state", ({ state }) => states.push(state));
  await live(client);
  await client.signOut({ erase: false });
  assert.deepEqual(
    states,
    ["token", "opening", "live", "signed_out"].filter((state) => states.includes(state)),
  );
  assert.deepEqual([states.includes("live"), states.at(-1), client.state], [true, "signed_out", "signed_out"]);
});

test("a closed client has kept the changes, and can sign in again", async (context) => {
  const { client } = open(context, new MemoryStore());
  await client.signIn("alice");
  client.disconnect();
  const kept = client.addMany(MANY.slice(0, 2000));
  await client.close();
  await kept;
  assert.deepEqual([client.user, client.state, client.items.length], [null, "signed_out", 0]);
  await live(client);
  assert.equal(client.items.length, 2000);
});

test("a client that was closed, disconnected or signed out is not connected any more", async (context) => {
  const { service, client } = open(context, new MemoryStore());
  for (const leave of [
    (): Promise<void> => client.close(),
    (): Promise<void> => client.signOut({ erase: false }),
    async (): Promise<void> => client.disconnect(),
  ]) {
    await live(client);
    assert.equal(service.connections, 1);
    await leave();
    assert.equal(service.connections, 0);
  }
});

test("a user who comes back makes new changes, while those of before still wait", async (context) => {
  const { client } = open(context, new MemoryStore());
  for (const [user, content] of [
    ["alice", A],
    ["bob", A],
    ["alice", B],
  ] as const) {
    await client.signIn(user);
    client.disconnect();
    await client.add(content);
  }
  await client.signOut({ erase: false });
  await client.signIn("alice");
  client.disconnect();
  await client.add(C);
  assert.deepEqual([client.queueLength, client.items.map(({ content_id }) => content_id)], [3, [C, B, A]]);
});

test("when the same user is signed in twice, both calls end with the list shown", async (context) => {
  const store = new MemoryStore();
  const { client } = open(context, store);
  await client.signIn("alice");
  await client.add(A);
  await client.close();
  const both = [client.signIn("alice"), client.signIn("alice")].map(async (signedIn) => {
    await signedIn;
    return [client.user, client.has(A)];
  });
  assert.deepEqual(await Promise.all(both), [
    ["alice", true],
    ["alice", true],
  ]);
});

test("subscribers of a user's list are told when the client is closed, and show it to nobody else", async (context) => {
  const { client } = open(context);
  const shown: string[] = [];
  client.subscribe((items) => shown.push(items.map(({ content_id }) => content_id).join()));
  await client.signIn("alice");
  await client.add(A);
  await setTimeout(100);
  assert.equal(shown.at(-1), A);
  await client.close();
  await setTimeout(100);
  assert.equal(shown.at(-1), "");
});

test("the client works through a Proxy, and its methods work when detached", async (context) => {
  const { client } = open(context);
  const proxy = new Proxy(client, {});
  await live(proxy);
  const { add } = proxy;
  await add(A);
  assert.deepEqual([proxy.items, proxy.has(A), proxy.user], [client.items, true, "alice"]);
});

test("without IndexedDB the app is told that list and queue end with the process", async (context) => {
  const { client } = open(context);
  const told = next(client, "storage");
  assert.equal(client.storage, "memory");
  await client.signIn("alice");
  assert.deepEqual([(await told).storage, (await told).reason], ["memory", "there is no IndexedDB here"]);
});

test("a failing store is an event, and the app goes on", async (context) => {
  const store = new MemoryStore();
  const { client } = open(context, store);
  await live(client);
  context.mock.method(store, "save", () => Promise.reject(new Error("full")));
  const told = next(client, "storage");
  await client.add(A);
  assert.deepEqual([(await told).storage, client.storage, client.has(A)], ["memory", "memory", true]);
  await settled(client);
});

for (const [how, fail] of [
  ["throws", () => assert.fail("closed already")],
  ["rejects", () => Promise.reject(new Error("closed already"))],
] as const) {
  test(`a client is closed whatever its store does then, and opened again: it ${how}`, async (context) => {
    const store = Object.assign(new MemoryStore(), { close: fail as () => void });
    const { client } = open(context, store);
    await live(client);
    await client.add(A);
    await client.close();
    await live(client);
    assert.deepEqual([client.has(A), client.storage], [true, "persistent"]);
  });
}

test("an abandoned sign-in brings nothing old back when the store fails and works again", async (context) => {
  const store = new MemoryStore();
  const { client } = open(context, store);
  const [before, after] = ["before", "after"].map((replica) => ({ set: UserState.empty(replica).head }));
  assert.ok(before && after);
  await store.save("alice", [before]);
  const claim = context.mock.method(store, "claim");
  void client.signIn("alice");
  while (claim.mock.callCount() === 0) await null;
  await client.signIn("bob");
  await store.save("alice", [after]); // another tab's
  context.mock.method(store, "save", () => Promise.reject(new Error("full")), { times: 1 });
  await client.add(A);
  while (client.storage === "memory") await next(client, "storage");
  assert.equal((await store.read("alice"))?.head.replica, "after");
});

test("an app is told that a user was erased only if the store has done it", async (context) => {
  const store = new MemoryStore();
  const { client } = open(context, store);
  await live(client);
  await client.add(A);
  const save = context.mock.method(store, "save", () => Promise.reject(new Error("read-only")));
  const kept = next(client, "signed_out");
  await client.signOut({ erase: true });
  assert.equal((await kept).erased, false);
  save.mock.restore();
  while (client.storage === "memory") await next(client, "storage");
  assert.equal(await store.read("alice"), null);
  await live(client);
  const erased = next(client, "signed_out");
  await client.signOut({ erase: true });
  assert.equal((await erased).erased, true);
});
