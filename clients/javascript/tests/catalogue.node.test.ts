/** Which lists there are, as an app sees it: against a fake service, and on two devices of a daemon. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { MemoryStore } from "../src/stores/memory_store.js";
import { SyncClient } from "../src/syncd-client.js";
import { content } from "./contents.js";
import { Daemon, mint } from "./daemon.js";

/** Resolves when it is so, which is looked at at each `updated`. */
function until(client: SyncClient, isSo: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (isSo()) resolve();
    };
    for (const type of ["updated", "state"] as const) client.addEventListener(type, look);
    look();
  });
}

function shown(client: SyncClient): string {
  return client.catalogue.items.map(({ list, name }) => `${list}: ${name}`).join();
}

async function open(context: TestContext, daemon: Daemon, device: string): Promise<SyncClient> {
  const client = new SyncClient({ url: daemon.url, getToken: () => mint("ann", device), store: new MemoryStore() });
  context.after(() => client.close());
  await client.signIn("ann");
  return client;
}

test("a device sees which lists another one creates, renames and deletes", async (context) => {
  const daemon = new Daemon();
  context.after(() => daemon.remove());
  await daemon.start();
  const [phone, tv] = [await open(context, daemon, "phone"), await open(context, daemon, "tv")];
  assert.equal(tv.catalogue, tv.catalogue);
  assert.deepEqual(tv.catalogue.items, []);
  const told: string[] = [];
  const unsubscribe = tv.catalogue.subscribe(() => told.push(shown(tv)));
  const resumed = new Promise<void>((resolve) => {
    tv.addEventListener("resumed", ({ collection }) => collection === "lists" && resolve());
  });
  await resumed;
  await phone.list("kids").rename("For the kids");
  await until(tv, () => shown(tv) === "kids: For the kids");
  phone.list("later").add(content(1));
  await until(tv, () => shown(tv) === "kids: For the kids,later: later");
  const { items } = tv.catalogue;
  assert.ok(Object.isFrozen(items) && items.every(Object.isFrozen));
  phone.add(content(2));
  await until(tv, () => tv.has(content(2)));
  assert.equal(tv.catalogue.items, items);
  await phone.list("kids").delete();
  await until(tv, () => shown(tv) === "later: later");
  unsubscribe();
  assert.ok(told.includes("kids: For the kids"));
  tv.disconnect();
  await until(tv, () => tv.state === "stopped");
  assert.equal(shown(tv), "later: later");
  await phone.list("later").rename("Später");
  tv.connect();
  await until(tv, () => shown(tv) === "later: Später");
  await tv.signOut({ erase: false });
  assert.deepEqual(tv.catalogue.items, []);
});
