/** In Chromium: a store that the browser takes away, and the hooks in React 18 and 19. The service is a fake in the page. */

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { build } from "esbuild";
import type { Browser, BrowserContext, Page } from "playwright-core";

import type { SyncClient } from "../src/syncd-client.js";
import { launch, Site } from "./browser.js";
import { content } from "./contents.js";
import type { ReactPage } from "./page/react_page.js";
import type { StorePage } from "./page/store_page.js";

/** What the pages define. */
declare const page: StorePage & ReactPage;
declare let client: SyncClient;

const TIMEOUT_MS = 60_000;
const [A, B, C] = [content(1), content(2), content(3)];
/** How the packages of each are called here. */
const REACTS = { "18": { react: "react-18", "react-dom": "react-dom-18" }, "19": {} };

let site: Site;
let origin: string;
let browser: Browser;
let context: BrowserContext;

before(async () => {
  const scripts = await Promise.all([
    bundle("store_page", {}),
    ...Object.values(REACTS).map((alias) => bundle("react_page", alias)),
  ]);
  const names = ["store", ...Object.keys(REACTS).map((major) => `react${major}`)];
  const texts = names.flatMap((name, index) => [
    [`/${name}.js`, scripts[index] ?? ""],
    [`/${name}`, `<!doctype html><title>test</title><body><script type="module" src="/${name}.js"></script>`],
  ]);
  site = new Site({ "/": "<!doctype html><title>another</title>", ...Object.fromEntries(texts) });
  origin = await site.open();
  browser = await launch();
});
afterEach(() => context?.close());
after(async () => {
  await browser?.close();
  site?.close();
});

async function bundle(name: string, alias: Record<string, string>): Promise<string> {
  const define = { "process.env.NODE_ENV": '"development"' };
  const entryPoints = [`tests/page/${name}.ts`];
  const { outputFiles } = await build({ entryPoints, alias, define, bundle: true, format: "esm", write: false });
  return outputFiles[0]?.text ?? "";
}

/** A fresh profile. */
async function newProfile(): Promise<void> {
  context = await browser.newContext();
  context.setDefaultTimeout(TIMEOUT_MS);
}

async function tab(name: string): Promise<Page> {
  const opened = await context.newPage();
  opened.on("pageerror", (error) => console.error("in the page:", error));
  await opened.goto(`${origin}/${name}`);
  await opened.waitForFunction(() => "page" in globalThis);
  return opened;
}

/** A tab in which alice is signed in. */
async function signedIn({ isOnline }: { isOnline: boolean }): Promise<Page> {
  const opened = await tab("store");
  await opened.evaluate(async (online) => Object.assign(globalThis, { client: await page.open(online) }), isOnline);
  return opened;
}

/** Resolves when the tab shows exactly these. */
async function shows(opened: Page, ...contents: string[]): Promise<void> {
  await opened.waitForFunction(
    (expected) => client.items.map((item) => item.content_id).join() === expected,
    contents.join(),
  );
}

function isKept(opened: Page, storage: string): Promise<unknown> {
  return opened.waitForFunction((expected) => client.storage === expected, storage);
}

test("the browser's store keeps what it is given", async () => {
  await newProfile();
  const opened = await tab("store");
  assert.equal(await opened.evaluate(() => page.checkIndexedDb().then(() => "right", String)), "right");
});

test("a database that another tab opens with a newer version is opened again", async () => {
  await newProfile();
  const [opened, another] = [await signedIn({ isOnline: true }), await tab("store")];
  await another.evaluate(async () => {
    await new Promise((resolve) => {
      indexedDB.open("syncd", 2).onsuccess = resolve;
    });
  });
  await opened.evaluate((id) => client.add(id), A);
  await opened.waitForFunction(() => client.queueLength === 0);
  await opened.evaluate((id) => page.service.change("add", [id]), B);
  await shows(opened, B, A);
  assert.equal(await opened.evaluate(() => client.storage), "persistent");
  await opened.close();
  await shows(await signedIn({ isOnline: false }), B, A);
});

test("a database that is deleted is made again, with the queue", async () => {
  await newProfile();
  const [opened, another] = [await signedIn({ isOnline: false }), await tab("store")];
  await opened.evaluate((id) => client.add(id), A);
  await another.evaluate(async () => {
    await new Promise((resolve) => {
      indexedDB.deleteDatabase("syncd").onsuccess = resolve;
    });
  });
  await opened.evaluate((id) => client.add(id), B);
  await shows(opened, B, A);
  await opened.waitForFunction(() => page.events.join() === "memory,persistent");
  await opened.close();
  await assert.doesNotReject(shows(await signedIn({ isOnline: false }), B, A));
});

test("where the disk is full the tabs go on in memory, and when it is not, all is stored", async () => {
  await newProfile();
  const [leader, follower] = [await signedIn({ isOnline: false }), await signedIn({ isOnline: false })];
  await leader.evaluate(() => {
    const { put } = IDBObjectStore.prototype;
    Object.assign(globalThis, { repair: () => Object.assign(IDBObjectStore.prototype, { put }) });
    IDBObjectStore.prototype.put = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  });
  await follower.evaluate((id) => client.add(id), A);
  await Promise.all([isKept(leader, "memory"), isKept(follower, "memory")]);
  assert.deepEqual(await leader.evaluate(() => page.reasons), ["QuotaExceededError: full"]);
  const third = await signedIn({ isOnline: false });
  await third.evaluate((id) => client.add(id), B);
  await Promise.all([leader, follower, third].map((each) => shows(each, B, A)));
  await leader.evaluate("repair()");
  await Promise.all([leader, follower, third].map((each) => isKept(each, "persistent")));
  await leader.close();
  await follower.evaluate((id) => client.add(id), C);
  await Promise.all([follower, third].map((each) => shows(each, C, B, A)));
  await Promise.all([follower.close(), third.close()]);
  await assert.doesNotReject(shows(await signedIn({ isOnline: false }), C, B, A));
});

test("where the browser forbids databases and locks the client works in memory", async () => {
  await newProfile();
  await context.addInitScript(() => {
    const forbid = (): never => {
      throw new DOMException("forbidden", "SecurityError");
    };
    Object.defineProperty(globalThis, "indexedDB", { get: forbid });
    navigator.locks.request = async () => forbid();
  });
  const opened = await signedIn({ isOnline: true });
  await opened.evaluate((id) => client.add(id), A);
  await shows(opened, A);
  assert.deepEqual(await opened.evaluate(() => [client.storage, page.events[0]]), ["memory", "memory"]);
});

test("an operation has the same name in the tab that asked for it and in all others", async () => {
  await newProfile();
  const [leader, follower] = [await signedIn({ isOnline: true }), await signedIn({ isOnline: true })];
  const named = await follower.evaluate((id) => client.add(id).operation_id, A);
  for (const each of [leader, follower]) await each.waitForFunction((name) => page.events.includes(name), named);
  assert.equal(await leader.evaluate(() => page.service.written.size), 1);
});

for (const major of Object.keys(REACTS)) {
  test(`in React ${major} the hooks show the list, one item and the state`, async () => {
    await newProfile();
    const opened = await tab(`react${major}`);
    const [version, ...shown] = await opened.evaluate(() => page.change());
    assert.equal(version?.split(".")[0], major);
    assert.deepEqual(shown, ["|none", "2 1|false", "0 renders more"]);
    assert.equal(await opened.evaluate(() => page.tear()), 1);
  });

  test(`a page that a server rendered with React ${major} is taken over`, async () => {
    await newProfile();
    const opened = await tab(`react${major}`);
    assert.deepEqual(await opened.evaluate(() => page.hydrate()), ["3", "client"]);
  });
}
