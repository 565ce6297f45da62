/** Progress, in Node, against the real daemon. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { MemoryStore } from "../src/stores/memory_store.js";
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

test("unknown fields in an app's first reports are left out, as in later ones", async () => {
  const phone = device("phone");
  await phone.signIn(user);
  const said = { id: "video-1", type: "movie", collection: "films", operation: "play" };
  phone.progress.update(A, { ...said, position_seconds: 30, state: "paused" });
  await until(phone, () => phone.state === "live" && phone.queueLength === 0);
  assert.deepEqual(played(phone), [[A, 30, "paused", false]]);
});

test("progress of one device is shown on another, the last played first", async () => {
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
  assert.equal(tv.progress.continueWatching, tv.progress.continueWatching);
  assert.equal(tv.progress.get(A.toUpperCase()), a);
  await until(phone, () => phone.queueLength === 0);
  await tv.progress.remove(A);
  await until(phone, () => phone.progress.items.length === 1);
  assert.deepEqual(played(phone), [[B, 95.5, "paused", false]]);
});

test("a device names itself, another sees it come and go, renames it and sends it commands", async () => {
  const [phone, tv] = [device("phone"), device("tv")];
  const online = (): unknown => phone.devices.get("tv")?.is_online;
  void phone.devices;
  await phone.signIn(user);
  await until(phone, () => phone.devices.get("phone")?.is_online === true);
  const command = new Promise<unknown>((resolve) => {
    tv.addEventListener("command", (event) => resolve([event.command, event.payload, event.from_device_id]));
  });
  await tv.signIn(user);
  tv.devices.update("tv", { device_name: "TV", capabilities: { can_cast: true } });
  await until(phone, () => online() === true && phone.devices.get("tv")?.device_name === "TV");
  phone.devices.update("tv", { device_name: "Kitchen ☃" });
  await until(tv, () => tv.devices.get("tv")?.device_name === "Kitchen ☃" && tv.queueLength === 0);
  await phone.send("tv", "seek", { position_seconds: 90 });
  assert.deepEqual(await command, ["seek", { position_seconds: 90 }, "phone"]);
  await tv.close();
  await until(phone, () => online() === false);
  await assert.rejects(phone.send("tv", "play"), (error: { code?: string }) => error.code === "device_offline");
  await assert.rejects(phone.send("nobody", "play"), (error: { status?: number }) => error.status === 404);
  phone.devices.forget("tv");
  await until(phone, () => phone.devices.get("tv") === undefined && phone.queueLength === 0);
});
