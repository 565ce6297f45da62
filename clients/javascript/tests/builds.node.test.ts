/** The builds: what an old engine can parse and run, and how large the modern one is. */

import assert from "node:assert/strict";
import { basename } from "node:path";
import { test } from "node:test";
import vm from "node:vm";
import { gzipSync } from "node:zlib";

import { parse, type Token } from "acorn";

import { bundle, ENTRIES, LEGACY_COMMONJS, LEGACY_MODULE, LEGACY_SCRIPT, MODERN, PARTS } from "../builds.js";
import type * as syncd from "../src/syncd-client.js";
import { content } from "./contents.js";
import { Daemon, mint } from "./daemon.js";

/** The client and its part for React, without `between`, which a bundler leaves out; 12 KiB were asked for. */
const MAX_START_BYTES = 19.7 * 1024;
/** All modules: also the parts that are loaded on demand, and the stores for platforms without IndexedDB. */
const MAX_ALL_BYTES = 33.3 * 1024;
const TIMEOUT_MS = 60_000;
/** Named groups and property escapes are of ES2018, and newer than Chromium 63. */
const NEW_IN_REGEXPS = /\(\?<[^=!]|\\[pP]\{/u;

/** What JavaScript got after Chromium 63, by the object that has it. */
const NEW_BUILTINS = {
  globalThis: "globalThis AggregateError BigInt FinalizationRegistry Iterator WeakRef structuredClone queueMicrotask",
  "Array.prototype": "at findLast findLastIndex flat flatMap toReversed toSorted toSpliced with",
  Array: "fromAsync",
  "Map.prototype": "getOrInsert getOrInsertComputed",
  Map: "groupBy",
  Object: "fromEntries groupBy hasOwn",
  Promise: "allSettled any try withResolvers",
  "RegExp.prototype": "hasIndices",
  "Set.prototype": "union intersection difference symmetricDifference isSubsetOf isSupersetOf isDisjointFrom",
  "String.prototype": "at isWellFormed matchAll replaceAll toWellFormed trimEnd trimStart",
  "Symbol.prototype": "description",
  "Uint8Array.prototype": "at findLast findLastIndex toReversed toSorted with",
};

const TIMING = { setTimeout, clearTimeout, setInterval, clearInterval, performance };

interface Built {
  readonly name: string;
  readonly text: string;
}

async function built(options: object, entries: object = ENTRIES): Promise<Built[]> {
  const { outputFiles = [] } = await bundle(entries, { ...options, write: false, outdir: "." });
  return outputFiles.map(({ path, text }) => ({ name: path, text }));
}

for (const [kind, sourceType, options] of [
  ["module", "module", LEGACY_MODULE],
  ["CommonJS module", "script", LEGACY_COMMONJS],
  ["script", "script", LEGACY_SCRIPT],
] as const) {
  test(`Chromium 63 can parse the legacy ${kind}`, async () => {
    const files = await built(options);
    assert.notEqual(files.length, 0);
    for (const { text } of files) parse(text, { ecmaVersion: 2018, sourceType, onToken: checkRegExp });
  });
}

function checkRegExp(token: Token): void {
  const { type, value } = token as Token & { readonly value?: { readonly pattern: string } };
  if (type.label === "regexp") assert.doesNotMatch(value?.pattern ?? "", NEW_IN_REGEXPS);
}

test("what a page loads of the modern build, and all of it, is no larger than README.md says", async () => {
  const files = await built({ ...MODERN, minify: true }, { ...ENTRIES, ...PARTS });
  const sizes = new Map(files.map(({ name, text }) => [basename(name), gzipSync(text, { level: 9 }).length]));
  const sum = (names: Iterable<string>): number =>
    Array.from(names, (name) => sizes.get(name) ?? Number.NaN).reduce((all, each) => all + each, 0);
  const stdin = { contents: 'export { SyncClient } from "./src/syncd-client.ts"', resolveDir: "." };
  const [page] = (await bundle(undefined, { ...MODERN, minify: true, write: false, stdin })).outputFiles ?? [];
  const start = gzipSync(page?.text ?? "", { level: 9 }).length + sum(["react.js"]);
  const all = sum(sizes.keys());
  assert.ok(start <= MAX_START_BYTES, `at its start a page loads ${start} bytes`);
  assert.ok(all <= MAX_ALL_BYTES, `all modules have ${all} bytes`);
});

test("a part of the modern build is loaded when it is needed: none imports another, and the client none at its start", async () => {
  const { metafile } = await bundle({ ...ENTRIES, ...PARTS }, { ...MODERN, write: false, outdir: ".", metafile: true });
  const imported = Object.entries(metafile?.outputs ?? {}).flatMap(([name, { imports }]) =>
    imports.map(({ path, kind }) => `${basename(name)}: ${kind} ${path}`),
  );
  assert.deepEqual(imported.sort(), [
    "react.js: import-statement ./syncd-client.js",
    "react.js: import-statement react",
    ...Object.keys(PARTS).map((name) => `syncd-client.js: dynamic-import ./${name}.js`),
  ]);
});

test("the legacy script works in an engine that has little more than WebSockets", async () => {
  const daemon = new Daemon();
  await daemon.start();
  const phone = await deviceInOldEngine(daemon, "phone", Object.fromEntries([["URL", UnreadUrl]]));
  const tv = await deviceInOldEngine(daemon, "tv", {});
  try {
    await Promise.all([phone.signIn("ann"), tv.signIn("ann")]);
    phone.add(content(1));
    assert.deepEqual(contents(phone), [content(1)]);
    await until(tv, () => contents(tv).length === 1);
    tv.remove(content(1));
    tv.add(content(2));
    await until(phone, () => phone.queueLength === 0 && contents(phone).join() === content(2));
    await phone.signOut({ erase: true });
    assert.equal(phone.state, "signed_out");
  } finally {
    await Promise.all([phone.close(), tv.close()]);
    await daemon.remove();
  }
});

test("the client works where EventTarget is of another realm, as in Jest", async () => {
  const daemon = new Daemon();
  await daemon.start();
  let client: syncd.SyncClient | undefined;
  try {
    client = await deviceInOldEngine(daemon, "phone", { EventTarget, Event });
    await client.signIn("ann");
    client.add(content(1));
    await until(client, () => client?.queueLength === 0);
    assert.deepEqual(contents(client), [content(1)]);
  } finally {
    await client?.close();
    await daemon.remove();
  }
});

/** Like that of React Native before 0.78: accepts any text, and does not parse it. */
class UnreadUrl {
  readonly href: string;

  constructor(href: string) {
    this.href = href;
  }

  get protocol(): string {
    throw new Error("URL.protocol is not implemented");
  }
}

async function deviceInOldEngine(daemon: Daemon, device: string, globals: object): Promise<syncd.SyncClient> {
  const [file] = await built(LEGACY_SCRIPT);
  assert.ok(file);
  const engine = vm.createContext({ console, ...TIMING, WebSocket, TextDecoder, atob, ...globals });
  vm.runInContext("var self = this;", engine);
  for (const [owner, names] of Object.entries(NEW_BUILTINS)) {
    const object = vm.runInContext(owner, engine) as object;
    for (const name of names.split(" ")) Reflect.deleteProperty(object, name);
  }
  vm.runInContext(file.text, engine);
  const { SyncClient } = vm.runInContext("syncd", engine) as typeof syncd;
  return new SyncClient({ url: daemon.url, getToken: () => mint("ann", device) });
}

function contents(client: syncd.SyncClient): string[] {
  return Array.from(client.items, (item) => item.content_id);
}

/** Resolves when `isSo`, which is asked again at each event. */
async function until(client: syncd.SyncClient, isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("nothing was updated")), TIMEOUT_MS);
      const pass = (): void => {
        clearTimeout(timer);
        resolve();
      };
      client.addEventListener("updated", pass, { once: true });
    });
  }
}
