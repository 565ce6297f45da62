/** Mistakes of an app: reported at once, without repeating a secret. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { SyncClient } from "../src/syncd-client.js";
import { mint } from "./daemon.js";

const NOBODY = "http://127.0.0.1:9"; // a port that nothing listens on
const SECRET = "tOpSeCrEt";

/** The reason that a client with this `getToken` reports, and its state afterwards. */
async function outcome(getToken: unknown): Promise<[string, string]> {
  const client = new SyncClient({ url: NOBODY, getToken: getToken as () => string });
  const told = new Promise<string>((resolve) => {
    client.addEventListener("disconnected", ({ reason }) => resolve(reason), { once: true });
  });
  await client.signIn("alice");
  const reason = await told;
  const { state } = client;
  await client.close();
  return [state, reason];
}

test("a `getToken` that is no function is refused", () => {
  for (const getToken of [undefined, null, SECRET, {}, Promise.resolve(SECRET)])
    assert.throws(
      () => new SyncClient({ url: NOBODY, getToken: getToken as never }),
      new TypeError("getToken: must be a function that answers with a token"),
    );
});

test("a value that can never be a token stops the client, and the reason does not show it", async () => {
  const answers: [unknown, string][] = [
    [{ token: SECRET }, "no token: getToken must answer with a text, not Object"],
    [[SECRET], "no token: getToken must answer with a text, not Array"],
    [7, "no token: getToken must answer with a text, not Number"],
    [true, "no token: getToken must answer with a text, not Boolean"],
    [new TextEncoder().encode(SECRET), "no token: getToken must answer with a text, not Uint8Array"],
    [new Response(SECRET), "no token: getToken must answer with a text, not Response"],
    [() => SECRET, "no token: getToken must answer with a text, not Function"],
    [`Bearer ${SECRET}`, "the token begins with 'Bearer '"],
    [`${SECRET}\n${SECRET}`, "the token has a line break in it"],
    [`${SECRET} ${SECRET}`, "the token has a space in it"],
    [`"${SECRET}"`, "the token has a character in it that no token has: U+0022"],
    [mint("bob", "phone"), "the token is another user's"],
  ];
  for (const [answer, reason] of answers) assert.deepEqual(await outcome(() => answer), ["stopped", reason]);
});

test("without a token for now the client asks again later, and says why", async () => {
  const answers: [() => unknown, string][] = [
    [() => null, "no token: getToken has none now"],
    [() => undefined, "no token: getToken has none now"],
    [() => "", "the token is empty"],
    [() => Promise.reject(new RangeError(SECRET)), "no token: getToken failed: RangeError"],
    [() => Promise.reject(SECRET), "no token: getToken failed: string"],
    [
      () => {
        throw new TypeError(SECRET);
      },
      "no token: getToken failed: TypeError",
    ],
  ];
  for (const [getToken, reason] of answers) assert.deepEqual(await outcome(getToken), ["waiting", reason]);
});

test("a `getToken` that hangs is given up after 20 s", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const client = new SyncClient({ url: NOBODY, getToken: () => new Promise(() => undefined) });
  context.after(() => client.close());
  const reasons: string[] = [];
  client.addEventListener("disconnected", ({ reason }) => reasons.push(reason));
  await client.signIn("alice");
  context.mock.timers.tick(19_999);
  assert.deepEqual([client.state, reasons], ["token", []]);
  context.mock.timers.tick(1);
  await setImmediate(); // what a timer does is stored before it is told
  assert.deepEqual([client.state, reasons], ["waiting", ["no token: getToken did not answer within 20 s"]]);
});

test("a closed client refuses changes and stays closed", async () => {
  const client = new SyncClient({ url: NOBODY, getToken: () => null });
  await client.signIn("alice");
  await client.close();
  client.connect();
  client.wake();
  client.disconnect();
  assert.throws(() => client.add("00000000-0000-4000-8000-000000000001"), /signed in/u);
  assert.deepEqual([client.state, client.transport], ["signed_out", null]);
  await client.close();
});
