import assert from "node:assert/strict";
import { test } from "node:test";

import { compareStamps, tick } from "../src/clock.js";

test("a stamp is above the last one, whatever the wall clock does", () => {
  assert.deepEqual(tick({ physical: 5, logical: 7 }, 6), { physical: 6, logical: 0 });
  assert.deepEqual(tick({ physical: 5, logical: 7 }, 5), { physical: 5, logical: 8 });
  assert.deepEqual(tick({ physical: 5, logical: 7 }, 1), { physical: 5, logical: 8 });
  assert.deepEqual(tick({ physical: 5, logical: 65535 }, 1), { physical: 6, logical: 0 });
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
    ascending.forEach((right, j) => assert.equal(Math.sign(compareStamps(left, right)), Math.sign(i - j)));
  });
});
