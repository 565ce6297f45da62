import assert from "node:assert/strict";
import { test } from "node:test";
import { SyncClient } from "../../src/client.js";
import { addressOf } from "../../src/transport/address.js";

const ADDRESSES = {
  "ws://localhost:8083": "ws://localhost:8083",
  "http://127.0.0.1:8083": "ws://127.0.0.1:8083",
  "HTTPS://sync.example.com/": "wss://sync.example.com",
  "wss://sync.example.com//": "wss://sync.example.com",
  "https://example.com/sync/v2/": "wss://example.com/sync/v2",
  "http://[::1]:8083": "ws://[::1]:8083",
};

test("an address is accepted as people write it", () => {
  for (const [url, address] of Object.entries(ADDRESSES)) {
    assert.equal(addressOf(url), address);
    assert.equal(addressOf(new URL(url)), address);
  }
});

test("a text that is no address is refused", () => {
  for (const url of [
    "",
    "localhost:8083",
    "127.0.0.1:8083",
    "nonsense",
    "ftp://x",
    "http://",
    "http://secret@h:99999",
    undefined,
  ])
    assert.throws(
      () => new SyncClient({ ...(url !== undefined && { url }), getToken: () => null }),
      /^TypeError: url: must be the service's address, such as https:\/\/sync\.example\.com/u,
    );
});

test("the refusal says what an address must not have, and does not repeat it", () => {
  for (const url of ["http://h/#secret", "http://h/?token=secret", "http://secret@h", "ws://h/secret/ws/"])
    assert.throws(
      () => new SyncClient({ url, getToken: () => null }),
      ({ name, message }: Error) => name === "TypeError" && !message.includes("secret") && message.includes("without"),
    );
});
