/** Moving an item beside another takes one new position, and more only if there is no other way. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import type { Item } from "../../src/data/list_view.js";
import { type Placed, positionsFor } from "../../src/data/placing.js";
import { MemoryStore } from "../../src/stores/memory_store.js";
import { SyncClient } from "../../src/syncd-client.js";
import { content } from "../contents.js";
import { ROOT } from "../daemon.js";
import { FakeService } from "../fake_service.js";

const examples = JSON.parse(readFileSync(join(ROOT, "clients/conformance/positions.json"), "utf8")) as {
  readonly moved: readonly {
    readonly before?: string;
    readonly after?: string;
    readonly positions: readonly (string | null)[];
    readonly moves: string;
    readonly gives: readonly Placed[];
  }[];
};

/** A list with these positions, its contents a, b, c …; those without one are the newest first. */
function shown(...positions: (string | null)[]): Item[] {
  return positions.map((position, index) => {
    const timestamp = { physical: positions.length - index, logical: 0, node: "x" };
    const item = { content_id: "abcdefgh".charAt(index), pending: false, timestamp, device_id: null };
    return position === null ? item : { ...item, position };
  });
}

test("only items that need a new position get one, as in every client", () => {
  for (const { positions, moves, gives, ...place } of examples.moved)
    assert.deepEqual(positionsFor(shown(...positions), moves, place), gives);
});

test("a place that is not valid is refused", () => {
  for (const place of [{ before: "z" }, { after: "a" }, { before: "b", after: "b" }])
    assert.throws(() => positionsFor(shown("V", "d"), "a", place), TypeError);
});

test("a content is moved, in the list or not, and `move` returns the operation's id", async (context) => {
  const [A, B, C] = [content(1), content(2), content(3)];
  const { socketClass } = new FakeService();
  const options = { url: "ws://fake", getToken: () => "a-token", store: new MemoryStore(), WebSocket: socketClass };
  const client = new SyncClient(options);
  context.after(() => client.close());
  await client.signIn("alice");
  const kids = client.list("kids");
  for (const id of [A, B, C]) await kids.move(id);
  const id = await kids.move(C.toUpperCase(), { before: A });
  const shows = () => kids.items.map(({ content_id }) => content_id);
  assert.deepEqual([shows(), typeof id], [[C, A, B], "string"]);
  await kids.move(C, { before: null, after: A });
  assert.deepEqual(shows(), [A, C, B]);
  await assert.rejects(kids.move(A, { before: content(9) }), TypeError);
  await assert.rejects(kids.move(A, { before: "" }), { message: /^content_id: /u });
  await assert.rejects(kids.move("kids"), { message: /^content_id: /u });
});
