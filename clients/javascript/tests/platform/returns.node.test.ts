/** When a page counts as back or left. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { watchReturns } from "../../src/platform/returns.js";

/** A window with its document, for as long as the test runs. */
function openPage(context: TestContext): { document: EventTarget & { visibilityState: string }; window: EventTarget } {
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const names = ["addEventListener", "removeEventListener", "document"];
  Object.assign(globalThis, {
    addEventListener: window.addEventListener.bind(window),
    removeEventListener: window.removeEventListener.bind(window),
    document,
  });
  context.after(() => {
    for (const name of names) Reflect.deleteProperty(globalThis, name);
  });
  return { document, window };
}

test("returns and leaves of a page are reported until that is ended", (context) => {
  const { document, window } = openPage(context);
  let [returns, leaves] = [0, 0];
  const ignore = watchReturns(
    () => {
      returns += 1;
    },
    () => {
      leaves += 1;
    },
  );
  const happen = (): void => {
    for (const type of ["online", "pageshow", "focus"]) window.dispatchEvent(new Event(type));
    for (const type of ["visibilitychange", "resume"]) document.dispatchEvent(new Event(type));
  };
  happen();
  assert.equal(returns, 5);
  window.dispatchEvent(new Event("pagehide"));
  assert.deepEqual([returns, leaves], [5, 1]);
  document.visibilityState = "hidden";
  document.dispatchEvent(new Event("visibilitychange"));
  assert.deepEqual([returns, leaves], [5, 2]);
  document.visibilityState = "visible";
  ignore();
  happen();
  window.dispatchEvent(new Event("pagehide"));
  assert.deepEqual([returns, leaves], [5, 2]);
});

test("a page that is left but kept for the back button writes nothing until it is back", (context) => {
  const { document, window } = openPage(context);
  const told: string[] = [];
  watchReturns(
    () => told.push("back"),
    () => told.push("left"),
  );
  const happen = (target: EventTarget, type: string, visibilityState: string): void => {
    document.visibilityState = visibilityState;
    target.dispatchEvent(Object.assign(new Event(type), type.startsWith("page") && { persisted: true }));
  };
  happen(window, "pagehide", "visible");
  happen(document, "visibilitychange", "hidden");
  assert.deepEqual(told, []);
  happen(window, "pageshow", "visible");
  happen(document, "visibilitychange", "hidden");
  assert.deepEqual(told, ["back", "left"]);
});

test("without a page nothing is reported", () => {
  const fail = (): void => assert.fail("nothing has happened");
  watchReturns(fail, fail)();
});

test("without a page nothing is reported, even if there is a global `document`, as in some apps of React Native", (context) => {
  Object.assign(globalThis, { document: {} });
  context.after(() => Reflect.deleteProperty(globalThis, "document"));
  const fail = (): void => assert.fail("nothing has happened");
  watchReturns(fail, fail)();
});
