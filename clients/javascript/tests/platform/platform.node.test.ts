/** The random bytes that names are made of, on platforms with good ones and without. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { randomBytes } from "../../src/platform/platform.js";

for (const [platform, crypto] of [
  ["a platform with good ones", globalThis.crypto],
  ["an old page without TLS", {}],
  ["React Native", undefined],
] as const) {
  test(`on ${platform} any byte may be drawn, and no two names are the same`, (context) => {
    const own = Object.getOwnPropertyDescriptor(globalThis, "crypto") ?? {};
    Object.defineProperty(globalThis, "crypto", { value: crypto, configurable: true });
    context.after(() => Object.defineProperty(globalThis, "crypto", own));
    assert.equal(new Set(randomBytes(10_000)).size, 256); // one is missing once in 10^14 runs
    const names = Array.from({ length: 100 }, () => randomBytes(12).join());
    assert.equal(new Set(names).size, 100);
  });
}
