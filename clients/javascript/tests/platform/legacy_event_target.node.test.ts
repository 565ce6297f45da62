/** The event target of platforms without one does what the platform's does. */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";

import { SmallEventTarget } from "../../src/platform/legacy_event_target.js";

const TARGETS = [EventTarget, SmallEventTarget as unknown as typeof EventTarget];

for (const Target of TARGETS) {
  const event = (type: string): Event => (Target === EventTarget ? new Event(type) : ({ type } as Event));

  test(`${Target.name}: each listener is called once, in order, for its type, with the target as \`this\``, () => {
    const target = new Target();
    const calls: unknown[] = [];
    const first = function (this: unknown, { type }: Event): void {
      calls.push(type, this === target);
    };
    target.addEventListener("updated", first);
    target.addEventListener("updated", first);
    target.addEventListener("updated", { handleEvent: ({ type }) => calls.push(`object: ${type}`) });
    target.addEventListener("resumed", () => calls.push("of another type"));
    target.addEventListener("updated", null);
    assert.equal(target.dispatchEvent(event("updated")), true);
    target.dispatchEvent(event("of no type"));
    assert.deepEqual(calls, ["updated", true, "object: updated"]);
  });

  test(`${Target.name}: a listener goes when it is removed, was called for once, or its signal is aborted`, () => {
    const target = new Target();
    const calls: string[] = [];
    const removed = (): number => calls.push("removed");
    const abort = new AbortController();
    target.addEventListener("updated", removed);
    target.removeEventListener("updated", removed);
    target.removeEventListener("never added", removed);
    target.addEventListener("updated", () => calls.push("once"), { once: true });
    target.addEventListener("updated", () => calls.push("signal"), { signal: abort.signal });
    target.dispatchEvent(event("updated"));
    abort.abort();
    target.addEventListener("updated", () => calls.push("aborted before"), { signal: abort.signal });
    target.dispatchEvent(event("updated"));
    assert.deepEqual(calls, ["once", "signal"]);
  });

  test(`${Target.name}: a listener stays otherwise, as it was added first`, () => {
    const target = new Target();
    const calls: string[] = [];
    const added = (): number => calls.push("added");
    target.addEventListener("updated", added);
    target.addEventListener("updated", added, { once: true });
    target.addEventListener("updated", () => calls.push("with options"), { signal: new AbortController().signal });
    target.addEventListener("updated", () => calls.push("capturing"), true);
    for (let count = 0; count < 2; count += 1) target.dispatchEvent(event("updated"));
    const times = (name: string): number => calls.filter((call) => call === name).length;
    assert.deepEqual(["added", "with options", "capturing"].map(times), [2, 2, 2]);
  });

  test(`${Target.name}: listeners may change while an event is dispatched`, () => {
    const target = new Target();
    const calls: string[] = [];
    const second = (): number => calls.push("second");
    const first = (): void => {
      calls.push("first");
      target.removeEventListener("updated", second);
      target.addEventListener("updated", () => calls.push("added meanwhile"), { once: true });
      if (calls.length === 1) target.dispatchEvent(event("updated"));
    };
    target.addEventListener("updated", first, { once: true });
    target.addEventListener("updated", second);
    target.dispatchEvent(event("updated"));
    assert.deepEqual(calls, ["first", "added meanwhile"]);
  });

  test(`${Target.name}: what a listener throws is nobody's, and the others are called`, async () => {
    const target = new Target();
    const failure = new Error("the app's own");
    const uncaught = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve));
    let isCalled = false;
    target.addEventListener("updated", () => {
      throw failure;
    });
    target.addEventListener("updated", () => {
      isCalled = true;
    });
    try {
      target.dispatchEvent(event("updated"));
      assert.ok(isCalled);
      assert.equal(await uncaught, failure);
    } finally {
      process.setUncaughtExceptionCaptureCallback(null);
    }
  });
}
