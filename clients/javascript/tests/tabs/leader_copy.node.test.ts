/** A tab that follows, when batches of its leader are lost on the way. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { UserCollections } from "../../src/data/user_collections.js";
import type { Stored } from "../../src/data/user_state.js";
import { latch } from "../../src/tabs/latch.js";
import { content } from "../contents.js";
import { open } from "./tab_by_hand.js";

const [A, B, C] = [content(1), content(2), content(3)];

const BATCH = {
  type: "batch",
  leader: "other",
  state: "live",
  transport: "websocket",
  storage: "persistent",
  transient: null,
  changes: [],
  events: [],
  done: [],
} as const;

/** What a leader has stored, and how that changes. */
class Leader {
  readonly #collections = new UserCollections("alice", null, () => "of the other");

  constructor() {
    this.#collections.takeChanges();
  }

  get stored(): Stored {
    return this.#collections.state.stored();
  }

  add(contentId: string) {
    this.#collections.enqueue("add", contentId, 1);
    return this.#collections.takeChanges().changes;
  }
}

test("a tab that has missed a batch of its leader reads its list again, and goes on from there", async (context) => {
  const { store, tabs, session } = open(context);
  const leader = new Leader();
  const read = context.mock.method(store, "read", async () => leader.stored);
  const shown = (): string[] => session.items().map((item) => item.content_id);
  tabs.onMessage({ ...BATCH, number: 7 });
  await session.shown;
  leader.add(A); // told in 8, which is lost
  tabs.onMessage({ ...BATCH, number: 9, changes: leader.add(B) });
  await setImmediate();
  assert.deepEqual(shown(), [B, A]);
  tabs.onMessage({ ...BATCH, number: 10, changes: leader.add(C) });
  assert.deepEqual(shown(), [C, B, A]);
  assert.equal(read.mock.callCount(), 2);
});

test("a copy that a tab began to read before it missed a batch is not shown", async (context) => {
  const { store, tabs, session } = open(context);
  const leader = new Leader();
  const reads: (() => void)[] = [];
  context.mock.method(store, "read", async () => {
    const { stored } = leader;
    const [isRead, finish] = latch();
    reads.push(finish);
    await isRead;
    return stored;
  });
  tabs.onMessage({ ...BATCH, number: 7 });
  leader.add(A); // told in 8, which is lost
  tabs.onMessage({ ...BATCH, number: 9 });
  for (const finish of reads) {
    finish();
    await setImmediate();
  }
  assert.deepEqual(
    session.items().map((item) => item.content_id),
    [A],
  );
});

test("batches without numbers, from a leader of an earlier release, are applied as they come", async (context) => {
  const { store, tabs, session } = open(context);
  const leader = new Leader();
  const read = context.mock.method(store, "read", async () => leader.stored);
  tabs.onMessage(BATCH);
  await session.shown;
  tabs.onMessage({ ...BATCH, changes: leader.add(A) });
  assert.deepEqual([session.items().length, read.mock.callCount()], [1, 1]);
});
