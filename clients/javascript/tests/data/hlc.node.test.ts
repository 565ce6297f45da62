import assert from "node:assert/strict";
import { test } from "node:test";

import { compareTimestamps, follow, tick } from "../../src/data/hlc.js";

test("a stamp is above the last one, whatever the wall clock does", () => {
  const next = (physical: number, logical: number, nowMs: number) => tick({ physical, logical }, nowMs, "me");
  assert.deepEqual(next(5, 7, 6), { physical: 6, logical: 0, node: "me" });
  assert.deepEqual(next(5, 7, 5), { physical: 5, logical: 8, node: "me" });
  assert.deepEqual(next(5, 7, 1), { physical: 5, logical: 8, node: "me" });
  assert.deepEqual(next(5, 65_535, 1), { physical: 6, logical: 0, node: "me" });
});

test("a clock follows stamps that are ahead of it, and no others", () => {
  const clock = { physical: 5, logical: 7 };
  assert.deepEqual(follow(clock, { physical: 5, logical: 8, node: "tv" }), { physical: 5, logical: 8 });
  assert.equal(follow(clock, { physical: 5, logical: 7, node: "tv" }), clock);
  assert.equal(follow(clock, { physical: 4, logical: 9, node: "tv" }), clock);
});

test("stamps are ordered by time, then by the code points of their nodes", () => {
  const ascending = [
    { physical: 1, logical: 9, node: "z" },
    { physical: 2, logical: 0, node: "" },
    { physical: 2, logical: 0, node: "a" },
    { physical: 2, logical: 0, node: "ab" },
    { physical: 2, logical: 0, node: "b" },
    { physical: 2, logical: 0, node: "\uffff" },
    { physical: 2, logical: 0, node: "\u{10000}" }, // as UTF-16 units it would come before
    { physical: 2, logical: 1, node: "" },
  ];
  ascending.forEach((left, i) => {
    ascending.forEach((right, j) => {
      assert.equal(Math.sign(compareTimestamps(left, right)), Math.sign(i - j));
    });
  });
});
