/** Which tab leads where tabs cannot hear of each other. The rest is tested in browsers. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { BrowserTabs } from "../../src/tabs/tabs.js";

const { BroadcastChannel } = globalThis;
let hasFocus = true;

beforeEach(() => {
  Object.assign(globalThis, { BroadcastChannel: undefined, document: { hasFocus: () => hasFocus } });
});
afterEach(() => {
  Object.assign(globalThis, { BroadcastChannel, document: undefined });
});

test("without a BroadcastChannel a tab leads at first, and gets it back only while the user works in it", () => {
  const tabs = new BrowserTabs<string>("syncd/ann", () => assert.fail("nobody can tell it anything"));
  let granted = 0;
  const onGranted = (): void => {
    granted += 1;
  };
  const onLost = (): void => assert.fail("only the store can say that");
  assert.equal(tabs.canTell, false);
  tabs.lead(onGranted, onLost);
  assert.equal(granted, 1);
  tabs.lead(onGranted, onLost);
  hasFocus = false;
  tabs.takeLead(onGranted, onLost);
  assert.equal(granted, 1);
  hasFocus = true;
  tabs.takeLead(onGranted, onLost);
  assert.equal(granted, 2);
  tabs.tell("is told to nobody");
  tabs.close();
});

test("where a BroadcastChannel is forbidden, as in a Firefox that lets a site keep nothing, a tab leads alone", () => {
  class Forbidden {
    constructor() {
      throw new DOMException("The operation is insecure.", "SecurityError");
    }
  }
  Object.assign(globalThis, { BroadcastChannel: Forbidden });
  const tabs = new BrowserTabs<string>("syncd/ann", () => assert.fail("nobody can tell it anything"));
  let isGranted = false;
  tabs.lead(
    () => {
      isGranted = true;
    },
    () => assert.fail("nobody takes it"),
  );
  assert.deepEqual([tabs.canTell, isGranted], [false, true]);
  tabs.close();
});

test("where there is a BroadcastChannel and no navigator, as in Node 20, a tab leads at once", (context) => {
  const { navigator } = globalThis;
  Object.defineProperty(globalThis, "navigator", { value: undefined, configurable: true, writable: true });
  context.after(() => Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true }));
  Object.assign(globalThis, { BroadcastChannel });
  const tabs = new BrowserTabs<string>("syncd/ann", () => undefined);
  let isGranted = false;
  tabs.lead(
    () => {
      isGranted = true;
    },
    () => assert.fail("nobody takes it"),
  );
  assert.deepEqual([tabs.canTell, isGranted], [true, true]);
  tabs.close();
});
