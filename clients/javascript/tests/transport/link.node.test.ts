/** What a link tells the core of the app's callback. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import type { Input } from "../../src/transport/carrying.js";
import { Link } from "../../src/transport/link.js";
import type { GetToken } from "../../src/transport/service.js";
import { type Told, told } from "./core_by_hand.js";

/** A link, and a promise of what it tells first. */
function linkWith(getToken: unknown): { link: Link; first: Promise<Told>; all: Told[] } {
  const all: Told[] = [];
  let tell = (_: Told): void => undefined;
  const first = new Promise<Told>((resolve) => {
    tell = resolve;
  });
  const service = { address: "ws://127.0.0.1:1", getToken: getToken as GetToken, WebSocket: globalThis.WebSocket };
  const put = (happened: Input): void => {
    all.push(told(happened));
    tell(told(happened));
  };
  return { link: new Link(service, put), first, all };
}

test("an answer of the callback is a token, none for now, or unusable, and an error does not repeat it", async () => {
  const answers: [() => unknown, Told][] = [
    [() => "a-token", ["token", { value: "a-token" }]],
    [async () => "a-token", ["token", { value: "a-token" }]],
    [() => null, ["tokenFailed"]],
    [() => undefined, ["tokenFailed"]],
    [() => 7, ["tokenUnusable", "getToken must answer with a text, not Number"]],
    [() => ({ token: "secret" }), ["tokenUnusable", "getToken must answer with a text, not Object"]],
    [() => new TextEncoder().encode("secret"), ["tokenUnusable", "getToken must answer with a text, not Uint8Array"]],
    [async () => new Response("secret"), ["tokenUnusable", "getToken must answer with a text, not Response"]],
    [
      () => {
        throw new TypeError("secret");
      },
      ["tokenFailed", "getToken failed: TypeError"],
    ],
    [() => Promise.reject(new RangeError("secret")), ["tokenFailed", "getToken failed: RangeError"]],
  ];
  for (const [getToken, expected] of answers) {
    const { link, first } = linkWith(getToken);
    link.askToken();
    assert.deepEqual(await first, expected);
  }
});

test("of two questions only the later one is answered", async () => {
  const answers: ((value: string) => void)[] = [];
  const { link, first, all } = linkWith(() => new Promise<string>((resolve) => answers.push(resolve)));
  link.askToken();
  link.askToken();
  answers[0]?.("first");
  await Promise.resolve();
  answers[1]?.("second");
  assert.deepEqual(await first, ["token", { value: "second" }]);
  assert.equal(all.length, 1);
});

test("a dropped link does not report a late answer", async () => {
  let answer = (_: string): void => undefined;
  const answered = new Promise<string>((resolve) => {
    answer = resolve;
  });
  const { link, all } = linkWith(() => answered);
  link.askToken();
  link.drop();
  answer("late");
  await answered;
  await Promise.resolve();
  assert.deepEqual(all, []);
});

test("a link that has ended holds no resources, and reports nothing", async (context) => {
  let dropped = 0;
  const asked: unknown[] = [];
  class Socket {
    constructor(...given: unknown[]) {
      asked.push(given);
    }
    close(): void {
      dropped += 1;
    }
  }
  const all: Told[] = [];
  const service = { address: "ws://h", getToken: () => null, WebSocket: Socket as never };
  const link = new Link(service, (happened) => all.push(told(happened)));
  context.mock.method(globalThis, "fetch", () => new Promise(() => undefined));
  link.open("stream", "/", "t");
  await link.probe("/", "t");
  link.putLast((core) => core.closed(1006));
  link.putLast((core) => core.closed(1006));
  link.put((core) => core.heard());
  assert.deepEqual([all, link.isClosed, link.signal?.aborted, dropped], [[["closed", 1006]], true, true, 1]);
  assert.deepEqual(asked, [["ws://h/", ["syncd.v1", "bearer.t"]]]);
});

test("a link that is dropped while its part is loading asks for nothing and opens nothing", async (context) => {
  let sockets = 0;
  class Socket {
    constructor() {
      sockets += 1;
    }
    close(): void {}
  }
  const all: Told[] = [];
  const service = { address: "ws://h", getToken: () => null, WebSocket: Socket as never };
  const fetched = context.mock.method(globalThis, "fetch", () => new Promise(() => undefined));
  const link = new Link(service, (happened) => all.push(told(happened)));
  link.open("stream", "/", "t");
  const probed = link.probe("/", "t");
  link.drop();
  await probed;
  await setImmediate();
  assert.deepEqual([all, fetched.mock.callCount(), sockets], [[], 0, 0]);
});

test("a link is closed before the core is told how it ended: what the core asks for then uses a new link", () => {
  const service = { address: "ws://h", getToken: () => null, WebSocket: globalThis.WebSocket };
  const isClosed: boolean[] = [];
  const link: Link = new Link(service, () => isClosed.push(link.isClosed));
  link.put((core) => core.opened());
  link.putLast((core) => core.closed(1006));
  assert.deepEqual(isClosed, [false, true]);
});

for (const [transport, isPolling] of [
  ["stream", false],
  ["polling", true],
] as const) {
  test(`by ${transport} a link asks with its token, for no redirect and no copy, and an end is told as ${transport} has it`, async (context) => {
    const all: Told[] = [];
    const service = { address: "ws://h", getToken: () => null, WebSocket: globalThis.WebSocket };
    const headers = { "content-type": "text/event-stream" };
    const end = 'event: close\ndata: {"code":1000,"reason":"poll"}\n\n';
    const fetched = context.mock.method(globalThis, "fetch", async (url: string) =>
      url === "http://h/stream" ? new Response(end, { headers }) : new Promise(() => undefined),
    );
    const link = new Link(service, (happened) => all.push(told(happened)));
    link.open(transport, "/stream", "the-token");
    await setImmediate();
    await setImmediate();
    assert.deepEqual(all.at(-1), isPolling ? ["polled"] : ["closed", 1000]);
    assert.equal(link.isClosed, !isPolling);
    link.drop();
    const [[, { headers: sent, redirect, cache, signal }]] = fetched.mock.calls.map(
      (call) => call.arguments,
    ) as unknown as [[string, RequestInit]];
    assert.deepEqual(sent, { accept: "text/event-stream", authorization: "Bearer the-token" });
    assert.deepEqual([redirect, cache, signal], ["error", "no-store", link.signal]);
  });
}
