/** What a link tells the core of the app's callback. */

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Core } from "../src/core.js";
import { type GetToken, type Input, Link } from "../src/link.js";

/** What the core is told, as the method and what it is given. */
type Told = readonly [string, ...unknown[]];

/** A link, and a promise of what it tells first. */
function linkWith(getToken: unknown): { link: Link; told: Promise<Told>; all: Told[] } {
  const all: Told[] = [];
  let tell = (_: Told): void => undefined;
  const told = new Promise<Told>((resolve) => {
    tell = resolve;
  });
  const core = new Proxy({} as Core, {
    get:
      (_, method) =>
      (...given: unknown[]) => {
        all.push([String(method), ...given]);
        tell([String(method), ...given]);
        return [];
      },
  });
  const service = { address: "ws://127.0.0.1:1", getToken: getToken as GetToken, WebSocket: globalThis.WebSocket };
  return { link: new Link(service, (happened: Input) => happened(core)), told, all };
}

test("what the callback answers is told by what it is", async () => {
  const answers: [() => unknown, Told][] = [
    [() => "a-token", ["token", { value: "a-token" }]],
    [async () => "a-token", ["token", { value: "a-token" }]],
    [() => null, ["tokenFailed"]],
    [() => undefined, ["tokenFailed"]],
    [() => 7, ["tokenUnusable", "getToken must answer with a text, not number"]],
    [() => ({ token: "secret" }), ["tokenUnusable", "getToken must answer with a text, not object"]],
    [() => Promise.reject(new RangeError("secret")), ["tokenFailed", "getToken failed: RangeError"]],
  ];
  for (const [getToken, expected] of answers) {
    const { link, told } = linkWith(getToken);
    link.askToken();
    assert.deepEqual(await told, expected);
  }
});

test("of two questions only the later one is answered", async () => {
  const answers: ((value: string) => void)[] = [];
  const { link, told, all } = linkWith(() => new Promise<string>((resolve) => answers.push(resolve)));
  link.askToken();
  link.askToken();
  answers[0]?.("first");
  await Promise.resolve();
  answers[1]?.("second");
  assert.deepEqual(await told, ["token", { value: "second" }]);
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
