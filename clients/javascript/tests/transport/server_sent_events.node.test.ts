/** Server-sent events, read from text wherever it is cut. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { EventReader, type ServerSentEvent } from "../../src/transport/server_sent_events.js";

const STREAM = [
  ": a comment\n\n",
  "data: one\r\n\r\n",
  "event: close\rdata:two\rdata: three\r\r",
  "data\n\n",
  "retry: 5\nid: 7\nevent: nothing\n\n",
  "data:  four \u2028 é\n\n",
  "data: not whole\n",
].join("");
const EVENTS = [
  { type: "message", data: "one" },
  { type: "close", data: "two\nthree" },
  { type: "message", data: "" },
  { type: "message", data: " four \u2028 é" },
];

test("events are read wherever the text is cut", () => {
  for (let size = 1; size <= STREAM.length; size += 1) {
    const reader = new EventReader();
    const read: ServerSentEvent[] = [];
    for (let begin = 0; begin < STREAM.length; begin += size)
      read.push(...reader.feed(STREAM.slice(begin, begin + size)));
    assert.deepEqual(read, EVENTS);
  }
});

test("a long event may come in many parts, and its length is known before its end", () => {
  const reader = new EventReader();
  const [part, parts] = ["x".repeat(1000), 5000];
  assert.deepEqual(reader.feed("data: "), []);
  for (let count = 0; count < parts; count += 1) assert.deepEqual(reader.feed(part), []);
  assert.equal(reader.size, "data: ".length + part.length * parts);
  assert.deepEqual(reader.feed("\n"), []);
  assert.equal(reader.size, part.length * parts);
  assert.deepEqual(reader.feed("\n"), [{ type: "message", data: part.repeat(parts) }]);
  assert.equal(reader.size, 0);
});
