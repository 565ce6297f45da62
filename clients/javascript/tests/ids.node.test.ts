import assert from "node:assert/strict";
import { test } from "node:test";

import { SyncClient } from "../src/client.js";
import { canonical, checkUserId } from "../src/ids.js";

test("what is no content id is refused with what to do, whatever its type", () => {
  for (const value of ["tt0111161", 123, null, undefined, {}, ["0b0e6a4e-52a5-4a5b-9a1f-00000000000a"]]) {
    assert.throws(() => canonical(value as string), { name: "TypeError", message: /^content_id: .*UUIDv5/u });
  }
});

test("half a character names nobody", () => {
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
