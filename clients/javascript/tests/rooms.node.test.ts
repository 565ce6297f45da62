/** The rooms of src/: which may import which. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, normalize } from "node:path";
import { test } from "node:test";

import { PARTS } from "../builds.js";

const TOP = "top";

/** For each room, those from which its modules import anything, types included. The top may import everything. */
const BELOW: ReadonlyMap<string, readonly string[]> = new Map([
  ["platform", []],
  ["data", []],
  ["core", ["data"]],
  ["transport", ["platform", "data", "core"]],
  ["stores", ["data", "core"]],
  ["engine.ts", ["platform", "data", "core", "transport", "stores"]],
  ["tabs", ["data", "core", "transport", "stores", "engine.ts"]],
]);

/** A module that imports `loadX` from parts.ts knows the room of that part, and no other. */
const PART_LOADER = "parts.ts";

const IMPORT = /(?:(?:import|export)\s(?<names>[^;"]*?)\sfrom\s|import\(?\s?)"(?<path>\.[^"]+)"/gu;

/** Each import from one room into another: both modules. */
const ARROWS = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .flatMap((file) => importedBy(file).map((imported) => ({ file, imported })))
  .filter(({ file, imported }) => roomOf(file) !== roomOf(imported) && roomOf(file) !== TOP);

function importedBy(file: string): string[] {
  const imports = Array.from(readFileSync(join("src", file), "utf8").matchAll(IMPORT), ({ groups }) => groups ?? {});
  return imports.flatMap(({ names = "", path = "" }) => {
    const imported = normalize(join(file, "..", path)).replace(/\.js$/u, ".ts");
    return imported === PART_LOADER ? loadedBy(names) : [imported];
  });
}

/** The modules that these `names` of parts.ts load. */
function loadedBy(names: string): string[] {
  return Array.from(names.matchAll(/\bload(?<part>\w+)/gu), ({ groups: { part = "" } = {} }) => {
    const name = part.replace(/\B[A-Z]/gu, "_$&").toLowerCase();
    const [, source] = Object.entries(PARTS).find(([each]) => each === name) ?? [];
    assert.ok(source, part);
    return source.replace("src/", "");
  });
}

function roomOf(file: string): string {
  const [room = "", ...within] = file.split("/");
  return within.length > 0 || BELOW.has(room) ? room : TOP;
}

test("each room knows only those below it", () => {
  const against = ARROWS.filter(({ file, imported }) => !BELOW.get(roomOf(file))?.includes(roomOf(imported)));
  assert.deepEqual(against, []);
});

test("every arrow that is allowed is drawn: no import is read past, and no more is allowed than has to be", () => {
  const drawn = new Set(ARROWS.map(({ file, imported }) => `${roomOf(file)} -> ${roomOf(imported)}`));
  const allowed = Array.from(BELOW, ([room, below]) => below.map((other) => `${room} -> ${other}`)).flat();
  assert.deepEqual(drawn, new Set(allowed));
});
