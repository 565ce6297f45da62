/** The built module in an engine of browsers, against the real daemon: what is stored, and several tabs of one browser. */

import assert from "node:assert/strict";
import process from "node:process";
import { after, afterEach, before, test as nodeTest } from "node:test";

import type { BrowserContext, Page as PlaywrightPage } from "playwright-core";

import type { SyncClient, SyncClientOptions } from "../src/syncd-client.js";
import { content } from "./contents.js";
import { Daemon, mint } from "./daemon.js";
import { type Browser, type Context, engineNamed, type Page, whyMissing } from "./engines.js";
import { type PageOptions, Site } from "./site.js";

/** What the test page defines. */
declare const SyncClientOfPage: new (options: SyncClientOptions) => SyncClient;
declare let client: SyncClient;
declare let events: string[];

const ENGINE = process.env["ENGINE"] ?? "chromium";
const engine = engineNamed(ENGINE);
const isMissing = whyMissing(engine);
const TIMEOUT_MS = 60_000;
const [A, B, C] = [content(1), content(2), content(3)];

const site = new Site();
let daemon: Daemon;
let browser: Browser;
let context: Context;
let users = 0;

before(async () => {
  if (isMissing) return;
  await site.start();
  daemon = new Daemon("--allowed-origins", site.origin);
  await daemon.start();
  browser = await engine.launch();
});
afterEach(() => context?.close());
after(async () => {
  await browser?.close();
  await daemon?.remove();
  site.stop();
});

/** A test that hangs in a page ends with it. */
function test(name: string, body: () => Promise<void>, skip: string | false = isMissing): void {
  nodeTest(name, { timeout: 2 * TIMEOUT_MS, skip }, body);
}

/** A user and a fresh browser profile. */
async function newProfile(): Promise<string> {
  context = await browser.newContext();
  users += 1;
  return `user ${users}`;
}

interface TabOptions extends PageOptions {
  /** Without one it stays offline. */
  readonly hasToken?: boolean;
}

/** A tab in which `user` is signed in. */
async function tab(user: string, options: TabOptions = {}): Promise<Page> {
  const page = await context.newPage();
  await openClient(page, user, options);
  return page;
}

async function openClient(page: Page, user: string, { hasToken = true, ...options }: TabOptions = {}): Promise<void> {
  await page.goto(site.url(options));
  // biome-ignore lint/security/noSecrets: the name of a global
  await page.waitForFunction(() => "SyncClientOfPage" in globalThis);
  const token = hasToken ? mint(user, "browser") : null;
  await page.evaluate(
    async ({ url, token, user }) => {
      const options = { url, getToken: () => token, database: user }; // a profile may be shared by the tests
      Object.assign(globalThis, { client: new SyncClientOfPage(options), events: [] });
      for (const type of ["confirmed", "refused", "signed_out"]) client.addEventListener(type, () => events.push(type));
      await client.signIn(user);
    },
    { url: daemon.url, token, user },
  );
}

/** Resolves when the tab shows exactly these, all confirmed, and nothing waits. */
async function shows(page: Page, ...contents: string[]): Promise<void> {
  await page.waitForFunction(
    (expected) => client.queueLength === 0 && client.items.map((item) => item.content_id).join() === expected,
    contents.join(),
  );
}

function isState(page: Page, state: string): Promise<unknown> {
  return page.waitForFunction((expected) => client.state === expected, state);
}

function call(page: Page, method: "add" | "remove", ...contents: string[]): Promise<void> {
  return page.evaluate(
    ({ method, contents }) => {
      for (const each of contents) client[method](each);
    },
    { method, contents },
  );
}

function itemsOf(page: Page): Promise<[string, boolean][]> {
  return page.evaluate(() => client.items.map((item) => [item.content_id, item.pending]));
}

test("list and queue survive a reload, without network", async () => {
  const user = await newProfile();
  const page = await tab(user);
  await isState(page, "live");
  await call(page, "add", A);
  await shows(page, A);
  await page.evaluate(() => client.disconnect());
  await call(page, "add", B);
  await page.waitForFunction(() => client.queueLength === 1);
  await openClient(page, user, { hasToken: false });
  assert.deepEqual(await itemsOf(page), [
    [B, true],
    [A, false],
  ]);
  await openClient(page, user);
  await shows(page, B, A);
  assert.equal((await daemon.watchlist(user)).revision, 2);
});

test("the tabs of a browser share one connection and one queue, and nothing doubles", async () => {
  const user = await newProfile();
  const [first, second, third] = [await tab(user), await tab(user), await tab(user)];
  const pages = [first, second, third];
  await Promise.all(pages.map((page) => isState(page, "live")));
  assert.equal(await connections(), 1);
  await Promise.all([call(first, "add", A), call(second, "add", B), call(third, "add", C)]);
  await Promise.all(
    pages.map((page) => page.waitForFunction(() => client.queueLength === 0 && client.items.length === 3)),
  );
  const lists = await Promise.all(pages.map(itemsOf));
  assert.deepEqual(lists[1], lists[0]);
  assert.deepEqual(lists[2], lists[0]);
  assert.deepEqual(await second.evaluate(() => events), ["confirmed", "confirmed", "confirmed"]);
  assert.equal((await daemon.watchlist(user)).revision, 3);
});

test("what a tab does is shown in it at once, and in the others without network", async () => {
  const user = await newProfile();
  const [first, second] = [await tab(user, { hasToken: false }), await tab(user, { hasToken: false })];
  const shownAtOnce = await second.evaluate((content) => {
    client.add(content);
    return client.items.map((item) => [item.content_id, item.pending]);
  }, A);
  assert.deepEqual(shownAtOnce, [[A, true]]);
  await first.waitForFunction(() => client.items.length === 1 && client.queueLength === 1);
});

test("when the tab that leads is closed another takes over, with the queue", async () => {
  const user = await newProfile();
  const [first, second] = [await tab(user), await tab(user)];
  await isState(second, "live");
  await first.evaluate(() => client.disconnect());
  await isState(second, "stopped");
  await call(second, "add", A, B);
  await first.waitForFunction(() => client.queueLength === 2);
  await first.close();
  await call(second, "add", C);
  await second.evaluate(() => client.connect());
  await shows(second, C, B, A);
  assert.equal((await daemon.watchlist(user)).revision, 3);
});

async function aSleepingTabIsRelieved(): Promise<void> {
  const user = await newProfile();
  const [first, second] = [await tab(user), await tab(user)];
  await isState(second, "live");
  const debug = await (context as BrowserContext).newCDPSession(first as PlaywrightPage);
  await debug.send("Debugger.enable");
  const paused = new Promise((resolve) => debug.once("Debugger.paused", resolve));
  await debug.send("Debugger.pause");
  void first.evaluate(() => client.state);
  await paused;
  await call(second, "add", A);
  await shows(second, A);
  await debug.send("Debugger.resume");
  await shows(first, A);
  await call(first, "add", B);
  await Promise.all([shows(first, B, A), shows(second, B, A)]);
  assert.equal(await connections(), 1);
  assert.equal((await daemon.watchlist(user)).revision, 2);
}
test(
  "a tab that sleeps while it leads is relieved, and follows when it wakes",
  aSleepingTabIsRelieved,
  isMissing || (ENGINE !== "chromium" && "only Chromium's debugger can stop one page and not the others"),
);

test("a log-out holds in all tabs and leaves nothing behind", async () => {
  const user = await newProfile();
  const [first, second] = [await tab(user), await tab(user)];
  await isState(second, "live");
  await call(second, "add", A);
  await Promise.all([shows(first, A), shows(second, A)]);
  await second.evaluate(() => client.signOut({ erase: true }));
  await Promise.all([isState(first, "signed_out"), isState(second, "signed_out")]);
  assert.deepEqual(await first.evaluate(() => events), ["confirmed", "signed_out"]);
  const left = await second.evaluate(async (name) => {
    const database = await new Promise<IDBDatabase>((resolve) => {
      const request = indexedDB.open(name);
      request.onsuccess = () => resolve(request.result);
    });
    const counts = Array.from(database.objectStoreNames, (name) =>
      database.transaction(name).objectStore(name).count(),
    );
    return Promise.all(
      counts.map(
        (count) =>
          new Promise<number>((resolve) => {
            count.onsuccess = () => resolve(count.result);
          }),
      ),
    );
  }, user);
  assert.deepEqual(new Set(left), new Set([0]));
  await openClient(first, `${user}, another`, { hasToken: false });
  assert.deepEqual(await itemsOf(first), []);
});

test("a page without Web Locks shares the queue, too", async () => {
  const user = await newProfile();
  const without = ["navigator.locks"];
  const [first, second] = [await tab(user, { without }), await tab(user, { without })];
  await Promise.all([isState(first, "live"), isState(second, "live")]);
  await call(first, "add", A);
  await Promise.all([shows(first, A), shows(second, A)]);
  await second.evaluate(() => client.disconnect());
  await isState(first, "stopped");
  await Promise.all([call(first, "add", B), call(second, "add", C)]);
  await Promise.all([first, second].map((page) => page.waitForFunction(() => client.queueLength === 2)));
  await second.close();
  await first.evaluate(() => client.connect());
  await first.waitForFunction(() => client.queueLength === 0 && client.items.length === 3);
  assert.equal((await daemon.watchlist(user)).revision, 3);
});

test("the legacy build does without what engines of its time lack", async () => {
  const user = await newProfile();
  const without = ["EventTarget", "BroadcastChannel", "navigator.locks", "AbortController", "structuredClone"];
  const legacy = { isLegacy: true, without: [...without, "crypto.randomUUID"] };
  const page = await tab(user, legacy);
  await isState(page, "live");
  await call(page, "add", A);
  await shows(page, A);
  assert.deepEqual(await page.evaluate(() => events), ["confirmed"]);
  await page.evaluate(() => client.disconnect());
  await call(page, "add", B);
  await page.waitForFunction(() => client.queueLength === 1);
  await openClient(page, user, legacy);
  await shows(page, B, A);
});

test("where no tab hears of another, the one the user works in is live, and nothing is lost or doubled", async () => {
  const user = await newProfile();
  const without = ["BroadcastChannel"];
  const first = await tab(user, { without });
  await isState(first, "live");
  await call(first, "add", A);
  await shows(first, A);
  await isInUse(first, false);
  const second = await tab(user, { without });
  await shows(second, A);
  await call(second, "add", B);
  await shows(second, B, A);
  await first.waitForFunction(() => client.state !== "live");
  await isInUse(second, false);
  await isInUse(first, true);
  await call(first, "add", C);
  await shows(first, C, B, A);
  assert.equal((await daemon.watchlist(user)).revision, 3);
});

function isInUse(page: Page, hasFocus: boolean): Promise<void> {
  return page.evaluate((hasFocus) => {
    document.hasFocus = () => hasFocus;
  }, hasFocus);
}

async function connections(): Promise<number> {
  const metrics = (await (await fetch(`${daemon.url}/api/v1/metrics`)).json()) as {
    active_connections: number;
  };
  return metrics.active_connections;
}
