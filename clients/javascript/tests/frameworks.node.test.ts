/** The client in Vue and in Svelte, as README.md shows it. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

// biome-ignore lint/correctness/noUnresolvedImports: which of its files is meant depends on where it runs
import { derived, get } from "svelte/store";
import { computed, reactive, shallowRef } from "vue";

import type { Change } from "../src/data/user_state.js";
import { MemoryStore } from "../src/stores/memory_store.js";
import { type Shown, SyncClient } from "../src/syncd-client.js";
import { content } from "./contents.js";
import { FakeService } from "./fake_service.js";

const [A, B] = [content(1), content(2)];

/** As IndexedDB does. */
class CloningStore extends MemoryStore {
  override async save(userId: string, changes: readonly Change[]): Promise<void> {
    await super.save(userId, structuredClone(changes));
  }
}

async function open(context: TestContext) {
  const service = new FakeService();
  const options = { url: "ws://fake", getToken: () => "a-token", WebSocket: service.socketClass };
  const client = new SyncClient(options);
  context.after(() => client.close());
  await client.signIn("alice");
  return { service, client };
}

function lengthOf(shown: Pick<Shown<unknown>, "subscribe">, length: number): Promise<void> {
  return new Promise((resolve) => {
    shown.subscribe((items) => items.length === length && resolve());
  });
}

test("Vue shows the list, and what is computed from it", async (context) => {
  const { service, client } = await open(context);
  const items = shallowRef(client.items);
  client.subscribe((list) => {
    items.value = list;
  });
  const count = computed(() => items.value.length);
  assert.equal(count.value, 0);
  client.add(A);
  service.change("add", [B]);
  await lengthOf(client, 2);
  assert.deepEqual([items.value, count.value], [client.items, 2]);
});

test("a client in a reactive object of Vue works", async (context) => {
  const { client } = await open(context);
  const store = reactive({ client });
  await store.client.add(A);
  assert.deepEqual([store.client.items, store.client.has(A)], [client.items, true]);
});

test("an update of a device may be a reactive object of Vue, from the start", async (context) => {
  const service = new FakeService();
  const options = { url: "ws://fake", getToken: () => "a-token", WebSocket: service.socketClass };
  const client = new SyncClient({ ...options, store: new CloningStore() });
  context.after(() => client.close());
  await client.signIn("alice");
  const words = reactive({ device_name: "Living room", capabilities: { can_cast: true } });
  assert.throws(() => client.devices.update("tv", { capabilities: { size: 1n } }), TypeError);
  await client.devices.update("tv", words);
  words.capabilities.can_cast = false;
  await lengthOf(client.devices, 1);
  assert.deepEqual([client.storage, client.devices.get("tv")?.capabilities], ["persistent", { can_cast: true }]);
  await client.add(A);
  await lengthOf(client, 1);
});

test("Svelte accepts the client as a store", async (context) => {
  const { service, client } = await open(context);
  const count = derived(client, (items) => items.length);
  const seen: number[] = [];
  const unsubscribe = count.subscribe((value) => seen.push(value));
  assert.equal(get(client), client.items);
  service.change("add", [B]);
  await lengthOf(client, 1);
  unsubscribe();
  client.add(A);
  await lengthOf(client, 2);
  assert.deepEqual(seen, [0, 1]);
});

test("a listener that fails at its first call is not called again, as its caller got no function to end that", async (context) => {
  const { service, client } = await open(context);
  let calls = 0;
  const fails = (): void => {
    calls += 1;
    throw new Error("no place to show it");
  };
  assert.throws(() => client.subscribe(fails), { message: "no place to show it" });
  assert.throws(() => client.subscribe(undefined as never), TypeError);
  service.change("add", [B]);
  await lengthOf(client, 1);
  assert.equal(calls, 1);
});
