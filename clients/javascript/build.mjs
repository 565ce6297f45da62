/** `node build.mjs DIR`: the modules that the daemon's page loads. `node build.mjs`: what the package holds, in dist/. */

import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

import { bundle, ENTRIES, LEGACY_COMMONJS, LEGACY_MODULE, LEGACY_SCRIPT, MODERN, PARTS } from "./builds.js";

const CLIENT = { "syncd-client": ENTRIES["syncd-client"] };
const [outdir] = process.argv.slice(2);
if (outdir === undefined) await buildPackage();
else await bundle({ ...CLIENT, ...PARTS }, { ...MODERN, outdir });

async function buildPackage() {
  const mapped = { sourcemap: true };
  await bundle({ ...ENTRIES, ...PARTS }, { ...MODERN, ...mapped, outdir: "dist/modern" });
  await bundle(ENTRIES, { ...LEGACY_MODULE, ...mapped, outdir: "dist/legacy" });
  await bundle(ENTRIES, { ...LEGACY_COMMONJS, ...mapped, outdir: "dist/commonjs" });
  await bundle([ENTRIES["syncd-client"]], {
    ...LEGACY_SCRIPT,
    ...mapped,
    outfile: "dist/legacy/syncd-client.script.js",
  });
  forOldTargets("dist/types");
  // To TypeScript a declaration is a module of the kind that the nearest package.json says: CommonJS has its own.
  cpSync("dist/types", "dist/commonjs", { recursive: true });
  writeFileSync("dist/commonjs/package.json", '{ "type": "commonjs" }\n');
}

/** Take out of declarations what TypeScript refuses below ES2015, which is what it compiles to unless it is told (up to 5.9). */
function forOldTargets(directory) {
  for (const name of readdirSync(directory, { recursive: true })) {
    if (!name.endsWith(".d.ts")) continue;
    const file = join(directory, name);
    writeFileSync(file, readFileSync(file, "utf8").replace(/^ *#private;\n/gmu, ""));
  }
}
