/** The answers to a bulk of writes, as messages. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { recognized, type Write } from "../../src/data/messages.js";
import type { Answer } from "../../src/transport/carrying.js";
import { answersTo, bodyOf, countThatFits } from "../../src/transport/operations_post.js";

const WRITES: Write[] = ["r.1", "r.2"].map((id) => ({
  type: "watchlist_update",
  id,
  operation: "add",
  content_id: id,
  operation_id: id,
  observed: 0,
}));
const [FIRST] = WRITES as [Write];
const ADDED = { success: true, status: "added", revision: 7, timestamp: { physical: 5, logical: 0, node: "n" } };

function answer(status: number, body: string, more: Partial<Answer> = {}): Answer {
  return { status, body, retryAfterS: 0, problem: undefined, ...more };
}

function results(...given: readonly object[]): Answer {
  return answer(200, JSON.stringify({ results: given }));
}

test("the body has the writes in order", () => {
  const { operations } = JSON.parse(bodyOf(WRITES)) as { operations: Write[] };
  assert.deepEqual(
    operations.map(({ operation_id }) => operation_id),
    ["r.1", "r.2"],
  );
  const [toList] = JSON.parse(bodyOf([{ ...FIRST, type: "list_update", list: "kids" }])).operations as Write[];
  assert.deepEqual(toList, { ...FIRST, type: "list_update", list: "kids" });
});

test("one request has at most 32 KiB, or a single larger write: a slow link has 30 s for each", () => {
  const withData = (characters: number, character = "x") => ({
    ...FIRST,
    data: { note: character.repeat(characters) },
  });
  const full = Array.from({ length: 64 }, () => withData(900));
  const size = JSON.stringify(full[0]).length;
  assert.equal(countThatFits(full), Math.floor((32 * 1024) / size));
  assert.ok(bodyOf(full.slice(0, countThatFits(full))).length < 33 * 1024);
  assert.equal(countThatFits(Array.from({ length: 64 }, () => withData(300, "世"))), countThatFits(full));
  assert.deepEqual([countThatFits(WRITES), countThatFits([withData(40_000), FIRST])], [2, 1]);
});

test("a write of a register names its collection in place of a type and an id", () => {
  const timestamp = { physical: 1, logical: 0, node: "n" };
  const said = { operation: "update", timestamp } as const;
  const bodies = JSON.parse(
    bodyOf([
      { type: "progress_update", id: "r.1", content_id: "a", position_seconds: 7, collection: "films", ...said },
      { type: "device_update", id: "r.2", device_id: "tv", ...said },
    ]),
  ) as { operations: unknown };
  assert.deepEqual(bodies.operations, [
    { collection: "progress", content_id: "a", position_seconds: 7, ...said },
    { collection: "devices", device_id: "tv", ...said },
  ]);
});

test("each result becomes the message that a WebSocket would bring", () => {
  assert.deepEqual(answersTo(WRITES, results(ADDED, { success: true, status: "existing" }), recognized), [
    { ...ADDED, type: "ack", id: "r.1" },
    { success: true, type: "ack", id: "r.2", status: "existing" },
  ]);
  const full = { status: "refused", detail: "full", code: "quota_exceeded", field: "content_id" };
  assert.deepEqual(answersTo(WRITES, results({ status: "not_found" }, full), recognized), [
    { type: "error", id: "r.1", code: "not_found" },
    { ...full, type: "error", id: "r.2", message: "full" },
  ]);
  const [old] = answersTo([FIRST], results({ status: "refused", detail: "too old" }), recognized) ?? [];
  assert.deepEqual(old, {
    status: "refused",
    detail: "too old",
    type: "error",
    id: "r.1",
    code: "refused",
    message: "too old",
  });
});

test("after a 429 or 503 the writes are tried again later, after a bounded wait", () => {
  const expected = (retryAfterMs?: number): object[] =>
    WRITES.map(({ id }) => ({
      type: "error",
      id,
      code: "try_again_later",
      ...(retryAfterMs !== undefined && { retry_after_ms: retryAfterMs }),
    }));
  for (const status of [429, 503]) {
    assert.deepEqual(answersTo(WRITES, answer(status, "busy"), recognized), expected());
    assert.deepEqual(answersTo(WRITES, answer(status, "", { retryAfterS: 3 }), recognized), expected(3000));
    assert.deepEqual(answersTo(WRITES, answer(status, "", { retryAfterS: 1e9 }), recognized), expected(60_000));
    assert.deepEqual(
      answersTo(WRITES, answer(status, "", { retryAfterS: 1e9, problem: "full" }), recognized),
      expected(300_000),
    );
  }
});

test("an answer that is not the service's decides nothing", () => {
  const others = [
    answer(200, "<h1>Log in</h1>"),
    answer(200, "{}"),
    answer(302, ""),
    answer(401, "{}"),
    answer(500, ""),
  ];
  const cut = [results(ADDED), results(ADDED, ADDED, ADDED), results(ADDED, { status: 7 }), results(ADDED, [])];
  for (const other of [...others, ...cut]) assert.equal(answersTo(WRITES, other, recognized), null);
});
