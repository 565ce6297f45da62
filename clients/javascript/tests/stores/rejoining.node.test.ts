/** Merging what a store holds with what was done without it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { prefixOf, WATCHLIST } from "../../src/data/keys.js";
import { UserCollections } from "../../src/data/user_collections.js";
import type { Stored } from "../../src/data/user_state.js";
import { MemoryStore } from "../../src/stores/memory_store.js";
import { Mirror, stateOf } from "../../src/stores/mirror.js";
import { rejoin } from "../../src/stores/rejoining.js";
import { content } from "../contents.js";

const [A, B, C] = [content(1), content(2), content(3)];
const KIDS = prefixOf("kids");

/** What is stored once both sides, neither of which knows of the other, are merged; `merged`: how often that was reported. */
async function rejoined(
  inStore: (lists: UserCollections) => void,
  inMemory: ((lists: UserCollections) => void) | null,
): Promise<{ stored: Stored; merged: number }> {
  const store = new MemoryStore();
  const disk = new UserCollections("alice", null, () => "disk");
  inStore(disk);
  await store.save("alice", disk.takeChanges().changes);
  const mirror = new Mirror(null);
  mirror.fork("memory");
  if (inMemory !== null) {
    const memory = new UserCollections("alice", null, () => "memory");
    inMemory(memory);
    mirror.note(memory.takeChanges().changes);
  }
  let merged = 0;
  await rejoin(
    store,
    new Map([["alice", mirror]]),
    () => {
      merged += 1;
    },
    () => mirror.join(),
  );
  return { stored: (await store.read("alice")) as Stored, merged };
}

test("stamps go on behind the later of both clocks, and numbers behind both queues", async () => {
  for (const [storedMs, ownMs] of [
    [1000, 2000],
    [2000, 1000],
  ] as const) {
    const { stored } = await rejoined(
      (disk) => disk.enqueue("add", A, storedMs),
      (memory) => {
        memory.enqueue("add", B, ownMs);
        memory.enqueue("add", C, ownMs);
      },
    );
    const lists = new UserCollections("alice", stateOf(stored), () => "another");
    lists.enqueue("remove", A, 500);
    const writes = Array.from(lists.state.queue.values());
    assert.deepEqual(
      writes.map(({ number }) => number),
      [1, 2, 3, lists.state.head.operations],
    );
    assert.equal(new Set(writes.map(({ operation_id }) => operation_id)).size, 4);
    assert.equal(writes.at(-1)?.timestamp.physical, 2000);
  }
});

test("of two journals the one heard of last counts, and stored writes count from its revision", async () => {
  const { stored, merged } = await rejoined(
    (disk) => {
      for (const prefix of [WATCHLIST, KIDS]) {
        disk.applySnapshot(prefix, { revision: 7, epoch: "gone", items: [{ content_id: A }] });
        disk.enqueue("remove", prefix + A, 1);
      }
    },
    (memory) => {
      memory.applySnapshot(WATCHLIST, { revision: 3, epoch: "e", items: [{ content_id: B }] });
      memory.applySnapshot(KIDS, { revision: 4, epoch: "e", items: [{ content_id: C }] });
    },
  );
  assert.equal(merged, 1);
  assert.deepEqual(
    stored.queue.map(({ content_id, observed }) => [content_id, observed]),
    [
      [A, 3],
      [KIDS + A, 4],
    ],
  );
  assert.deepEqual(
    stored.items.map((item) => item.content_id),
    [B, KIDS + C],
  );
  assert.deepEqual([stored.head.epoch, stored.head.lists?.[KIDS]?.epoch], ["e", "e"]);
});

test("a write of the journal that goes on keeps the revision that it was made at", async () => {
  const { stored } = await rejoined(
    (disk) => {
      disk.applySnapshot(WATCHLIST, { revision: 7, epoch: "e", items: [{ content_id: A }] });
      disk.enqueue("remove", A, 1);
    },
    (memory) => memory.applySnapshot(WATCHLIST, { revision: 9, epoch: "e", items: [{ content_id: A }] }),
  );
  assert.deepEqual([stored.head.revision, stored.queue.map(({ observed }) => observed)], [9, [7]]);
});

test("a stored list is kept if nothing of it came since, or nothing was done at all", async () => {
  for (const inMemory of [null, (memory: UserCollections): void => memory.enqueue("add", B, 1)]) {
    const { stored, merged } = await rejoined(
      (disk) => disk.applySnapshot(WATCHLIST, { revision: 7, epoch: "e", items: [{ content_id: A }] }),
      inMemory,
    );
    const { revision, epoch } = stored.head;
    assert.deepEqual([merged, revision, epoch, stored.items.map((item) => item.content_id)], [1, 7, "e", [A]]);
    assert.equal(stored.queue.length, inMemory === null ? 0 : 1);
  }
});

test("a used number is not used again, although its write is settled", async () => {
  const { stored } = await rejoined(
    (disk) => disk.enqueue("add", A, 1),
    (memory) => {
      for (const id of [A, B, C]) memory.enqueue("add", id, 1);
      for (const write of Array.from(memory.state.queue.values())) memory.acknowledge(write, undefined, undefined);
    },
  );
  const lists = new UserCollections("alice", stateOf(stored), () => "another");
  lists.enqueue("add", B, 2);
  const [first, second] = Array.from(lists.state.queue.values());
  assert.deepEqual([first?.operation_id, lists.state.queue.size], ["disk.1", 2]);
  assert.ok(!["memory.1", "memory.2", "memory.3"].includes(second?.operation_id ?? ""), second?.operation_id);
});

test("of two clocks in the same millisecond the later one counts, on either side", async () => {
  for (const [storedWrites, ownWrites] of [
    [3, 1],
    [1, 3],
  ]) {
    const write = (times: number | undefined) => (lists: UserCollections) => {
      for (let count = 0; count < (times ?? 0); count += 1) lists.enqueue("add", A, 1000);
    };
    const { stored } = await rejoined(write(storedWrites), write(ownWrites));
    assert.deepEqual([stored.head.clock.physical, stored.head.clock.logical], [1000, 2]);
  }
});

test("a write to a list that was not opened since is kept as it is", async () => {
  const { stored, merged } = await rejoined(
    (disk) => {
      disk.applySnapshot(WATCHLIST, { revision: 7, epoch: "gone", items: [] });
      disk.enqueue("remove", KIDS + A, 1);
    },
    (memory) => memory.applySnapshot(WATCHLIST, { revision: 3, epoch: "e", items: [] }),
  );
  assert.deepEqual([merged, stored.queue.map(({ content_id }) => content_id)], [1, [KIDS + A]]);
});

test("what is merged while the store fails again is merged only once", async (context) => {
  const store = new MemoryStore();
  const disk = new UserCollections("alice", null, () => "disk");
  disk.enqueue("add", A, 1); // of no call: it has no origin
  await store.save("alice", disk.takeChanges().changes);
  const mirror = new Mirror(null);
  mirror.fork("memory");
  const mirrors = new Map([["alice", mirror]]);
  const told: string[] = [];
  const onMerged = (userId: string): void => void told.push(userId);
  context.mock.method(store, "save", () => Promise.reject(new Error("full")), { times: 1 });
  const onJoined = (): void => void told.push("joined");
  await assert.rejects(rejoin(store, mirrors, onMerged, onJoined), /full/u);
  await rejoin(store, mirrors, onMerged, onJoined);
  assert.deepEqual(told, ["alice", "joined"]);
  assert.deepEqual(
    (await store.read("alice"))?.queue.map(({ operation_id }) => operation_id),
    ["disk.1"],
  );
});
