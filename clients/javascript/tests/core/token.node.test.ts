import assert from "node:assert/strict";
import { test } from "node:test";

import { readToken } from "../../src/core/token.js";

function tokenOf(claims: string): string {
  return `e30.${Buffer.from(claims).toString("base64url")}.c2ln`;
}

test("the user and the expiry of a token are read", () => {
  const value = tokenOf('{"sub":"zoë ÿ~","exp":1764003600,"device_id":"tv"}');
  assert.deepEqual(readToken(value), { value, sub: "zoë ÿ~", exp: 1_764_003_600 });
});

test("a claim of another type counts as absent", () => {
  const [claims, none] = [tokenOf('{"sub":"alice","exp":"soon"}'), tokenOf('{"sub":["alice"],"exp":7.5}')];
  assert.deepEqual(readToken(claims), { value: claims, sub: "alice" });
  assert.deepEqual(readToken(none), { value: none, exp: 7.5 });
});

test("nothing is read from a token of another shape", () => {
  for (const value of [
    "",
    "opaque",
    "a.b.c",
    "e30.e30",
    `${tokenOf('{"sub":"bob"}')}.x`,
    tokenOf("null"),
    tokenOf("[]"),
    tokenOf('{"sub":7,"exp":"soon"}'),
  ]) {
    assert.deepEqual(readToken(value), { value });
  }
});
