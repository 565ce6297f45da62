/** `node build.mjs FILE`: the module that the daemon's page loads. `node build.mjs`: what the package holds, in dist/. */

import { cpSync, writeFileSync } from "node:fs";
import process from "node:process";

import { bundle, ENTRIES, LEGACY_COMMONJS, LEGACY_MODULE, LEGACY_SCRIPT, MODERN } from "./builds.js";

const [outfile] = process.argv.slice(2);
if (outfile === undefined) buildPackage();
else bundle([ENTRIES["syncd-client"]], { ...MODERN, outfile });

function buildPackage() {
  const mapped = { sourcemap: true };
  bundle(ENTRIES, { ...MODERN, ...mapped, outdir: "dist/modern" });
  bundle(ENTRIES, { ...LEGACY_MODULE, ...mapped, outdir: "dist/legacy" });
  bundle(ENTRIES, { ...LEGACY_COMMONJS, ...mapped, outdir: "dist/commonjs" });
  bundle([ENTRIES["syncd-client"]], { ...LEGACY_SCRIPT, ...mapped, outfile: "dist/legacy/syncd-client.script.js" });
  // To TypeScript a declaration is a module of the kind that the nearest package.json says: CommonJS has its own.
  cpSync("dist/types", "dist/commonjs", { recursive: true });
  writeFileSync("dist/commonjs/package.json", '{ "type": "commonjs" }\n');
}
