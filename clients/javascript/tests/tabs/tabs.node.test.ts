/** Which tab leads, with and without locks and channels. The locks are fakes; the tests in browsers use real ones. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { BrowserTabs } from "../../src/tabs/tabs.js";
import { LocksByHand } from "./locks_by_hand.js";

const { BroadcastChannel } = globalThis;
let hasFocus = true;

beforeEach(() => {
  Object.assign(globalThis, { BroadcastChannel: undefined, document: { hasFocus: () => hasFocus } });
});
afterEach(() => {
  Object.assign(globalThis, { BroadcastChannel, document: undefined });
});

test("without a BroadcastChannel a tab leads at first, and gets the lead back only while the user works in it", () => {
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

test("where there is a BroadcastChannel and no navigator, as in Node 20, a tab leads at once, and takes the lead at once", (context) => {
  giveNavigator(context, undefined);
  const tabs = new BrowserTabs<string>("syncd/ann", () => undefined);
  let granted = 0;
  const onGranted = (): void => {
    granted += 1;
  };
  const onLost = (): void => assert.fail("only the store can say that");
  tabs.lead(onGranted, onLost);
  assert.deepEqual([tabs.canTell, granted], [true, 1]);
  tabs.lead(onGranted, onLost);
  assert.equal(granted, 1);
  tabs.takeLead(onGranted, onLost);
  assert.equal(granted, 2);
  tabs.close();
});

/** A page's platform with a BroadcastChannel, for as long as the test runs. */
function giveNavigator(context: TestContext, value: unknown): void {
  const { navigator } = globalThis;
  Object.defineProperty(globalThis, "navigator", { value, configurable: true, writable: true });
  context.after(() => Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true }));
  Object.assign(globalThis, { BroadcastChannel });
}

/** A function that opens tabs of one origin, with locks, and one that says what became of them. */
function origin(context: TestContext, locks: Pick<LocksByHand, "request">) {
  giveNavigator(context, { locks });
  const told: string[] = [];
  const open = (tab: string, name = "syncd/ann") => {
    const tabs = new BrowserTabs<string>(name, () => undefined);
    context.after(() => tabs.close());
    const onGranted = (): void => void told.push(`${tab} leads`);
    const onLost = (): void => void told.push(`${tab} has lost it`);
    return {
      close: () => tabs.close(),
      lead: () => tabs.lead(onGranted, onLost),
      takeLead: () => tabs.takeLead(onGranted, onLost),
    };
  };
  /** What happened since it was asked last. */
  const news = async (): Promise<string[]> => {
    await setImmediate();
    return told.splice(0);
  };
  return { open, news };
}

test("when the leader is closed, the open tab that has waited longest leads", async (context) => {
  const locks = new LocksByHand();
  const { open, news } = origin(context, locks);
  const [first, second, third] = [open("first"), open("second"), open("third")];
  for (const each of [first, second, third]) each.lead();
  assert.deepEqual(await news(), ["first leads"]);
  open("bob's", "syncd/bob").lead();
  assert.deepEqual(await news(), ["bob's leads"]);
  second.close();
  first.close();
  assert.deepEqual(await news(), ["third leads"]);
  third.close();
  assert.deepEqual([await news(), locks.isHeld("syncd/ann")], [[], false]);
});

test("a tab that takes the lead leads at once; the tab that has lost it is told once, and may wait for it again", async (context) => {
  const { open, news } = origin(context, new LocksByHand());
  const [first, second] = [open("first"), open("second")];
  first.lead();
  second.lead();
  await news();
  second.takeLead();
  assert.deepEqual(new Set(await news()), new Set(["first has lost it", "second leads"]));
  first.lead();
  assert.deepEqual(await news(), []);
  first.takeLead(); // so `second` has nothing left that waits but what it asks for now
  assert.deepEqual(new Set(await news()), new Set(["second has lost it", "first leads"]));
  first.close();
  assert.deepEqual(await news(), []);
});

test("a tab that is closed while it takes the lead neither leads nor keeps others from it", async (context) => {
  const locks = new LocksByHand();
  const { open, news } = origin(context, locks);
  const [first, second] = [open("first"), open("second")];
  first.lead();
  await news();
  second.takeLead();
  second.close();
  assert.deepEqual([await news(), locks.isHeld("syncd/ann")], [["first has lost it"], false]);
  first.lead();
  assert.deepEqual(await news(), ["first leads"]);
});

test("a tab leads if locks are forbidden, unless it was closed meanwhile", async (context) => {
  const request = (): Promise<void> => Promise.reject(new DOMException("forbidden", "SecurityError"));
  const { open, news } = origin(context, { request });
  const [first, second] = [open("first"), open("second")];
  first.lead();
  second.lead();
  second.close();
  assert.deepEqual(await news(), ["first leads"]);
});

test("tabs of one name hear each other, but not themselves, until they are closed", async (context) => {
  giveNavigator(context, undefined);
  const heard: string[] = [];
  const tabsOf = (name: string, tab: string): BrowserTabs<string> =>
    new BrowserTabs<string>(`syncd/${name}`, (message) => heard.push(`${tab} hears ${message}`));
  const [first, second, another] = [tabsOf("ann", "first"), tabsOf("ann", "second"), tabsOf("bob", "another")];
  first.tell("a word");
  while (heard.length === 0) await setImmediate();
  second.close();
  first.tell("a word to nobody");
  await setImmediate();
  first.close();
  another.close();
  assert.deepEqual(heard, ["second hears a word"]);
});
