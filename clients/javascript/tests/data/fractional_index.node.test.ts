/** Positions between positions: the same ones as in every client. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { between } from "../../src/data/fractional_index.js";
import { ROOT } from "../daemon.js";

interface Place {
  readonly a: string | null;
  readonly b: string | null;
}

const examples = JSON.parse(readFileSync(join(ROOT, "clients/conformance/positions.json"), "utf8")) as {
  readonly between: readonly (Place & { readonly is: string })[];
  readonly refused: readonly (Place & { readonly names: string })[];
  readonly inserted: readonly { readonly turns: string; readonly times: number; readonly last: string }[];
};

test("between two positions there is the one that every client makes", () => {
  for (const { a, b, is } of examples.between) assert.equal(between(a, b), is);
});

test("two positions with no room between them are refused, and the error names which", () => {
  for (const { a, b, names } of examples.refused)
    assert.throws(
      () => between(a, b),
      ({ message }: Error) => message.startsWith(`${names}: `),
    );
});

test("inserting at one place grows slowly", () => {
  for (const { turns, times, last } of examples.inserted) {
    let [low, high]: (string | null)[] = [null, null];
    let position = "";
    for (let time = 0; time < times; time += 1) {
      position = between(low ?? null, high ?? null);
      if (turns[time % turns.length] === ">") low = position;
      else high = position;
    }
    assert.equal(position, last);
  }
});
