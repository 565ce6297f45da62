import assert from "node:assert/strict";
import { test } from "node:test";

import { SyncClient } from "../../src/client.js";
import { canonical, checkUserId } from "../../src/data/ids.js";

/** Like an event of React, which refers to its element, and that to React's own tree. */
const event: { target?: object } = {};
event.target = { event };

test("a content id that is not valid is refused with what to do, whatever its type", () => {
  const values = ["tt0111161", 123, 123n, null, undefined, {}, event, ["0b0e6a4e-52a5-4a5b-9a1f-00000000000a"]];
  for (const value of values)
    assert.throws(() => canonical(value as string), { name: "TypeError", message: /^content_id: .*UUIDv5/u });
});

test("if the service accepts any text, an id stays as it is, and what is no text is refused", () => {
  for (const id of [
    "plex://movie/5d77",
    "123",
    " ",
    "%2F",
    "e\u0301",
    "0B0E6A4E-52A5-4A5B-9A1F-00000000000A",
    "😀".repeat(128),
  ])
    assert.equal(canonical(id, "text"), id);
  for (const value of ["", "a\nb", "\0", "\u0085", "\ud83d", "x".repeat(129), 123, 123n, event, null, undefined])
    assert.throws(() => canonical(value as string, "text"), {
      name: "TypeError",
      message: /^content_id: must be 1 to/u,
    });
});

test("a client accepts the kind of ids that its options name", async () => {
  const client = new SyncClient({ url: "http://127.0.0.1:9", getToken: () => null, contentIds: "text" });
  await client.signIn("alice");
  await client.addMany(["plex://movie/5d77", "ABC"]);
  assert.deepEqual(
    client.items.map((item) => item.content_id),
    ["ABC", "plex://movie/5d77"],
  );
  assert.equal(client.has("ABC") && !client.has("abc"), true);
  assert.throws(() => client.add("a\nb"), TypeError);
  await client.close();
  const neither = { url: "http://127.0.0.1:9", getToken: () => null, contentIds: "number" as "text" };
  assert.throws(() => new SyncClient(neither), { name: "TypeError", message: /^contentIds: /u });
});

test("a lone surrogate is no user id", () => {
  for (const value of ["\ud83d", "\udc69 x", "x".repeat(129)])
    assert.throws(() => checkUserId(value), { name: "TypeError", message: /^user_id: /u });
  for (const value of ["👩‍👩‍👧", "リビング\u3000テレビ", "Ann\u00a0TV"]) checkUserId(value);
  checkUserId("👩".repeat(128));
});

test("a client that refuses a user id goes on with the user it has", async () => {
  const client = new SyncClient({ url: "http://127.0.0.1:9", getToken: () => null });
  await client.signIn("alice");
  await assert.rejects(client.signIn("a\nb"), TypeError);
  assert.equal(client.user, "alice");
  await client.close();
});

test("items of one position are in order of the code points of their ids, as in every client", async (context) => {
  const client = new SyncClient({
    url: "http://127.0.0.1:9",
    getToken: () => null,
    contentIds: "text",
    database: null,
  });
  context.after(() => client.close());
  await client.signIn("alice");
  for (const id of ["\u{1F4FA}", "\uFF34", "a"]) client.add(id, { position: "V" });
  assert.deepEqual(
    client.items.map(({ content_id }) => content_id),
    ["a", "\uFF34", "\u{1F4FA}"],
  );
});
