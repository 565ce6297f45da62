/** What an app may say of an item, and the errors for the rest. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { type Carried, checkedCarried } from "../../src/data/item_fields.js";

test("an item may carry an object and a position; null and undefined count as missing", () => {
  const data = { note: "\u{1F600} \\ud800", seen: [1, null] };
  const checked = checkedCarried({ data, position: "!~a0" });
  assert.deepEqual(checked, { data, position: "!~a0" });
  assert.notEqual(checked.data, data);
  assert.deepEqual(checkedCarried({ data: {} }), { data: {} });
  assert.deepEqual(checkedCarried({ data: null, position: undefined } as unknown as Carried), {});
});

test("what no item can carry is refused, and the error names the field", () => {
  const objects: unknown[] = ["", 0, false, [1], "{}", { note: "x".repeat(1024) }, { note: "é".repeat(512) }];
  const halves = [{ note: "\ud800" }, { "\udfff": 1 }, { note: "\\\udc00" }]; // the service cannot read them
  for (const data of [...objects, ...halves])
    assert.throws(() => checkedCarried({ data } as Carried), { name: "TypeError", message: /^data: /u }, String(data));
  for (const position of ["", "V".repeat(65), "a b", "ä", "a\n", 7, ["V"]])
    assert.throws(() => checkedCarried({ position } as Carried), { name: "TypeError", message: /^position: /u });
});
