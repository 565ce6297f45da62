/** The state with which a client would go on: nothing piles up in it while the store works. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { UserCollections } from "../../src/data/user_collections.js";
import { Mirror } from "../../src/stores/mirror.js";
import { content } from "../contents.js";

test("nothing that a working store has saved is remembered, before a failure or after it", () => {
  const mirror = new Mirror(null);
  const lists = new UserCollections("alice", null, () => "r");
  const notes = (): boolean[] => {
    lists.enqueue("add", content(1), 1);
    const [write] = Array.from(lists.state.queue.values()).slice(-1);
    assert.ok(write);
    mirror.note(lists.takeChanges().changes);
    return [mirror.isAhead, mirror.knows(write)];
  };
  assert.deepEqual(notes(), [false, false]);
  mirror.fork("memory");
  assert.deepEqual(notes(), [true, true]);
  mirror.take();
  assert.equal(mirror.isAhead, false);
  const [written] = lists.state.queue.values();
  assert.ok(written && mirror.knows(written)); // from before
  mirror.join();
  assert.deepEqual([mirror.knows(written), mirror.state?.queue.size, ...notes()], [false, 2, false, false]);
});
