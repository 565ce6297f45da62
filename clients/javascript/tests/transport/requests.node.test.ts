/** Requests beside the connection: their method, token and time limit, and what they leave behind. `fetch` is a fake. */

import assert from "node:assert/strict";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { readToken } from "../../src/core/token.js";
import { faultIn } from "../../src/core/tokens.js";
import { type Asking, lists, remove, rename, send } from "../../src/transport/requests.js";
import { mint } from "../daemon.js";

const PROBLEM = { "content-type": "application/problem+json" };
const NAMED = { list: "kids", name: "Kids", revision: 0 };

/** Alice's device, and the requests that it made. */
function open(context: TestContext, answer: (options: RequestInit) => Promise<Response>, sub = "alice") {
  const asked: [string, RequestInit][] = [];
  context.mock.method(globalThis, "fetch", (url: string, options: RequestInit) => {
    asked.push([url, options]);
    return answer(options);
  });
  const token = mint(sub, "phone");
  const asking: Asking = {
    service: { address: "wss://h/sync", getToken: () => ` ${token}\n`, WebSocket },
    session: { userId: "alice", state: "live", shown: Promise.resolve() },
    readToken,
    faultIn,
  };
  return { asking, asked, token };
}

function refused(status: number): Response {
  const problem = { status, title: "Refused", detail: "There is none.", code: "not_found" };
  return Response.json(problem, { status, headers: PROBLEM });
}

test("a list is renamed by a PUT of JSON with the token, and no redirect is followed", async (context) => {
  const { asking, asked, token } = open(context, async () => Response.json(NAMED, { status: 201 }));
  assert.deepEqual(await rename(asking, "kids", "Kids"), NAMED);
  const [[url, { method, body, headers, redirect }]] = asked as [[string, RequestInit]];
  assert.deepEqual([url, method, body], ["https://h/sync/api/v1/sync/lists/kids", "PUT", '{"name":"Kids"}']);
  assert.deepEqual(headers, { "content-type": "application/json", authorization: `Bearer ${token}` });
  assert.equal(redirect, "error");
});

test("a list counts as deleted if the service itself says so, or says that there is none", async (context) => {
  const answers: [() => Response, object | null][] = [
    [() => new Response(null, { status: 204 }), null],
    [() => refused(404), null],
    [() => new Response("no such page", { status: 404 }), { message: "answered with status 404", status: 404 }],
    [() => new Response("welcome"), { message: "answered with status 200", status: 200 }],
    [() => refused(403), { message: "There is none.", status: 403, code: "not_found" }],
  ];
  for (const [answer, error] of answers) {
    const { asking, asked } = open(context, async () => answer());
    if (error === null) await remove(asking, "kids");
    else await assert.rejects(remove(asking, "kids"), error);
    assert.equal(asked[0]?.[1].method, "DELETE");
    context.mock.reset();
  }
});

test("no request is made with another user's token, or before the device's state is known", async (context) => {
  const bobs = open(context, async () => Response.json({ lists: [] }), "bob");
  await assert.rejects(lists(bobs.asking), {
    message: "no token: the token is another user's",
    status: null,
    code: null,
  });
  let show = (): void => {};
  const shown = new Promise<void>((resolve) => {
    show = resolve;
  });
  const session = { userId: "bob", state: "stopped" as "stopped" | "live", shown };
  const asked = lists({ ...bobs.asking, session });
  await setImmediate();
  assert.equal(bobs.asked.length, 0);
  session.state = "live";
  show();
  assert.deepEqual([await asked, bobs.asked.length], [[], 1]);
});

test("a request without an answer is ended after 30 s, and not before", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const hangs = ({ signal }: RequestInit): Promise<Response> =>
    new Promise((_, reject) => {
      signal?.addEventListener("abort", () => reject(new Error("aborted")));
    });
  const { asking, asked } = open(context, hangs);
  const asks = assert.rejects(send(asking, "tv", "play"), { message: "the service was not reached", status: null });
  await setImmediate();
  context.mock.timers.tick(29_999);
  assert.equal(asked[0]?.[1].signal?.aborted, false);
  context.mock.timers.tick(1);
  await asks;
});

test("a request leaves no timer behind, however it ended", async (context) => {
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const before = timers();
  for (const answer of [
    async () => Response.json({ lists: [] }),
    async () => refused(503),
    () => Promise.reject(new TypeError("no network")),
  ]) {
    const { asking } = open(context, answer);
    await lists(asking).catch(() => undefined);
    const noToken = { ...asking, service: { ...asking.service, getToken: () => Promise.reject(new Error("none")) } };
    await assert.rejects(lists(noToken), { message: "no token: getToken failed: Error" });
    assert.equal(timers(), before);
    context.mock.reset();
  }
});
