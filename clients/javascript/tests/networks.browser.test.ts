/** The built module in an engine of browsers behind networks that refuse upgrades: browsers do not say why one was refused. */

import assert from "node:assert/strict";
import process from "node:process";
import { after, before, test as nodeTest } from "node:test";
import { setTimeout } from "node:timers/promises";

import type { SyncClient, SyncClientOptions } from "../src/syncd-client.js";
import { content } from "./contents.js";
import { Daemon, mint } from "./daemon.js";
import { type Browser, type Context, engineNamed, type Page, whyMissing } from "./engines.js";
import { Middlebox } from "./middlebox.js";
import { Site } from "./site.js";

/** What the test page defines. */
declare const SyncClientOfPage: new (options: SyncClientOptions) => SyncClient;
declare let client: SyncClient;
declare let reasons: string[];
declare let storage: string;

const ENGINE = process.env["ENGINE"] ?? "chromium";
const engine = engineNamed(ENGINE);
const isMissing = whyMissing(engine);
const [A, B] = [content(1), content(2)];

const site = new Site();
let daemon: Daemon;
let network: Middlebox;
let url: string;
let browser: Browser;

before(async () => {
  if (isMissing) return;
  await site.start();
  daemon = new Daemon("--allowed-origins", site.origin);
  await daemon.start();
  network = new Middlebox(daemon.url);
  url = await network.start();
  browser = await engine.launch();
});
after(async () => {
  await browser?.close();
  network?.stop();
  await daemon?.remove();
  site.stop();
});

function test(name: string, body: () => Promise<void>): void {
  nodeTest(name, { skip: isMissing }, body);
}

/** A page of another origin than the service's, in which `user` is signed in. */
async function openPage(context: Context, user: string, token = mint(user, "browser")): Promise<Page> {
  const page = await context.newPage();
  await page.goto(site.url({}));
  // biome-ignore lint/security/noSecrets: the name of a global
  await page.waitForFunction(() => "SyncClientOfPage" in globalThis);
  await page.evaluate(
    async ({ url, token, user }) => {
      Object.assign(globalThis, {
        client: new SyncClientOfPage({ url, getToken: () => token, database: user }),
        reasons: [],
      });
      client.addEventListener("disconnected", ({ reason }) => reasons.push(reason));
      await client.signIn(user);
    },
    { url, token, user },
  );
  return page;
}

test("a page is told why the service refused its upgrade", async () => {
  network.trick = "nothing";
  const page = await openPage(await browser.newContext(), "ann", "not-of-this-service");
  await page.waitForFunction(() => reasons.length > 0);
  assert.equal(await page.evaluate(() => reasons[0]), "refused with status 401: The token is malformed.");
});

test("parts are loaded only when they are needed, and again if that failed", async () => {
  network.trick = "nothing";
  site.asked = [];
  const page = await openPage(await browser.newContext(), "eve");
  await page.waitForFunction(() => client.state === "live");
  await page.evaluate((id) => void client.add(id), A);
  await page.waitForFunction(() => client.queueLength === 0);
  assert.deepEqual(
    site.asked.filter((name) => name.endsWith(".js")),
    ["syncd-client.js"],
  );
  site.failures.set("registers.js", 2);
  await page.evaluate((id) => client.progress.update(id, { position_seconds: 7 }), A);
  await page.waitForFunction(() => client.queueLength === 1);
  assert.deepEqual(await page.evaluate(() => client.progress.items), []);
  while (site.failures.get("registers.js") !== 0) await setTimeout(20); // else the next attempt would be this one
  await page.evaluate(() => {
    client.disconnect();
    client.connect();
  });
  await page.waitForFunction(() => client.progress.items.length === 1 && client.queueLength === 0);
  site.failures.set("rejoining.js", 1);
  await page.evaluate(async (id) => {
    const { transaction } = IDBDatabase.prototype;
    IDBDatabase.prototype.transaction = () => {
      throw new Error("the disk is full");
    };
    await client.add(id);
    Object.assign(globalThis, { storage: client.storage });
    IDBDatabase.prototype.transaction = transaction;
  }, B);
  assert.equal(await page.evaluate(() => storage), "memory");
  await page.waitForFunction(() => client.storage === "persistent" && client.queueLength === 0);
  assert.ok(site.asked.filter((name) => name === "rejoining.js").length > 1);
});

test("if no upgrade comes through, a page uses a stream, and all its tabs say so", async () => {
  network.trick = "refuses";
  site.failures.set("refused_upgrade.js", 2); // the first time that it is needed it does not come
  const context = await browser.newContext();
  const page = await openPage(context, "bob");
  await page.waitForFunction(() => client.state === "live" && client.transport === "stream");
  await page.evaluate((id) => void client.add(id), A);
  const other = await openPage(context, "bob");
  await other.evaluate((id) => void client.add(id), B);
  const isSo = (): boolean =>
    client.queueLength === 0 && client.items.length === 2 && client.state === "live" && client.transport === "stream";
  await Promise.all([page.waitForFunction(isSo), other.waitForFunction(isSo)]);
  assert.equal((await daemon.watchlist("bob")).revision, 2);
});

test("a call that needs a part that does not load says so at once, and works once it loads", async () => {
  network.trick = "nothing";
  const page = await openPage(await browser.newContext(), "cid");
  await page.waitForFunction(() => client.state === "live");
  site.failures.set("requests.js", 2);
  site.failures.set("placing.js", 2);
  const failures = await page.evaluate(async (id) => {
    const failure = (error: Error & { code?: unknown }): unknown => [error.message, error.code];
    return [await client.send("tv", "pause").catch(failure), await client.list("kids").move(id).catch(failure)];
  }, A);
  assert.deepEqual(failures, [
    ["no network: ./requests.js did not come", null],
    ["no network: ./placing.js did not come", null],
  ]);
  assert.deepEqual(await page.evaluate(() => client.lists()), []);
});
