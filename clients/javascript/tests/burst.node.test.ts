/** Requests close together cause one run. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { Burst } from "../src/burst.js";

test("several requests in one turn cause one run, at its end, and the next run comes a frame later at the earliest", async (context) => {
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
  context.mock.timers.tick(15);
  assert.equal(done, 1);
  context.mock.timers.tick(1);
  assert.equal(done, 2);
});

test("after a run longer than a frame the next one waits as long as that took: half of the time is left for others", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let nowMs = 1000;
  context.mock.method(performance, "now", () => nowMs);
  let done = 0;
  const burst = new Burst(() => {
    done += 1;
    nowMs += 50;
  });
  burst.ask();
  await setImmediate();
  burst.ask();
  context.mock.timers.tick(49);
  assert.equal(done, 1);
  context.mock.timers.tick(1);
  assert.equal(done, 2);
});
