/** The package that `npm pack` makes, as apps use it: files, modules in Node, types under each kind of resolution. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";

import { parse } from "acorn";
import { build } from "esbuild";

import { PARTS } from "../builds.js";
import { ROOT } from "./daemon.js";

const SOURCES = resolve("tests/consumers");
/** Within this package, so that apps find `ws` and the types of Node. */
const APP = resolve("build/app");
const PACKAGE = join(APP, "node_modules/syncd-client");

before(() => {
  rmSync(APP, { recursive: true, force: true });
  mkdirSync(PACKAGE, { recursive: true });
  const [{ filename }] = JSON.parse(run("npm", "pack", "--json", "--pack-destination", APP)) as [{ filename: string }];
  run("tar", "--extract", "--file", join(APP, filename), "--strip-components=1", "--directory", PACKAGE);
  cpSync(SOURCES, APP, { recursive: true });
  cpSync(join(APP, "bare.ts"), join(APP, "required.cts"));
  writeFileSync(join(APP, "package.json"), '{ "type": "module" }');
});
after(() => rmSync(APP, { recursive: true, force: true }));

function run(command: string, ...args: string[]): string {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return assert.fail(`${command} ${args.join(" ")}\n${stdout}\n${stderr}`);
  }
}

/** Every file that `value`, a part of package.json, names. */
function filesIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return Object.values(value as object).flatMap(filesIn);
}

test("it has the licence, and every file that package.json names", () => {
  assert.equal(readFileSync(join(PACKAGE, "LICENSE"), "utf8"), readFileSync(join(ROOT, "LICENSE"), "utf8"));
  const { main, module, types, exports } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));
  const files = filesIn({ main, module, types, exports });
  assert.ok(files.length > 4);
  for (const file of files) assert.ok(existsSync(join(PACKAGE, file)), file);
});

test("tools that cannot read `exports` get what old engines can parse", () => {
  const { main, module } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));
  for (const [file, sourceType] of [
    [main, "script"],
    [module, "module"],
  ] as const) {
    const text = readFileSync(join(PACKAGE, file), "utf8");
    assert.doesNotThrow(() => parse(text, { ecmaVersion: 2018, sourceType }), file);
  }
});

test("each module has a source map that holds its sources", () => {
  const scripts = ["commonjs", "legacy", "modern"].flatMap((kind) =>
    readdirSync(join(PACKAGE, "dist", kind))
      .filter((file) => file.endsWith(".js"))
      .map((file) => join("dist", kind, file)),
  );
  for (const part of Object.keys(PARTS)) assert.ok(scripts.includes(`dist/modern/${part}.js`), part);
  for (const script of scripts) {
    const { groups } = /\/\/# sourceMappingURL=(?<map>.+)\s*$/u.exec(readFileSync(join(PACKAGE, script), "utf8")) ?? {};
    const { sources, sourcesContent } = JSON.parse(
      readFileSync(join(PACKAGE, script, "..", groups?.["map"] ?? ""), "utf8"),
    );
    assert.notEqual(sources.length, 0);
    for (const [index, source] of sources.entries()) {
      const [path = ""] = /src\/.+/u.exec(source) ?? [];
      assert.equal(sourcesContent[index], readFileSync(path, "utf8"), script);
    }
  }
});

test("it can be imported, required, and loaded as a script", () => {
  const use = "console.log(typeof SyncClient, SyncClient.name);";
  for (const program of [
    `import { SyncClient } from "syncd-client"; ${use}`,
    `import { SyncClient } from "syncd-client/legacy"; ${use}`,
    `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);
     const { SyncClient } = require("syncd-client"); ${use}`,
    `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);
     const { SyncClient } = require("./node_modules/syncd-client"); ${use}`, // by \`main\`
    `import { createRequire } from "node:module"; import { readFileSync } from "node:fs";
     const script = createRequire(import.meta.url).resolve("syncd-client/script");
     const { SyncClient } = new Function(readFileSync(script, "utf8") + "; return syncd;")(); ${use}`,
  ]) {
    writeFileSync(join(APP, "program.js"), program);
    assert.equal(run(process.execPath, join(APP, "program.js")), "function SyncClient\n", program);
  }
});

test("its parts for React and of other stores can be imported and required", () => {
  const use = "console.log(typeof useItem, typeof SqliteStore);";
  for (const program of [
    `import { useItem } from "syncd-client/react"; import { SqliteStore } from "syncd-client/stores"; ${use}`,
    `import { useItem } from "syncd-client/legacy/react"; import { SqliteStore } from "syncd-client/stores"; ${use}`,
    `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);
     const [{ useItem }, { SqliteStore }] = [require("syncd-client/react"), require("syncd-client/stores")]; ${use}`,
  ]) {
    writeFileSync(join(APP, "program.js"), program);
    assert.equal(run(process.execPath, join(APP, "program.js")), "function function\n", program);
  }
});

test("a bundler includes the parts that are loaded on demand", async () => {
  writeFileSync(join(APP, "program.js"), 'export { SyncClient } from "syncd-client";');
  const { metafile, warnings } = await build({
    ...{ entryPoints: [join(APP, "program.js")], outdir: join(APP, "bundled"), write: false, metafile: true },
    ...{ bundle: true, splitting: true, format: "esm" },
  });
  assert.deepEqual(warnings, []);
  const entries = Object.values(metafile.outputs).flatMap(({ entryPoint = [] }) => entryPoint);
  for (const part of Object.keys(PARTS))
    assert.ok(
      entries.some((file) => file.endsWith(`/modern/${part}.js`)),
      part,
    );
});

const NODE = { types: ["node"], lib: ["ES2022"] };
const BARE = { types: [], lib: ["ES2018"] };
const OLD = { ...BARE, target: "es5" };
const PAGE = { types: [], lib: ["ES2022", "DOM"] };
for (const [compiler, moduleResolution, module, platform, ...files] of [
  ["typescript", "bundler", "esnext", BARE, "bare.ts", "parts.ts"],
  ["typescript", "node16", "node16", BARE, "bare.ts", "required.cts", "parts.ts"],
  ["typescript-5", "node10", "commonjs", OLD, "bare.ts"],
  ["typescript", "bundler", "esnext", NODE, "node.ts"],
  ["typescript", "node16", "node16", NODE, "node.ts"],
  ["typescript-5", "node10", "commonjs", NODE, "node.ts"],
  ["typescript", "bundler", "esnext", PAGE, "browser.ts"],
] as const) {
  test(`its types hold for ${files.join(" and ")}, resolved as by ${moduleResolution}`, () => {
    const compilerOptions = {
      ...{ noEmit: true, strict: true, exactOptionalPropertyTypes: true, target: "es2022" },
      ...{ module, moduleResolution, ...platform },
    };
    writeFileSync(join(APP, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
    assert.equal(run(process.execPath, resolve("node_modules", compiler, "bin/tsc"), "-p", APP), "");
  });
}
