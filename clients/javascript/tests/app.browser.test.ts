/** In an engine of browsers: a store that is deleted or full; in Chromium the hooks in React 18 and 19, too. The service is a fake. */

import assert from "node:assert/strict";
import process from "node:process";
import { after, afterEach, before, test as nodeTest } from "node:test";

import { build } from "esbuild";

import type { SyncClient } from "../src/syncd-client.js";
import { content } from "./contents.js";
import { type Browser, type Context, engineNamed, type Page, whyMissing } from "./engines.js";
import type { ReactPage } from "./page/react_page.js";
import type { StorePage } from "./page/store_page.js";
import { Site } from "./site.js";

/** What the pages define. */
declare const page: StorePage & ReactPage;
declare let client: SyncClient;
declare const repair: () => void;

const ENGINE = process.env["ENGINE"] ?? "chromium";
const engine = engineNamed(ENGINE);
const isMissing = whyMissing(engine);
const TIMEOUT_MS = 60_000;
const [A, B, C] = [content(1), content(2), content(3)];
/** How the packages of each are called here. */
const REACTS = { "18": { react: "react-18", "react-dom": "react-dom-18" }, "19": {} };

const site = new Site();
let browser: Browser;
let context: Context;
let profiles = 0;
let database: string;

before(async () => {
  if (isMissing) return;
  site.addPage("store", await bundle("store_page", {}));
  for (const [major, alias] of Object.entries(REACTS)) site.addPage(`react${major}`, await bundle("react_page", alias));
  await site.start();
  browser = await engine.launch();
});
afterEach(() => context?.close());
after(async () => {
  await browser?.close();
  site.stop();
});

/** A test that hangs in a page ends with it. */
function test(name: string, body: () => Promise<void>, skip: string | false = isMissing): void {
  nodeTest(name, { timeout: 2 * TIMEOUT_MS, skip }, body);
}

async function bundle(name: string, alias: Record<string, string>): Promise<string> {
  const define = { "process.env.NODE_ENV": '"development"' };
  const entryPoints = [`tests/page/${name}.ts`];
  const { outputFiles } = await build({ entryPoints, alias, define, bundle: true, format: "esm", write: false });
  return outputFiles[0]?.text ?? "";
}

/** A fresh profile, or at least a database of its own. */
async function newProfile(): Promise<void> {
  context = await browser.newContext();
  profiles += 1;
  database = `database ${profiles}`;
}

async function tab(name: string): Promise<Page> {
  const opened = await context.newPage();
  await opened.goto(`${site.origin}/${name}`);
  await opened.waitForFunction(() => "page" in globalThis);
  return opened;
}

/** A tab in which alice is signed in. */
async function signedIn(options: { isOnline: boolean }): Promise<Page> {
  const opened = await tab("store");
  await signIn(opened, options);
  return opened;
}

/** Two tabs of a new profile, offline: the first leads, and both show A, which it has added. */
async function twoTabsOffline(): Promise<[Page, Page]> {
  await newProfile();
  const [leader, follower] = [await signedIn({ isOnline: false }), await signedIn({ isOnline: false })];
  await add(leader, A);
  await shows(follower, A);
  return [leader, follower];
}

async function signIn(opened: Page, { isOnline }: { isOnline: boolean }): Promise<void> {
  await opened.evaluate(
    async ({ isOnline, database }) => {
      Object.assign(globalThis, { client: await page.open(isOnline, database) });
    },
    { isOnline, database },
  );
}

/** Resolves when the tab shows exactly these. */
async function shows(opened: Page, ...contents: string[]): Promise<void> {
  await opened.waitForFunction(
    (expected) => client.items.map((item) => item.content_id).join() === expected,
    contents.join(),
  );
}

/** Have the browser delete the database under all tabs, as when the site's data are cleared. */
function deleteDatabase(another: Page): Promise<void> {
  return another.evaluate(async (name) => {
    await new Promise((resolve) => {
      indexedDB.deleteDatabase(name).onsuccess = resolve;
    });
  }, database);
}

function add(opened: Page, contentId: string): Promise<void> {
  return opened.evaluate(async (id) => {
    await client.add(id);
  }, contentId);
}

function isKept(opened: Page, storage: string): Promise<unknown> {
  return opened.waitForFunction((expected) => client.storage === expected, storage);
}

test("the store on IndexedDB does what every store must", async () => {
  await newProfile();
  const opened = await tab("store");
  assert.equal(await opened.evaluate(() => page.checkIndexedDb().then(() => "right", String)), "right");
});

test("a save with writes of the user waits for the disk; one with only what the service has does not", async () => {
  await newProfile();
  const opened = await tab("store");
  assert.deepEqual(await opened.evaluate(() => page.durabilities()), ["relaxed", "strict", "strict"]);
});

test("a database that another tab opens with a newer version is opened again", async () => {
  await newProfile();
  const [opened, another] = [await signedIn({ isOnline: true }), await tab("store")];
  await another.evaluate(async (name) => {
    await new Promise((resolve) => {
      indexedDB.open(name, 2).onsuccess = resolve;
    });
  }, database);
  await add(opened, A);
  await opened.waitForFunction(() => client.queueLength === 0);
  await opened.evaluate((id) => page.service.change("add", [id]), B);
  await shows(opened, B, A);
  assert.equal(await opened.evaluate(() => client.storage), "persistent");
  await add(opened, C); // once this is kept, so is what came before it
  await opened.close();
  await shows(await signedIn({ isOnline: false }), C, B, A);
});

test("a database that is deleted is created again, with the queue in it", async () => {
  await newProfile();
  const [opened, another] = [await signedIn({ isOnline: false }), await tab("store")];
  await add(opened, A);
  await deleteDatabase(another);
  await add(opened, B);
  await shows(opened, B, A);
  await opened.waitForFunction(() => page.events.join() === "memory,persistent");
  await opened.close();
  await assert.doesNotReject(shows(await signedIn({ isOnline: false }), B, A));
});

test("a tab that only followed creates a deleted database again, if the tab that led is closed first", async () => {
  const [leader, follower] = await twoTabsOffline();
  await deleteDatabase(await tab("store"));
  await leader.close();
  await follower.waitForFunction(() => page.events.join() === "memory,persistent");
  await shows(follower, A);
  assert.deepEqual(await follower.evaluate(() => [client.user, client.queueLength]), ["alice", 1]);
  assert.deepEqual(await follower.evaluate(() => page.reasons[0]), "Error: the browser has deleted the database");
  await follower.close();
  await assert.doesNotReject(shows(await signedIn({ isOnline: false }), A));
});

test("a tab that finds the database deleted and creates it again takes nothing from tabs that still have the list", async () => {
  const [leader, follower] = await twoTabsOffline();
  await deleteDatabase(await tab("store"));
  const third = await signedIn({ isOnline: false });
  await shows(third, A);
  await leader.close();
  for (const each of [follower, third]) await each.waitForFunction(() => page.events.join() === "memory,persistent");
  await add(third, B);
  await Promise.all([follower, third].map((each) => shows(each, B, A)));
  await Promise.all([follower.close(), third.close()]);
  await assert.doesNotReject(shows(await signedIn({ isOnline: false }), B, A));
});

test("a tab that leads keeps its list though another tab has created the deleted database first", async () => {
  const [leader, follower] = await twoTabsOffline();
  await deleteDatabase(await tab("store"));
  await shows(await signedIn({ isOnline: false }), A);
  await add(leader, B);
  await leader.waitForFunction(() => page.events.join() === "memory,persistent");
  await assert.doesNotReject(Promise.all([leader, follower].map((each) => shows(each, B, A))));
});

test("tabs go on in memory while the disk is full, and store all when it no longer is", async () => {
  await newProfile();
  const [leader, follower] = [await signedIn({ isOnline: false }), await signedIn({ isOnline: false })];
  await leader.evaluate(() => {
    const { put } = IDBObjectStore.prototype;
    Object.assign(globalThis, { repair: () => Object.assign(IDBObjectStore.prototype, { put }) });
    IDBObjectStore.prototype.put = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  });
  await add(follower, A);
  await Promise.all([isKept(leader, "memory"), isKept(follower, "memory")]);
  assert.deepEqual(await leader.evaluate(() => page.reasons), ["QuotaExceededError: full"]);
  const third = await signedIn({ isOnline: false });
  await add(third, B);
  await Promise.all([leader, follower, third].map((each) => shows(each, B, A)));
  await leader.evaluate(() => void repair());
  await Promise.all([leader, follower, third].map((each) => isKept(each, "persistent")));
  await leader.close();
  await add(follower, C);
  await Promise.all([follower, third].map((each) => shows(each, C, B, A)));
  await Promise.all([follower.close(), third.close()]);
  await assert.doesNotReject(shows(await signedIn({ isOnline: false }), C, B, A));
});

test("where the browser forbids databases and locks the client works in memory", async () => {
  await newProfile();
  const opened = await tab("store");
  await opened.evaluate(() => {
    const forbid = (): never => {
      throw new DOMException("forbidden", "SecurityError");
    };
    Object.defineProperty(globalThis, "indexedDB", { get: forbid });
    navigator.locks.request = async () => forbid();
  });
  await signIn(opened, { isOnline: true });
  await add(opened, A);
  await shows(opened, A);
  assert.deepEqual(await opened.evaluate(() => [client.storage, page.events[0]]), ["memory", "memory"]);
});

test("an operation has the same id in the tab that made it and in all others", async () => {
  await newProfile();
  const [leader, follower] = [await signedIn({ isOnline: true }), await signedIn({ isOnline: true })];
  const named = await follower.evaluate((id) => client.add(id).operation_id, A);
  for (const each of [leader, follower]) await each.waitForFunction((name) => page.events.includes(name), named);
  assert.equal(await leader.evaluate(() => page.service.written.size), 1);
});

for (const major of Object.keys(REACTS)) {
  const skip = isMissing || (ENGINE !== "chromium" && "React is the same in every engine");

  async function theHooksShowIt(): Promise<void> {
    await newProfile();
    const opened = await tab(`react${major}`);
    const [version, ...shown] = await opened.evaluate(() => page.change());
    assert.equal(version?.split(".")[0], major);
    assert.deepEqual(shown, ["|none", "2 1|false|2", "0 renders more", "0 listeners"]);
    assert.equal(await opened.evaluate(() => page.tear()), 1);
  }
  test(`in React ${major} the hooks show the lists, one item, the state and registers`, theHooksShowIt, skip);

  async function aRenderedPageIsTakenOver(): Promise<void> {
    await newProfile();
    const opened = await tab(`react${major}`);
    assert.deepEqual(await opened.evaluate(() => page.hydrate()), ["3", "client"]);
  }
  test(`a page that a server rendered with React ${major} is taken over`, aRenderedPageIsTakenOver, skip);
}
