/** Progress, in Node, against the real daemon. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { MemoryStore } from "../src/memory_store.js";
import { SyncClient, type SyncEvents } from "../src/syncd-client.js";
import { content } from "./contents.js";
import { Daemon, mint } from "./daemon.js";

const [A, B] = [content(1), content(2)];

const daemon = new Daemon();
const clients: SyncClient[] = [];
let users = 0;
let user: string;

before(() => daemon.start());
beforeEach(() => {
  users += 1;
  user = `user ${users}`;
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});
after(() => daemon.remove());

function device(name: string, store = new MemoryStore()): SyncClient {
  const client = new SyncClient({ url: daemon.url, getToken: () => mint(user, name), store });
  clients.push(client);
  return client;
}

/** Resolves when it is so, which is looked at after each event of these types. */
function until(client: SyncClient, isSo: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (isSo()) resolve();
    };
    const types: readonly (keyof SyncEvents)[] = ["updated", "resumed", "state"];
    for (const type of types) client.addEventListener(type, look);
    look();
  });
}

function played(client: SyncClient): unknown[] {
  return client.progress.items.map((item) => [item.content_id, item.position_seconds, item.state, item.pending]);
}

test("what one device has played another goes on with, newest first", async () => {
  const [phone, tv] = [device("phone"), device("tv")];
  const { progress } = phone;
  assert.deepEqual([phone.progress, progress.items], [progress, []]);
  await Promise.all([phone.signIn(user), tv.signIn(user)]);
  void tv.progress;
  phone.progress.update(A, { position_seconds: 30, duration_seconds: 100 });
  phone.progress.update(B, { position_seconds: 95.5, duration_seconds: 100, state: "paused" });
  await until(tv, () => tv.progress.items.length === 2);
  const [b, a] = tv.progress.items;
  assert.deepEqual(
    [b?.content_id, b?.position_seconds, b?.watched, b?.completion_percent, b?.device_id, b?.pending],
    [B, 95.5, true, 95.5, "phone", false],
  );
  assert.deepEqual([a?.content_id, a?.duration_seconds, a?.state, a?.watched], [A, 100, "playing", false]);
  assert.deepEqual(tv.progress.continueWatching, [a]);
  assert.equal(tv.progress.get(A.toUpperCase()), a);
  await until(phone, () => phone.queueLength === 0);
  await tv.progress.remove(A);
  await until(phone, () => phone.progress.items.length === 1);
  assert.deepEqual(played(phone), [[B, 95.5, "paused", false]]);
});
