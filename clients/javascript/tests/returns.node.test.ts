/** When a page comes back, and that of it the connection is made sure of. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { watchReturns } from "../src/returns.js";

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

test("a page that is back is told of, until nobody wants to know", (context) => {
  const { document, window } = openPage(context);
  let returns = 0;
  const ignore = watchReturns(() => {
    returns += 1;
  });
  const happen = (): void => {
    for (const type of ["online", "pageshow", "focus"]) window.dispatchEvent(new Event(type));
    for (const type of ["visibilitychange", "resume"]) document.dispatchEvent(new Event(type));
  };
  happen();
  assert.equal(returns, 5);
  document.visibilityState = "hidden";
  happen();
  assert.equal(returns, 5);
  document.visibilityState = "visible";
  ignore();
  happen();
  assert.equal(returns, 5);
});

test("without a page nothing comes back", () => {
  watchReturns(() => assert.fail("nothing has happened"))();
});
