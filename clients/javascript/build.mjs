/**
 * Bundles the client into one ES module that people can read, and beside it those for React and of other stores:
 * `node build.mjs FOLDER/syncd-client.js`.
 */

import { dirname } from "node:path";
import process from "node:process";

import { buildSync } from "esbuild";

buildSync({
  entryPoints: ["src/syncd-client.ts", "src/react.ts", "src/stores.ts"],
  bundle: true,
  format: "esm",
  target: "es2022",
  packages: "external",
  outdir: dirname(process.argv[2]),
  banner: {
    js: "// The client of syncd. Built by `npm run build` from clients/javascript/src: change it there.",
  },
});
