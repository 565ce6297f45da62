/** The stores for platforms without IndexedDB: on a Map, and on a real SQLite. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

// biome-ignore lint/correctness/noUnresolvedImports: a CommonJS module, whose exports are its default
import sqlite from "node-sqlite3-wasm";
import { NEVER } from "../src/data/hlc.js";
import { UserState } from "../src/data/user_state.js";
import { MemoryStore } from "../src/stores/memory_store.js";
import { Mirror } from "../src/stores/mirror.js";
import { AsyncStorageStore, SqliteStore, type TextStorage } from "../src/stores.js";
import { SyncClient } from "../src/syncd-client.js";
import { content } from "./contents.js";
import { FakeService } from "./fake_service.js";
import { checkStore } from "./store_contract.js";

const ENTRY_BYTES = 100_000;
/** More changes than a call can have arguments: V8 allows some 120,000, JavaScriptCore 65,536. */
const TOO_MANY_ARGUMENTS = 150_000;

/** AsyncStorage, as far as it is used. */
class Texts implements TextStorage {
  readonly texts = new Map<string, string>();
  /** The length of the longest text that there ever was. */
  longest = 0;
  /** How many more calls are done; then none is. */
  callsLeft = Number.POSITIVE_INFINITY;

  async getItem(key: string): Promise<string | null> {
    return this.texts.get(key) ?? null;
  }

  async setItem(key: string, value: string): Promise<void> {
    this.#count();
    this.texts.set(key, value);
    this.longest = Math.max(this.longest, value.length);
  }

  async removeItem(key: string): Promise<void> {
    this.#count();
    this.texts.delete(key);
  }

  #count(): void {
    this.callsLeft -= 1;
    if (this.callsLeft < 0) throw new Error("the device is off");
  }
}

test("the store in memory does what every store must", async () => {
  const store = new MemoryStore();
  await assert.doesNotReject(checkStore(() => store));
});

test("a store on AsyncStorage does what every store must, in short texts, and leaves nothing of an erased user", async () => {
  const storage = new Texts();
  await checkStore(() => new AsyncStorageStore(storage, "prefix"));
  assert.ok(storage.longest < ENTRY_BYTES, `${storage.longest}`);
  assert.deepEqual(
    [...storage.texts.keys()].filter((key) => !key.startsWith("prefix/alice%2Fa")),
    [],
  );
});

test("a store on a synchronous storage, which answers undefined for a missing text, does what every store must", async () => {
  const texts = new Map<string, string>();
  const storage: TextStorage = {
    getItem: (key) => texts.get(key),
    setItem: (key, text) => texts.set(key, text),
    removeItem: (key) => texts.delete(key),
  };
  await assert.doesNotReject(checkStore(() => new AsyncStorageStore(storage)));
});

test("whenever the device loses power, a store on AsyncStorage has all of a save or nothing", async () => {
  const put = (index: number, physical: number) => ({
    put: { content_id: `c${index}`, timestamp: { physical, logical: 0, node: "n" }, rank: 0, device_id: null },
  });
  const list = (physical: number, length = 1200) => [
    { clear: true as const },
    { set: { ...UserState.empty("r").head, revision: physical } },
    ...Array.from({ length }, (_, index) => put(index, physical)),
  ];
  for (let calls = 0, isWhole = false; !isWhole; calls += 1) {
    const storage = new Texts();
    const store = new AsyncStorageStore(storage);
    await store.claim("alice");
    await store.save("alice", list(1));
    storage.callsLeft = calls;
    isWhole = await store.save("alice", list(2)).then(
      () => true,
      () => false,
    );
    storage.callsLeft = Number.POSITIVE_INFINITY;
    const next = new AsyncStorageStore(storage);
    const stored = await next.claim("alice");
    const revisions = new Set(stored?.items.map((item) => item.timestamp.physical));
    assert.deepEqual([stored?.items.length, [...revisions]], [1200, [stored?.head.revision]]);
    assert.ok(!isWhole || calls > 3);
    await next.save("alice", list(3, 600)); // over what the one before may have left
    assert.equal((await new AsyncStorageStore(storage).claim("alice"))?.items.length, 600);
  }
});

test("an erasure that a store on AsyncStorage could not finish is finished when the user comes back", async () => {
  for (let calls = 0, isWhole = false; !isWhole; calls += 1) {
    const storage = new Texts();
    const store = new AsyncStorageStore(storage);
    await store.claim("alice");
    await store.save("alice", [{ set: UserState.empty("r").head }]);
    for (let revision = 1; revision < 4; revision += 1) await store.save("alice", [{ set: { revision } }]);
    storage.callsLeft = calls;
    isWhole = await store.save("alice", [{ erase: true }]).then(
      () => true,
      () => false,
    );
    storage.callsLeft = Number.POSITIVE_INFINITY;
    const next = new AsyncStorageStore(storage);
    const stored = await next.claim("alice");
    assert.deepEqual([stored?.head.revision, storage.texts.size === 0], calls === 0 ? [3, false] : [undefined, true]);
  }
});

test("a store on a slow AsyncStorage does one call after the other", async () => {
  const storage = new Texts();
  const getItem = storage.getItem.bind(storage);
  storage.getItem = async (key) => {
    await setImmediate();
    return getItem(key);
  };
  const store = new AsyncStorageStore(storage);
  const head = (revision: number) => ({ set: { ...UserState.empty("r").head, revision } });
  const calls = [
    store.claim("alice"),
    store.save("alice", [head(1)]),
    store.save("alice", [{ erase: true }]),
    store.save("alice", [head(2)]),
    store.save("alice", [{ set: { revision: 3 } }]),
  ];
  await Promise.all(calls);
  assert.equal((await new AsyncStorageStore(storage).claim("alice"))?.head.revision, 3);
});

test("a store on AsyncStorage saves nothing of a user who was not claimed: that would replace all that is kept", async () => {
  const storage = new Texts();
  const store = new AsyncStorageStore(storage);
  await store.claim("alice");
  await store.save("alice", [{ set: { ...UserState.empty("r").head, revision: 7 } }]);
  store.close();
  for (const each of [store, new AsyncStorageStore(storage)])
    await assert.rejects(each.save("alice", [{ set: { revision: 8 } }]), /claimed/u);
  await store.claim("alice");
  assert.equal((await store.read("alice"))?.head.revision, 7);
});

test("a store on AsyncStorage has some hundred texts after thousands of saves, and writes few more than there are saves", async (context) => {
  const storage = new Texts();
  const written = context.mock.method(storage, "setItem");
  const store = new AsyncStorageStore(storage);
  await store.claim("alice");
  await store.save("alice", [{ set: UserState.empty("r").head }]);
  let most = 0;
  for (let revision = 1; revision <= 2000; revision += 1) {
    await store.save("alice", [{ set: { revision } }]);
    most = Math.max(most, storage.texts.size);
  }
  assert.ok(most < 250, `${most} texts`);
  assert.ok(written.mock.callCount() < 2100, `${written.mock.callCount()} writes`);
  assert.equal((await new AsyncStorageStore(storage).claim("alice"))?.head.revision, 2000);
});

test("a client with many lists keeps short texts, too", async () => {
  const storage = new Texts();
  const store = new AsyncStorageStore(storage);
  const options = { url: "ws://fake", getToken: () => null, WebSocket: new FakeService().socketClass };
  const client = new SyncClient({ ...options, store });
  await client.signIn("alice");
  const lists = Array.from({ length: 100 }, (_, index) => client.list(`list-${index}`));
  await Promise.all(lists.map((list) => list.add(content(1))));
  await lists[0]?.addMany(Array.from({ length: 150 }, (_, index) => content(index)));
  await client.close();
  assert.ok(storage.longest < ENTRY_BYTES, `${storage.longest}`);
  assert.equal((await new AsyncStorageStore(storage).claim("alice"))?.queue.length, 250);
});

for (const [name, open] of [
  ["AsyncStorage", openOnTexts],
  ["SQLite", openOnSqlite],
] as const) {
  test(`where an app has deleted what a store on ${name} kept, it says so, and a client stores all again`, async (context) => {
    const { store, wipe } = open();
    const options = { url: "ws://fake", getToken: () => null, WebSocket: new FakeService().socketClass };
    const client = new SyncClient({ ...options, store });
    context.after(() => client.close());
    await client.signIn("alice");
    await client.add(content(1));
    wipe();
    await client.add(content(2));
    assert.equal(client.storage, "memory");
    while (client.storage === "memory")
      await new Promise((resolve) => client.addEventListener("storage", resolve, { once: true }));
    await client.add(content(3));
    const kept = (await store.read("alice"))?.queue.map(({ content_id }) => content_id);
    assert.deepEqual(kept, [content(1), content(2), content(3)]);
  });
}

test("a store whose rows are deleted before the first save says so, too: a part of a head does not count as one", async () => {
  const database = new sqlite.Database(":memory:");
  const storage = new Texts();
  const onSqlite = () => new SqliteStore((sql, parameters) => database.all(sql, parameters));
  const onTexts = () => new AsyncStorageStore(storage);
  for (const openAgain of [onSqlite, onTexts]) {
    const before = openAgain();
    await before.claim("alice");
    await before.save("alice", [{ set: UserState.empty("r").head }]);
    const store = openAgain();
    assert.equal((await store.claim("alice"))?.head.replica, "r");
    database.all("DELETE FROM syncd_client");
    storage.texts.clear();
    await assert.rejects(store.save("alice", [{ set: { revision: 7 } }]), /deleted/u);
    assert.equal(await store.claim("alice"), null);
    await store.save("alice", [{ set: UserState.empty("s").head }]); // now there is nothing to lose
    assert.equal((await openAgain().claim("alice"))?.head.replica, "s");
  }
  database.close();
});

function openOnTexts() {
  const storage = new Texts();
  return { store: new AsyncStorageStore(storage), wipe: () => storage.texts.clear() };
}

function openOnSqlite() {
  const database = new sqlite.Database(":memory:");
  const store = new SqliteStore((sql, parameters) => database.all(sql, parameters));
  return { store, wipe: () => database.all("DELETE FROM syncd_client") };
}

test("a save may have more changes than a call can have arguments", async () => {
  const database = new sqlite.Database(":memory:");
  const store = new SqliteStore((sql, parameters) => database.all(sql, parameters));
  await store.claim("alice");
  const puts = Array.from({ length: TOO_MANY_ARGUMENTS }, (_, index) => ({
    put: { content_id: `c${index}`, timestamp: NEVER, rank: index, device_id: null },
  }));
  await store.save("alice", [{ set: UserState.empty("r").head }, ...puts]);
  assert.equal((await store.read("alice"))?.items.length, TOO_MANY_ARGUMENTS);
  const mirror = new Mirror(UserState.empty("r"));
  mirror.fork("s");
  mirror.take();
  mirror.note(puts);
  assert.equal(mirror.take().length, TOO_MANY_ARGUMENTS);
  database.close();
});

test("a store on SQLite does what every store must", async () => {
  const database = new sqlite.Database(":memory:");
  await assert.doesNotReject(checkStore(() => new SqliteStore((sql, parameters) => database.all(sql, parameters))));
  database.close();
});

test("the error of a full disk is reported, and not that of the rollback, which SQLite has already done", async () => {
  const database = new sqlite.Database(":memory:");
  const store = new SqliteStore((sql, parameters) => {
    if (sql.startsWith("DELETE")) {
      database.all("ROLLBACK"); // as SQLite does where a disk is full
      throw new Error("database or disk is full");
    }
    return database.all(sql, parameters);
  });
  await store.claim("alice");
  await assert.rejects(
    store.save("alice", [{ set: UserState.empty("r").head }, { drop: "c1" }]),
    /^Error: database or disk/u,
  );
  database.close();
});

test("a failed save leaves nothing in SQLite, and the next one works", async () => {
  const database = new sqlite.Database(":memory:");
  let isBroken = false;
  const store = new SqliteStore((sql, parameters) => {
    if (isBroken && sql.startsWith("DELETE")) throw new Error("disk I/O error");
    return database.all(sql, parameters);
  });
  await store.claim("alice");
  await store.save("alice", [{ set: UserState.empty("r").head }]);
  isBroken = true;
  await assert.rejects(store.save("alice", [{ set: { revision: 7 } }, { drop: "c1" }]), /disk/u);
  assert.equal((await store.read("alice"))?.head.revision, 0);
  isBroken = false;
  await store.save("alice", [{ set: { revision: 8 } }, { drop: "c1" }]);
  assert.equal((await store.read("alice"))?.head.revision, 8);
  database.close();
});

test("on an asynchronous SQLite one statement follows the other, and what it cannot commit is not saved", async () => {
  const database = new sqlite.Database(":memory:");
  let running = 0;
  let isFull = false;
  const store = new SqliteStore(async (sql, parameters) => {
    running += 1;
    assert.equal(running, 1, sql);
    await setImmediate();
    running -= 1;
    if (isFull && sql === "COMMIT") throw new Error("database or disk is full");
    return database.all(sql, parameters);
  });
  const head = (revision: number) => ({ set: { ...UserState.empty("r").head, revision } });
  await Promise.all([store.claim("alice"), store.save("alice", [head(1)]), store.read("alice")]);
  isFull = true;
  await assert.rejects(store.save("alice", [head(2), { clear: true }]), /full/u);
  isFull = false;
  assert.equal((await store.read("alice"))?.head.revision, 1);
  await store.save("alice", [head(3)]);
  assert.equal((await store.read("alice"))?.head.revision, 3);
  database.close();
});
