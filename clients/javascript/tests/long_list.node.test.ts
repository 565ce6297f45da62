/** A list of 10,000 contents over a link that breaks again and again, in Node: the service is a fake, the socket is not. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";

import { SyncClient } from "../src/syncd-client.js";
import { content } from "./contents.js";
import { PYTHON, ROOT } from "./daemon.js";

/** As the fake has them. */
const ITEMS = 10_000;
const UNWANTED = content(999_999);
const MINE = content(500_000);

test("a long list comes complete over a link that keeps breaking, and is never shown in part", async () => {
  const child = spawn(PYTHON, [join(ROOT, "tests/fakes/breaking_service.py")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value: url } = await lines.next();
  const targets: string[] = [];
  const client = new SyncClient({ url, getToken: () => "a-token" });
  const shown = new Set<number>();
  const refused: unknown[] = [];
  try {
    client.addEventListener("connected", async () => targets.push((await lines.next()).value));
    client.addEventListener("updated", () => shown.add(client.items.length));
    client.addEventListener("refused", ({ content_id, code }) => refused.push([content_id, code]));
    client.addEventListener("disconnected", () => client.connect()); // as an app does that is told of the network
    await client.signIn("alice");
    client.add(MINE);
    client.add(UNWANTED);
    while (client.queueLength > 0)
      await new Promise((resolve) => client.addEventListener("updated", resolve, { once: true }));
    const older = Array.from({ length: ITEMS - 1 }, (_, index) => content(index + 1));
    assert.deepEqual(
      client.items.map((item) => item.content_id),
      [MINE, ...older],
    );
  } finally {
    await client.close();
    child.kill();
  }
  const behind = [1500, 3000, 4500].map((place) => `20000%2F${place}`);
  const again = [1500, 3000, 4500, 6000, 7500, 9000].map((place) => `20001%2F${place}`);
  assert.deepEqual(targets, [
    "/ws?snapshot=pieces&since=0",
    ...[...behind, ...again].map((cursor) => `/ws?snapshot=pieces&since=0&snapshot_cursor=${cursor}`),
  ]);
  assert.deepEqual(
    [...shown].filter((length) => length > 2 && length < ITEMS),
    [],
  );
  assert.deepEqual(refused, [[UNWANTED, "quota_exceeded"]]);
});
