/** What a link tells the core of the app's callback. */

import assert from "node:assert/strict";
import { test } from "node:test";

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

test("what the callback answers is told by what it is", async () => {
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

test("a dropped link tells nothing of a late answer", async () => {
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

test("a link that has ended holds nothing any more, and tells nothing", async (context) => {
  let dropped = 0;
  class Socket {
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
});
