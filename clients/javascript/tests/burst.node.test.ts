/** What comes close together is done once. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { Burst } from "../src/burst.js";

test("what is asked for in one turn is done once, at its end, and then not before a frame is over", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  context.mock.method(performance, "now", () => 1000);
  let done = 0;
  const burst = new Burst(() => {
    done += 1;
  });
  const ask = (): void => {
    for (let times = 0; times < 100; times += 1) burst.ask();
  };
  ask();
  assert.equal(done, 0);
  await setImmediate();
  assert.equal(done, 1);
  ask();
  await setImmediate();
  assert.equal(done, 1);
  context.mock.timers.tick(100);
  assert.equal(done, 2);
});
