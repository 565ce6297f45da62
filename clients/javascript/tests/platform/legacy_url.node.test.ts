/** The `URL` for platforms whose own does not parse reads addresses as a real one does. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { SmallUrl, URL as UsableUrl } from "../../src/platform/legacy_url.js";

const PARTS = ["protocol", "username", "password", "host", "pathname", "search", "hash"] as const;

function partsOf(url: SmallUrl): string[] {
  return PARTS.map((part) => url[part]);
}

test("an address is read as the platform's own URL reads it", () => {
  for (const text of [
    "ws://localhost:8083",
    "HTTPS://Sync.Example.COM/",
    " https://sync.example.com ",
    "wss://sync.example.com//",
    "https://example.com:443/sync/v2/",
    "http://example.com:443",
    "http://example.com:80",
    "ws://example.com:80",
    "wss://example.com:443/sync",
    "http://example.com:65535",
    "http://[::1]:8083",
    "http://h/#secret",
    "http://h/?token=secret#a",
    "http://h?token=secret",
    "http://secret@h",
    "http://user:a@h:1/ws",
    "ftp://x/",
  ])
    assert.deepEqual(partsOf(new SmallUrl(text)), partsOf(new URL(text)), text);
});

test("a text that is no address is refused", () => {
  for (const text of [
    "",
    "127.0.0.1:8083",
    "nonsense",
    "http://",
    "http:///",
    "http://h:65536",
    "http://h:99999",
    "http://h:x",
    "http://a b",
  ])
    assert.throws(() => new SmallUrl(text), TypeError, text);
});

test("the platform's own URL is used if it parses addresses", () => {
  assert.equal(UsableUrl, URL);
});
