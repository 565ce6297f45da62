/** Who is signed in after overlapping calls, what an app is told of its store, and what a closed client leaves behind. */

import assert from "node:assert/strict";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { UserCollections } from "../src/data/user_collections.js";
import { SyncClient, type SyncClientOptions, type SyncEvents } from "../src/syncd-client.js";
import { content } from "./contents.js";
import { FakeService } from "./fake_service.js";
import { FailingStore } from "./tabs/tab_by_hand.js";

const [A, B] = [content(1), content(2)];

function open(context: TestContext, options: Partial<SyncClientOptions> = {}) {
  const service = new FakeService();
  const store = new FailingStore();
  const getToken = context.mock.fn(() => null);
  const client = new SyncClient({ url: "ws://fake", getToken, store, WebSocket: service.socketClass, ...options });
  context.after(() => client.close());
  return { client, store, service, getToken };
}

/** The events of a client, from now on. */
function told(client: SyncClient, ...types: (keyof SyncEvents)[]): unknown[] {
  const events: unknown[] = [];
  for (const type of types)
    client.addEventListener(
      type,
      ({ type: _, isTrusted: __, ...fields }: object & { type?: string; isTrusted?: boolean }) =>
        events.push([type, ...Object.values(fields)]),
    );
  return events;
}

test("of overlapping sign-ins the last one counts, and none that was cancelled by a log-out or a close", async (context) => {
  const { client, store } = open(context);
  const claimed: unknown[] = [];
  const claim = store.claim.bind(store);
  context.mock.method(store, "claim", (user: string) => {
    claimed.push(user);
    return claim(user);
  });
  await Promise.all([client.signIn("alice"), client.signIn("bob")]);
  assert.deepEqual([client.user, claimed], ["bob", ["bob"]]);
  await client.signOut({ erase: false });
  const [signedIn, signedOut] = [client.signIn("alice"), client.signOut({ erase: false })];
  await Promise.all([signedIn, signedOut]);
  assert.deepEqual([client.user, client.state], [null, "signed_out"]);
  await Promise.all([client.signIn("alice"), client.close()]);
  assert.deepEqual([client.user, claimed], [null, ["bob"]]);
});

/** Have all saves from now on wait until the returned function is called. */
function hold(store: FailingStore): () => void {
  let release = (): void => {};
  store.gate = new Promise((resolve) => {
    release = resolve;
  });
  return release;
}

test("a log-out has ended when nothing is left, and a sign-in meanwhile waits for that", async (context) => {
  const { client, store } = open(context);
  await client.signIn("alice");
  await client.add(A);
  const release = hold(store);
  const done: string[] = [];
  const left = client.signOut({ erase: true }).then(() => done.push("signed out"));
  const signedIn = client.signIn("alice").then(() => done.push("signed in"));
  await setImmediate();
  assert.deepEqual(done, []);
  release();
  await Promise.all([left, signedIn]);
  assert.deepEqual(done, ["signed out", "signed in"]);
  await client.add(B);
  assert.deepEqual([client.user, client.queueLength], ["alice", 1]);
  assert.deepEqual(
    (await store.read("alice"))?.queue.map(({ content_id }) => content_id),
    [B],
  );
});

test("`close` ends when all calls are stored, and closes the store; the user is signed out at once", async (context) => {
  const { client, store } = open(context);
  const events = told(client, "state");
  const closed = context.mock.method(store, "close");
  await client.signIn("alice");
  client.disconnect();
  await setImmediate();
  const release = hold(store);
  const added = client.add(A);
  events.length = 0;
  let isDone = false;
  const close = client.close().then(() => {
    isDone = true;
  });
  assert.deepEqual([client.user, events], [null, [["state", "signed_out"]]]);
  await setImmediate();
  assert.deepEqual([isDone, closed.mock.callCount()], [false, 0]);
  release();
  await Promise.all([close, added]);
  assert.deepEqual([(await store.read("alice"))?.queue.length, closed.mock.callCount()], [1, 1]);
});

test("`close` during a log-out ends when the log-out does", async (context) => {
  const { client, store } = open(context);
  const closed = context.mock.method(store, "close");
  await client.signIn("alice");
  await client.add(A);
  const release = hold(store);
  void client.signOut({ erase: true });
  const close = client.close();
  await setImmediate();
  assert.equal(closed.mock.callCount(), 0);
  release();
  await close;
  assert.deepEqual([await store.read("alice"), closed.mock.callCount()], [null, 1]);
});

test("a sign-in closes the previous user's list, and says so", async (context) => {
  const { client } = open(context);
  const events = told(client, "signed_out");
  await client.signIn("alice");
  client.disconnect();
  await client.add(A);
  await client.signIn("bob");
  assert.deepEqual([events, client.user, client.items], [[["signed_out", "alice", false]], "bob", []]);
  await client.signIn("alice");
  assert.deepEqual(
    client.items.map(({ content_id }) => content_id),
    [A],
  );
});

test("a sign-in of the same user connects again if that was stopped, and one with an invalid id signs nobody out", async (context) => {
  const { client } = open(context);
  const events = told(client, "signed_out");
  await client.signIn("alice");
  client.disconnect();
  assert.equal(client.state, "stopped");
  await client.signIn("alice");
  assert.notEqual(client.state, "stopped");
  await assert.rejects(client.signIn(""), TypeError);
  assert.deepEqual([client.user, events], ["alice", []]);
});

test("an app is told why its store fails and that it works again, and then shows what the store held", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const { client, store } = open(context);
  const before = new UserCollections("alice", null, () => "before");
  before.enqueue("add", A, 1);
  await store.save("alice", before.takeChanges().changes);
  store.failures.push(new Error("locked"));
  context.mock.method(store, "read", () => Promise.reject(new Error("locked")), { times: 1 });
  const events = told(client, "storage");
  await client.signIn("alice");
  assert.deepEqual([client.items, client.storage], [[], "memory"]);
  await client.add(B);
  context.mock.timers.tick(60_000);
  await setImmediate();
  assert.deepEqual(
    client.items.map(({ content_id }) => content_id),
    [B, A],
  );
  assert.deepEqual(events, [
    ["storage", "memory", "Error: locked"],
    ["storage", "persistent", "the store works again"],
  ]);
});

test("an app is told once that there is no database, and not at all if it wants none", async (context) => {
  for (const [database, expected] of [
    [null, []],
    ["syncd", [["storage", "memory", "there is no IndexedDB here"]]],
  ] as const) {
    const { client } = open(context, { store: undefined, database });
    const events = told(client, "storage");
    await client.signIn("alice");
    await client.signIn("bob");
    assert.deepEqual(events, expected);
  }
});

test("without an address the page's origin is the service, and without a WebSocket there is no client", async (context) => {
  const { WebSocket } = globalThis;
  context.after(() => {
    Object.assign(globalThis, { WebSocket });
    Reflect.deleteProperty(globalThis, "location");
  });
  const urls: string[] = [];
  class Socket {
    constructor(url: string) {
      urls.push(url);
    }
    close(): void {}
  }
  Object.assign(globalThis, { location: { origin: "https://page" }, WebSocket: Socket });
  const client = new SyncClient({ getToken: () => "a-token", database: null });
  await client.signIn("alice");
  while (urls.length === 0) await setImmediate();
  await client.close();
  assert.ok(urls[0]?.startsWith("wss://page/ws?"), urls[0]);
  Object.assign(globalThis, { WebSocket: undefined });
  assert.throws(() => new SyncClient({ getToken: () => null }), { name: "TypeError", message: /no WebSocket/u });
});

test("a client is woken when its page comes back, and no more once it is closed", async (context) => {
  const page = new EventTarget();
  const listeners = { added: 0, removed: 0 };
  Object.assign(globalThis, {
    addEventListener: (type: string, listener: () => void): void => {
      listeners.added += 1;
      page.addEventListener(type, listener);
    },
    removeEventListener: (type: string, listener: () => void): void => {
      listeners.removed += 1;
      page.removeEventListener(type, listener);
    },
  });
  context.after(() => {
    for (const name of ["addEventListener", "removeEventListener"]) Reflect.deleteProperty(globalThis, name);
  });
  const { client, getToken } = open(context);
  for (let times = 1; times <= 2; times += 1) {
    await client.signIn("alice");
    await client.signIn("bob");
    await setImmediate();
    assert.equal(client.state, "waiting");
    const before = getToken.mock.callCount();
    page.dispatchEvent(new Event("online"));
    await setImmediate();
    assert.equal(getToken.mock.callCount(), before + 1);
    await client.close();
    assert.equal(listeners.added, listeners.removed);
    page.dispatchEvent(new Event("online"));
    await setImmediate();
    assert.deepEqual([getToken.mock.callCount(), client.state], [before + 1, "signed_out"]);
  }
});

test("a closed client does not keep its process alive, whatever its state was", async (context) => {
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const before = timers();
  const { client, store } = open(context);
  await client.signIn("alice"); // there is no token: it waits to ask again
  await setImmediate();
  client.progress.update(A, { position_seconds: 1 });
  client.progress.update(A, { position_seconds: 2 });
  await setImmediate();
  store.failures.push(new Error("full"));
  await client.add(A);
  assert.ok(timers() > before + 1);
  await client.close();
  await setImmediate();
  assert.ok(timers() <= before + 1, `${timers()} timers`); // `updated` may be told a frame later
});
