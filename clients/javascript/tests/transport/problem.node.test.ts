/** Whether an answer is the service's own refusal. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { readProblem } from "../../src/transport/problem.js";

const TYPE = "application/problem+json";
const PROBLEM = { type: "about:blank", title: "Unauthorized", status: 401, detail: "The token has ended." };

test("the service's own refusal is read", () => {
  for (const type of [TYPE, "Application/Problem+JSON ; charset=utf-8"])
    assert.equal(readProblem(401, type, JSON.stringify(PROBLEM)), "The token has ended.");
});

test("an answer of another type is not the service's", () => {
  for (const type of [null, "", "application/json", "text/html"])
    assert.equal(readProblem(401, type, JSON.stringify(PROBLEM)), undefined);
});

test("an answer in another form is not the service's", () => {
  const others = [{ status: 403 }, { status: "401" }, { detail: null }, { detail: undefined }, { title: 7 }];
  const bodies = others.map((other) => JSON.stringify({ ...PROBLEM, ...other }));
  for (const body of ["", "<html>", "null", "[]", "7", ...bodies])
    assert.equal(readProblem(401, TYPE, body), undefined);
});
