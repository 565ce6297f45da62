/** The built module in Chromium behind networks that refuse upgrades: browsers do not tell why one was. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { after, before, test } from "node:test";

import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

import type { SyncClient, SyncClientOptions } from "../src/syncd-client.js";
import { content, Daemon, mint } from "./daemon.js";
import { Middlebox } from "./middlebox.js";

/** What the test page defines. */
declare const SyncClientOfPage: new (options: SyncClientOptions) => SyncClient;
declare let client: SyncClient;
declare let reasons: string[];

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const PAGE = `<!doctype html><title>test</title><script type="module">
  import { SyncClient } from "./syncd-client.js";
  globalThis.SyncClientOfPage = SyncClient;
</script>`;
const [A, B] = [content(1), content(2)];

const site = createServer((request, response) => {
  const isModule = request.url === "/syncd-client.js";
  response.setHeader("content-type", isModule ? "text/javascript" : "text/html");
  response.end(isModule ? readFileSync("dist/syncd-client.js") : PAGE);
});
let origin: string;
let daemon: Daemon;
let network: Middlebox;
let url: string;
let browser: Browser;

before(async () => {
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  daemon = new Daemon("--allowed-origins", origin);
  await daemon.start();
  network = new Middlebox(daemon.url);
  url = await network.start();
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
});
after(async () => {
  await browser?.close();
  network?.stop();
  await daemon?.remove();
  site.close();
});

/** A page of another origin than the service's, in which `user` is signed in. */
async function openPage(context: BrowserContext, user: string, token = mint(user, "browser")): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(origin);
  // biome-ignore lint/security/noSecrets: the name of a global
  await page.waitForFunction(() => "SyncClientOfPage" in globalThis);
  await page.evaluate(
    async ({ url, token, user }) => {
      Object.assign(globalThis, { client: new SyncClientOfPage({ url, getToken: () => token }), reasons: [] });
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

test("where no upgrade comes through, a page goes by a stream, and all its tabs say so", async () => {
  network.trick = "refuses";
  const context = await browser.newContext();
  const page = await openPage(context, "bob");
  await page.waitForFunction(() => client.state === "live" && client.transport === "stream");
  await page.evaluate((id) => client.add(id), A);
  const other = await openPage(context, "bob");
  await other.evaluate((id) => client.add(id), B);
  const isSo = (): boolean =>
    client.queueLength === 0 && client.items.length === 2 && client.state === "live" && client.transport === "stream";
  await Promise.all([page.waitForFunction(isSo), other.waitForFunction(isSo)]);
  assert.equal((await daemon.watchlist("bob")).revision, 2);
});
