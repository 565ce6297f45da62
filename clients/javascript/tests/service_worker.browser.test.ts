/** The legacy build in a service worker, where `import()` is forbidden, beside a page with the modern one. */

import assert from "node:assert/strict";
import process from "node:process";
import { after, before, test } from "node:test";

import type { SyncClient, SyncClientOptions } from "../src/syncd-client.js";
import { content } from "./contents.js";
import { Daemon, mint } from "./daemon.js";
import { type Browser, engineNamed, whyMissing } from "./engines.js";
import { Site } from "./site.js";

/** What the test page defines. */
declare const SyncClientOfPage: new (options: SyncClientOptions) => SyncClient;
declare let client: SyncClient;

const engine = engineNamed(process.env["ENGINE"] ?? "chromium");
const isMissing = whyMissing(engine);
const [A, B] = [content(1), content(2)];

/** Says how far it came once nothing waits any more. */
const WORKER = `import { SyncClient } from "./legacy.js";
  addEventListener("install", () => skipWaiting());
  addEventListener("message", async ({ source, data: { url, token, content } }) => {
    const client = new SyncClient({ url, getToken: () => token });
    client.addEventListener("updated", () => {
      const played = client.progress.get(content);
      if (client.queueLength === 0 && played?.pending === false) source.postMessage(played.position_seconds);
    });
    await client.signIn("ann");
    client.add(content);
    client.progress.update(content, { position_seconds: 90 });
  });`;

const site = new Site();
let daemon: Daemon;
let browser: Browser;

before(async () => {
  if (isMissing) return;
  site.addPage("worker", WORKER);
  await site.start();
  daemon = new Daemon("--allowed-origins", site.origin);
  await daemon.start();
  browser = await engine.launch();
});
after(async () => {
  await browser?.close();
  await daemon?.remove();
  site.stop();
});

test("a service worker shares list, progress and connection with the pages", {
  timeout: 120_000,
  skip: isMissing,
}, async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(site.url({}));
  // biome-ignore lint/security/noSecrets: the name of a global
  await page.waitForFunction(() => "SyncClientOfPage" in globalThis);
  const said = { url: daemon.url, token: mint("ann", "browser"), content: A };
  await page.evaluate(
    async ({ url, token, content }) => {
      Object.assign(globalThis, { client: new SyncClientOfPage({ url, getToken: () => token }) });
      await client.signIn("ann");
      client.add(content);
    },
    { ...said, content: B },
  );
  const position = await page.evaluate(async (said) => {
    await navigator.serviceWorker.register("/worker.js", { type: "module" });
    const { active } = await navigator.serviceWorker.ready;
    const answer = new Promise((resolve) => {
      navigator.serviceWorker.onmessage = ({ data }) => resolve(data);
    });
    navigator.serviceWorker.startMessages();
    active?.postMessage(said);
    return answer;
  }, said);
  assert.equal(position, 90);
  await page.waitForFunction((added) => client.has(added) && client.queueLength === 0, A);
  assert.deepEqual(await page.evaluate(() => client.items.length), 2);
  await context.close();
});
